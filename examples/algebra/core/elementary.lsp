% Elementary functions: what is known of them at once, and their derivatives.

(flag '(sin tan asin atan sinh tanh) 'odd)
(flag '(cos abs cosh) 'even)

% --- Values at special arguments, and of inverse functions: (operator (argument . value) ...) with trees.

(deftable special
  (sin (0 . 0) (pi . 0) ((quotient pi 2) . 1) ((quotient pi 6) . (quotient 1 2)))
  (cos (0 . 1) (pi . (minus 1)) ((quotient pi 2) . 0) ((quotient pi 3) . (quotient 1 2)))
  (tan (0 . 0) (pi . 0) ((quotient pi 4) . 1))
  (atan (0 . 0) (1 . (quotient pi 4)))
  (asin (0 . 0) (1 . (quotient pi 2)))
  (sinh (0 . 0)) (cosh (0 . 1)) (tanh (0 . 0))
  (exp (0 . 1) (1 . e))
  (log (1 . 0) (e . 1))
  (abs (0 . 0)))

(deftable inverse
  (exp . log) (log . exp) (sin . asin) (tan . atan) (atan . tan))

(mapc '(sin cos tan atan asin sinh cosh tanh log)
      (function (lambda (name)
        (put name 'simplifier (list 'lambda '(arguments) (list 'simplify!-elementary (list 'quote name) 'arguments))))))

(de simplify!-elementary (name arguments)
  (check!-count name 1 (length arguments))
  (or (special!-value name (car arguments))
      (value!-of!-inverse name (car arguments))))

(de special!-value (name v)
  (let ((row (first!-such (get name 'special) (function (lambda (row) (equal (tree!-value (car row) nil) v))))))
    (and row (tree!-value (cdr row) nil))))

(de value!-of!-inverse (name v)
  (let ((kernel (q!-as!-kernel v)))
    (and (not (atom kernel)) (eq (car kernel) (get name 'inverse)) (cadr kernel))))

% --- The exponential of a sum is a product of powers of those of its terms without numbers.  So exp(2 x) is exp(x)^2,
% and what is 0 is found to be.

(put 'exp 'simplifier 'simplify!-exp)

(de simplify!-exp (arguments)
  (let ((v (car arguments)))
    (or (simplify!-elementary 'exp arguments)
        (and (not (unit!-monomial v))
             (let ((product (q!-number 1)))
               (dolist (monomial (p!-monomials (car v)) product)
                 (setq product (q!-times product (exp!-of!-monomial monomial (cdr v))))))))))

(de unit!-monomial (v)
  (let ((monomials (p!-monomials (car v))))
    (and (null (cdr monomials)) (onep (caar monomials)))))

(de exp!-of!-monomial (monomial d)
  (let ((v (q!-make (p!-times (p!-number (car monomial)) (powers!-product (cdr monomial))) d)))
    (let ((n (p!-leading!-number (car v))))
      (q!-expt (v!-function 'exp (list (q!-over v (q!-number n)))) n))))

(de powers!-product (powers)
  (fold powers 1 (function (lambda (p power) (p!-times p (p!-power (car power) (cdr power)))))))

% --- Square roots: of a quotient, by that of numerator times denominator; of numbers, as products of those of primes,
% so that there are no relations between them.

(put 'sqrt 'simplifier 'simplify!-sqrt)

(de simplify!-sqrt (arguments)
  (check!-count 'sqrt 1 (length arguments))
  (let ((n (caar arguments)) (d (cdar arguments)))
    (cond ((not (p!-onep d)) (q!-over (v!-function 'sqrt (list (q!-polynomial (p!-times n d)))) (q!-polynomial d)))
          ((p!-zerop n) (q!-number 0))
          (modulus!* nil)
          ((numberp n) (number!-root n))
          (t (polynomial!-root n)))))

(de number!-root (n)
  (cond ((minusp n) (v!-times (v!-variable 'i) (number!-root (minus n))))
        (t (let ((root (q!-number 1)))
             (dolist (factor (small!-factors n) root)
               (setq root (q!-times root (root!-of!-power (car factor) (cdr factor)))))))))

(de root!-of!-power (p n)
  (q!-times (q!-number (expt p (quotient n 2)))
            (cond ((evenp n) (q!-number 1)) (t (root!-kernel p)))))

(de root!-kernel (p)
  (cond ((onep p) (q!-number 1))
        ((onep (cdr (last!-factor p))) (setq algebraic!* t) (q!-kernel (k!-unique 'sqrt (list (q!-number p)))))
        (t (q!-number (car (last!-factor p))))))

(de last!-factor (n)
  % (root . 2) where n is a square, else (n . 1).
  (let ((root (isqrt n)))
    (cond ((eqn (times2 root root) n) (cons root 2))
          (t (cons n 1)))))

(de small!-factors (n)
  % n as a list of (factor . power), where factors are primes below 1000 but for the last.
  (let ((l nil) (p 2))
    (while (and (lessp p 1000) (leq (times2 p p) n))
      (let ((power 0))
        (while (zerop (remainder n p)) (setq n (quotient n p)) (increase power))
        (unless (zerop power) (push (cons p power) l)))
      (increase p))
    (reversip (cond ((onep n) l) (t (cons (cons n 1) l))))))

(de polynomial!-root (p)
  % Squares go out of the root: sqrt(x^2) is x.
  (load!-package 'factor)
  (setq algebraic!* t)
  (let ((c (p!-number!-content p)) (inside (cond ((minusp (p!-leading!-number p)) -1) (t 1))) (outside 1))
    (dolist (part (square!-free!-parts p))
      (when (oddp (cdr part)) (setq inside (p!-times inside (car part))))
      (setq outside (p!-times outside (p!-expt (car part) (quotient (cdr part) 2)))))
    (cond ((and (onep c) (p!-onep outside)) nil)
          (t (q!-times (q!-times (number!-root c) (q!-polynomial outside))
                       (v!-function 'sqrt (list (q!-polynomial inside))))))))

(put 'i 'square -1)

% --- Derivatives: (operator variables tree ...), one tree for each argument.

(deftable derivative
  (exp  (u) (exp u))
  (log  (u) (quotient 1 u))
  (sqrt (u) (quotient 1 (times 2 (sqrt u))))
  (sin  (u) (cos u))
  (cos  (u) (minus (sin u)))
  (tan  (u) (plus 1 (expt (tan u) 2)))
  (asin (u) (quotient 1 (sqrt (difference 1 (expt u 2)))))
  (atan (u) (quotient 1 (plus 1 (expt u 2))))
  (sinh (u) (cosh u))
  (cosh (u) (sinh u))
  (tanh (u) (difference 1 (expt (tanh u) 2)))
  (expt (u v) (times v (expt u (difference v 1))) (times (log u) (expt u v))))

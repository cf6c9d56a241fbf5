% Quotients of polynomials without common factor: (numerator . denominator), where the leading number of the
% denominator is positive.  They are the scalar values of the system.
%
% A kernel whose square is a polynomial has that on its property square (a name, as i) or is (sqrt v).  Such kernels
% stay below the second power, and out of denominators.

(fluid '(algebraic!*))  % true once there is a kernel with a square

(de q!-number (n) (cons (p!-number n) 1))
(de q!-kernel (kernel) (cons (p!-kernel kernel) 1))
(de q!-polynomial (p) (cons p 1))

(de q!-zerop (q) (p!-zerop (car q)))
(de q!-integer (q) (and (onep!* (cdr q)) (numberp (car q)) (car q)))
(de onep!* (p) (p!-onep p))
(de q!-constant (q) (and (numberp (car q)) (numberp (cdr q))))
(de q!-kernels (q) (union (p!-kernels (car q)) (p!-kernels (cdr q))))

(de q!-as!-kernel (q)
  % The kernel that q is, or nil.
  (let ((p (car q)))
    (and (p!-onep (cdr q)) (not (numberp p)) (equal (cdr p) '((1 . 1))) (car p))))

(de q!-as!-polynomial (q)
  (cond ((p!-onep (cdr q)) (car q))
        (t (complain (list "A polynomial expected instead of" q)))))

% --- From any numerator and denominator.

(de q!-make (n d)
  (when (p!-zerop d) (complain '("Division by zero")))
  (cond (algebraic!* (q!-without!-roots (p!-reduce!-squares n) (p!-reduce!-squares d)))
        (t (q!-lowest n d))))

(de q!-lowest (n d)
  (let ((g (p!-gcd n d)))
    (q!-signed (p!-exact n g) (p!-exact d g))))

(de q!-signed (n d)
  (cond (modulus!* (let ((l (p!-leading!-number d))) (cons (p!-over n l) (p!-over d l))))
        ((minusp (p!-leading!-number d)) (cons (p!-negate n) (p!-negate d)))
        (t (cons n d))))

% --- Arithmetic; see Knuth 4.5.1 for the places of the common factors.

(de q!-plus (a b)
  (cond ((and (p!-onep (cdr a)) (p!-onep (cdr b))) (q!-polynomial (p!-plus (car a) (car b))))
        ((equal (cdr a) (cdr b)) (q!-make (p!-plus (car a) (car b)) (cdr a)))
        (t (let ((g (p!-gcd (cdr a) (cdr b))))
             (q!-make (p!-plus (p!-times (car a) (p!-exact (cdr b) g)) (p!-times (car b) (p!-exact (cdr a) g)))
                      (p!-times (cdr a) (p!-exact (cdr b) g)))))))

(de q!-negate (a) (cons (p!-negate (car a)) (cdr a)))
(de q!-difference (a b) (q!-plus a (q!-negate b)))

(de q!-times (a b)
  (cond ((and (p!-onep (cdr a)) (p!-onep (cdr b)) (not algebraic!*)) (q!-polynomial (p!-times (car a) (car b))))
        (algebraic!* (q!-make (p!-times (car a) (car b)) (p!-times (cdr a) (cdr b))))
        (t (q!-times!-crosswise (q!-lowest (car a) (cdr b)) (q!-lowest (car b) (cdr a))))))

(de q!-times!-crosswise (a b)
  (cons (p!-times (car a) (car b)) (p!-times (cdr a) (cdr b))))

(de q!-over (a b) (q!-times a (q!-inverse b)))

(de q!-inverse (a)
  (when (q!-zerop a) (complain '("Division by zero")))
  (cond (algebraic!* (q!-make (cdr a) (car a)))
        (t (q!-signed (cdr a) (car a)))))

(de q!-expt (a n)
  (cond ((minusp n) (q!-expt (q!-inverse a) (minus n)))
        (algebraic!* (q!-make (p!-expt (car a) n) (p!-expt (cdr a) n)))
        (t (cons (p!-expt (car a) n) (p!-expt (cdr a) n)))))

% --- Kernels with a square.

(de k!-square (kernel)
  % The polynomial that is the square of kernel, or nil.
  (cond ((atom kernel) (get kernel 'square))
        ((eq (car kernel) 'sqrt) (caadr kernel))))

(de p!-reduce!-squares (p)
  (cond ((numberp p) p)
        (t (let ((square (k!-square (car p))) (sum 0))
             (dolist (term (cdr p) sum)
               (setq sum (p!-plus sum (p!-times (p!-reduce!-squares (cdr term))
                                                (k!-power (car p) (car term) square)))))))))

(de k!-power (kernel n square)
  (cond (square (p!-times (p!-power kernel (remainder n 2))
                          (p!-reduce!-squares (p!-expt square (quotient n 2)))))
        (t (p!-power kernel n))))

(de q!-without!-roots (n d)
  % (a + b r) (a - b r) = a^2 - b^2 r^2 for a root r.
  (let ((root (first!-such (p!-kernels d) (function k!-square))))
    (cond (root (let ((conjugate (p!-conjugate d root)))
                  (q!-without!-roots (p!-reduce!-squares (p!-times n conjugate))
                                     (p!-nonzero (p!-reduce!-squares (p!-times d conjugate))))))
          (t (q!-lowest n d)))))

(de p!-nonzero (p)
  (when (p!-zerop p) (complain '("Division by zero")))
  p)

(de p!-conjugate (p root)
  (cond ((numberp p) p)
        (t (let ((sum 0))
             (dolist (term (cdr p) sum)
               (let ((sign (cond ((and (eq (car p) root) (oddp (car term))) -1) (t 1))))
                 (setq sum (p!-plus sum (p!-times (p!-times (p!-power (car p) (car term)) sign)
                                                  (p!-conjugate (cdr term) root))))))))))

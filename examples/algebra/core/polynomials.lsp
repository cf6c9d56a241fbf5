% Polynomials in recursive representation: an integer, or
%
%     (kernel (degree . coefficient) (degree . coefficient) ...)
%
% with falling degrees, the first above 0, and coefficients that are polynomials, not 0, in kernels behind this one.
% So there is one representation of each polynomial, and equal compares them.  See D. Knuth, The Art of Computer
% Programming, vol. 2, section 4.6.

(fluid '(modulus!*))    % nil, or the prime that coefficients are taken modulo

% --- Numbers.

(de n!-reduce (n)
  (cond (modulus!* (mod n modulus!*))
        (t n)))

(de n!-plus (a b) (n!-reduce (plus2 a b)))
(de n!-times (a b) (n!-reduce (times2 a b)))

(de n!-gcd (a b)
  (cond (modulus!* 1)     % in a field everything divides everything
        (t (gcdn a b))))

(de n!-over (a b)
  % a / b, or nil where that is no number here.
  (cond (modulus!* (n!-times a (inverse!-modulo b modulus!*)))
        ((zerop (remainder a b)) (quotient a b))))

(de inverse!-modulo (a m)
  % Euclid's algorithm, with only one of the two cofactors (Knuth 4.5.2, Algorithm X).
  (prog (u v)
    (setq u (cons m 0))
    (setq v (cons (mod a m) 1))
    (while (not (zerop (car v)))
      (let ((q (quotient (car u) (car v))))
        (psetq u v v (cons (difference (car u) (times2 q (car v))) (difference (cdr u) (times2 q (cdr v)))))))
    (unless (onep (car u)) (complain (list a "has no inverse modulo" m)))
    (return (mod (cdr u) m))))

% --- Parts.

(de p!-zerop (p) (eqn p 0))
(de p!-onep (p) (eqn p 1))
(de p!-kernel (kernel) (list kernel '(1 . 1)))
(de p!-number (n) (n!-reduce n))
(de p!-degree (p) (caadr p))              % in the main variable, which there is
(de p!-leading (p) (cdadr p))
(de p!-reductum (p) (p!-make (car p) (cddr p)))

(de p!-make (kernel terms)
  (cond ((null terms) 0)
        ((zerop (caar terms)) (cdar terms))
        (t (cons kernel terms))))

(de p!-power (kernel n) (p!-make kernel (ncons (cons n 1))))

(de p!-coefficients (p) (mapcar (cdr p) (function cdr)))

(de p!-main (p) (cond ((numberp p) nil) (t (car p))))

(de p!-before (a b)
  % Does a have a main variable before those of b?
  (and (not (numberp a))
       (or (numberp b) (k!-before (car a) (car b)))))

(de p!-leading!-number (p)
  (cond ((numberp p) p)
        (t (p!-leading!-number (p!-leading p)))))

(de p!-kernels (p)
  (let ((seen nil))
    (p!-each!-kernel p (function (lambda (k) (unless (memq k seen) (setq seen (cons k seen))))))
    (reversip seen)))

(de p!-each!-kernel (p f)
  (unless (numberp p)
    (funcall f (car p))
    (dolist (term (cdr p)) (p!-each!-kernel (cdr term) f))))

(de p!-map (p f)
  % The polynomial with f of each coefficient of its main variable.
  (let ((l nil))
    (dolist (term (cdr p))
      (let ((c (funcall f (cdr term))))
        (unless (p!-zerop c) (push (cons (car term) c) l))))
    (p!-make (car p) (reversip l))))

% --- Sums.

(de p!-plus (a b)
  (cond ((p!-zerop a) b)
        ((p!-zerop b) a)
        ((p!-before a b) (p!-make (car a) (terms!-plus (cdr a) (ncons (cons 0 b)))))
        ((p!-before b a) (p!-make (car b) (terms!-plus (cdr b) (ncons (cons 0 a)))))
        ((numberp a) (n!-plus a b))
        (t (p!-make (car a) (terms!-plus (cdr a) (cdr b))))))

(de terms!-plus (r s)
  (let ((sum nil))
    (while (and r s)
      (cond ((eqn (caar r) (caar s))
             (let ((c (p!-plus (cdar r) (cdar s))))
               (unless (p!-zerop c) (push (cons (caar r) c) sum)))
             (setq r (cdr r))
             (setq s (cdr s)))
            ((greaterp (caar r) (caar s)) (push (car r) sum) (setq r (cdr r)))
            (t (push (car s) sum) (setq s (cdr s)))))
    (reversip2 sum (or r s))))

(de p!-negate (p) (p!-times -1 p))
(de p!-difference (a b) (p!-plus a (p!-negate b)))

% --- Products.

(de p!-times (a b)
  (cond ((or (p!-zerop a) (p!-zerop b)) 0)
        ((p!-before a b) (p!-scale a b))
        ((p!-before b a) (p!-scale b a))
        ((numberp a) (n!-times a b))
        (t (p!-make (car a) (terms!-times (cdr a) (cdr b))))))

(de p!-scale (p c)
  % p times c, which does not contain the main variable of p or what is before it.
  (p!-make (car p) (terms!-scale (cdr p) c 0)))

(de terms!-scale (terms c n)
  % Times c * x^n.  Modulo a number that is not prime a product may be 0.
  (let ((l nil))
    (dolist (term terms)
      (let ((product (p!-times (cdr term) c)))
        (unless (p!-zerop product) (push (cons (plus2 (car term) n) product) l))))
    (reversip l)))

(de terms!-times (r s)
  (let ((sum nil))
    (dolist (term r) (setq sum (terms!-plus sum (terms!-scale s (cdr term) (car term)))))
    sum))

(de p!-expt (p n)
  % By squaring from the left (Knuth 4.6.3).
  (cond ((zerop n) (p!-number 1))
        ((onep n) p)
        ((and (numberp p) (not modulus!*)) (expt p n))
        ((evenp n) (let ((root (p!-expt p (quotient n 2)))) (p!-times root root)))
        (t (p!-times p (p!-expt p (sub1 n))))))

% --- The same polynomial in another order of the kernels, and with another modulus.

(de p!-reorder (p)
  (cond ((numberp p) (p!-number p))
        (t (let ((x (p!-kernel (car p))))
             (p!-horner p x (function p!-reorder))))))

(de p!-horner (p x f)
  % The value of p at the polynomial x, with f of its coefficients: W. G. Horner's rule.
  (let ((value 0) (degree (p!-degree p)))
    (dolist (term (cdr p))
      (setq value (p!-plus (p!-times value (p!-expt x (difference degree (car term)))) (funcall f (cdr term))))
      (setq degree (car term)))
    (p!-times value (p!-expt x degree))))

(de p!-derivative (p x)
  % By a kernel that no other kernel in p depends on.
  (cond ((numberp p) 0)
        ((eq (car p) x) (p!-make x (terms!-derivative (cdr p))))
        (t (let ((sum 0))
             (dolist (term (cdr p) sum)
               (setq sum (p!-plus sum (p!-times (p!-power (car p) (car term)) (p!-derivative (cdr term) x)))))))))

(de terms!-derivative (terms)
  (let ((l nil))
    (dolist (term terms)
      (unless (zerop (car term))
        (let ((c (p!-times (p!-number (car term)) (cdr term))))
          (unless (p!-zerop c) (push (cons (sub1 (car term)) c) l)))))
    (reversip l)))

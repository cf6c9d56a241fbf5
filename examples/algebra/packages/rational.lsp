% Integrals of rational functions of x.  Polynomials here are in an order where x stands first; what else is in them is
% a parameter.
%
% Geddes, Czapor and Labahn, Algorithms for Computer Algebra, chapter 11.

(fluid '(order!*))

(de rational!-integral (q x)
  (let ((order!* (list x)))
    (let ((sum (integral!-of!-ordered (q!-reorder q) x)))
      (let ((order!* nil)) (v!-again sum)))))

(de integral!-of!-ordered (q x)
  % E. Horowitz and M. Ostrogradsky: q is (u / d1)' + b / d2, where d = d1 d2 and d2 has the factors of d once each.
  % The coefficients of u and b are the solution of a linear system.  As u may have a degree above that of d1, the
  % integral of the polynomial part is in it.
  (let ((n (car q)) (d (cdr q)))
    (let ((d1 (p!-gcd!-in d x)))
      (let ((d2 (p!-exact d d1)) (degree (horowitz!-degree n d d1 x)))
        (let ((found (combination (append (rational!-columns degree d1 d2 x)
                                          (multiples d1 (p!-degree!-in d2 x) x))
                                  n x)))
          (let ((u (q!-of!-coefficients (first!-n found degree) x))
                (b (q!-of!-coefficients (nthcdr found degree) x)))
            (q!-plus (q!-over u (q!-polynomial d1))
                     (logarithms (q!-over b (q!-polynomial d2)) x))))))))

(de p!-gcd!-in (d x)
  % Of d and its derivative, without what is free of x.
  (let ((g (p!-gcd d (p!-derivative d x))))
    (cond ((eq (p!-main g) x) (p!-primitive g))
          (t 1))))

(de horowitz!-degree (n d d1 x)
  % The number of coefficients of u.
  (plus2 (p!-degree!-in d1 x)
         (max 0 (add1 (difference (add1 (p!-degree!-in n x)) (p!-degree!-in d x))))))

(de rational!-columns (count d1 d2 x)
  % What the coefficient of x^k in u brings to the numerator: k x^(k - 1) d2 - x^k d1' d2 / d1.
  (let ((e (p!-exact (p!-times (p!-derivative d1 x) d2) d1)))
    (mapcar (numbers!-from!-to 0 (sub1 count))
            (function (lambda (k)
              (p!-difference (p!-times (p!-times k (p!-power x (max 0 (sub1 k)))) d2)
                             (p!-times (p!-power x k) e)))))))

(de multiples (p count x)
  % p, x p, x^2 p, ...
  (mapcar (numbers!-from!-to 0 (sub1 count)) (function (lambda (k) (p!-times (p!-power x k) p)))))

(de combination (columns target x)
  % The factors with which the columns add up to target.
  (let ((powers (numbers!-from!-to 0 (fold columns (p!-degree!-in target x)
                                           (function (lambda (n p) (max n (p!-degree!-in p x))))))))
    (particular!-solution
      (mapcar powers (function (lambda (k)
        (mapcar (append columns (list target)) (function (lambda (p) (q!-polynomial (coefficient!-of!-main p k x))))))))
      (length columns))))

(de coefficient!-of!-main (p k x)
  (let ((found (assoc k (p!-terms!-in p x))))
    (cond (found (cdr found)) (t 0))))

(de q!-of!-coefficients (l x)
  (let ((k -1))
    (fold l (q!-number 0)
          (function (lambda (sum c)
            (setq k (add1 k))
            (q!-plus sum (q!-times c (q!-polynomial (p!-power x k)))))))))

% --- The logarithmic part: a proper fraction whose denominator is square-free.  It is the sum of fractions with the
% irreducible factors of the denominator, each of which has an integral of its own.

(de logarithms (q x)
  (cond ((q!-zerop q) q)
        (t (let ((parts (parts!-of!-denominator (cdr q) x)))
             (let ((columns (mapcan parts (function (lambda (p)
                              (multiples (p!-exact (cdr q) p) (p!-degree!-in p x) x))))))
               (logarithms!-of!-parts parts (combination columns (car q) x) x))))))

(de parts!-of!-denominator (d x)
  (let ((l nil))
    (dolist (factor (p!-factors d) l)
      (when (and (not (numberp (car factor))) (plusp (p!-degree!-in (p!-reorder (car factor)) x)))
        (push (p!-reorder (car factor)) l)))))

(de logarithms!-of!-parts (parts coefficients x)
  (let ((sum (q!-number 0)))
    (dolist (p parts sum)
      (let ((degree (p!-degree!-in p x)))
        (setq sum (q!-plus sum (logarithm (q!-of!-coefficients (first!-n coefficients degree) x) p x)))
        (setq coefficients (nthcdr coefficients degree))))))

(de logarithm (n p x)
  % The integral of n / p, p irreducible.
  (let ((c (q!-over n (q!-polynomial (p!-derivative p x)))))
    (cond ((not (memq x (q!-kernels c))) (q!-times c (log!-without!-number (q!-polynomial p))))
          ((eqn (p!-degree p) 2)
           (integral!-over!-quadratic (coefficients!-to n 1 x) (coefficients!-to (q!-polynomial p) 2 x) x))
          ((biquadratic p) (integral!-over!-biquadratic n p x))
          (t (v!-function 'int (list (q!-over n (q!-polynomial p)) (q!-kernel x)))))))

(de coefficients!-to (q n x)
  % Of x^0 to x^n in the numerator, over the denominator.
  (mapcar (numbers!-from!-to 0 n)
          (function (lambda (k) (q!-make (coefficient!-of!-main (car q) k x) (cdr q))))))

(de integral!-over!-quadratic (n q x)
  % (n1 x + n0) / (q2 x^2 + q1 x + q0) is n1 / 2 q2 times the logarithmic derivative, and a number over the quadratic.
  (let ((half (q!-over (element n 1) (q!-times (q!-number 2) (element q 2)))))
    (let ((rest (q!-difference (element n 0) (q!-times half (element q 1)))))
      (q!-plus (q!-times half (log!-without!-number (q!-of!-coefficients q x)))
               (q!-times rest (integral!-of!-inverse q x))))))

(de integral!-of!-inverse (q x)
  % 1 / q: an arc tangent, or where the discriminant is a positive number two logarithms.
  (let ((d (discriminant (element q 2) (element q 1) (element q 0)))
        (y (q!-plus (q!-times (q!-times (q!-number 2) (element q 2)) (q!-kernel x)) (element q 1))))
    (cond ((and (q!-constant d) (plusp (car d))) (inverse!-by!-logarithms (v!-apply 'sqrt (list d)) y))
          (t (let ((root (v!-apply 'sqrt (list (q!-negate d)))))
               (q!-times (q!-over (q!-number 2) root) (v!-function 'atan (list (q!-over y root)))))))))

(de inverse!-by!-logarithms (root y)
  (q!-over (q!-difference (log!-without!-number (q!-difference y root)) (log!-without!-number (q!-plus y root)))
           root))

(de log!-without!-number (q)
  % Numbers that are factors of q would only add a constant.
  (v!-function 'log (list (q!-polynomial (p!-exact (car q) (p!-number!-content (car q)))))))

% --- a x^4 + b x^2 + c is a (x^2 + r x + s) (x^2 - r x + s) with s^2 = c / a and r^2 = 2 s - b / a.

(de biquadratic (p)
  % The number s of a polynomial for which it is a number, so that r is real; nil for others.
  (let ((l (and (eqn (p!-degree p) 4) (univariate p) (p!-list p))))
    (and l (zerop (element l 1)) (zerop (element l 3))
         (let ((s (v!-apply 'sqrt (list (q!-make (element l 4) (element l 0)))))
               (b (q!-make (element l 2) (element l 0))))
           (and (q!-constant s)
                (plusp (car (q!-difference (q!-plus s s) b)))
                s)))))

(de integral!-over!-biquadratic (n p x)
  (let ((s (biquadratic p)) (b (q!-make (element (p!-list p) 2) (p!-leading p))) (one (q!-number 1)))
    (let ((r (v!-apply 'sqrt (list (q!-difference (q!-plus s s) b)))))
      (let ((f (list s r one)) (g (list s (q!-negate r) one)))
        (let ((found (two!-fractions (q!-over n (q!-number (p!-leading p))) f g x)))
          (q!-plus (integral!-over!-quadratic (first!-n found 2) f x)
                   (integral!-over!-quadratic (nthcdr found 2) g x)))))))

(de two!-fractions (n f g x)
  % n / (f g) as (f1 x + f0) / f + (g1 x + g0) / g: the four coefficients.
  (let ((fp (q!-of!-coefficients f x)) (gp (q!-of!-coefficients g x)) (qx (q!-kernel x)))
    (let ((columns (list gp (q!-times qx gp) fp (q!-times qx fp))))
      (particular!-solution
        (mapcar '(0 1 2 3)
                (function (lambda (k)
                  (mapcar (append columns (list n)) (function (lambda (q) (element (coefficients!-to q 3 x) k)))))))
        4))))

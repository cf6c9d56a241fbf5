% Factors of polynomials: factorize(p) gives a list of {factor, power}.

(fluid '(modulus!* m!*))

% --- Square-free factors, by D. Yun's algorithm (Geddes, Czapor and Labahn, section 8.2): (factor . power).

(de p!-square!-free (p)
  % Of a primitive polynomial; characteristic 0.
  (let ((x (car p)) (dp (p!-derivative p (car p))) (l nil) (n 1))
    (let ((g (p!-gcd p dp)))
      (let ((c (p!-exact p g)) (d nil))
        (setq d (p!-difference (p!-exact dp g) (p!-derivative c x)))
        (while (not (numberp c))
          (let ((a (p!-gcd c d)))
            (unless (numberp a) (push (cons a n) l))
            (setq c (p!-exact c a))
            (setq d (p!-difference (p!-exact d a) (p!-derivative c x)))
            (increase n)))))
    (reversip l)))

% --- All factors: content, square-free factors of the primitive part, irreducible factors of these.

(de p!-factors (p)
  % List of (polynomial . power); the first may be a number.
  (let ((number (signed!-content p)))
    (let ((factors (sorted!-factors (polynomial!-factors (p!-exact p number)))))
      (cond ((and (onep number) factors) factors)
            (t (cons (cons number 1) factors))))))

(de signed!-content (p)
  (cond (modulus!* (p!-leading!-number p))
        ((minusp (p!-leading!-number p)) (minus (p!-number!-content p)))
        (t (p!-number!-content p))))

(de polynomial!-factors (p)
  (cond ((numberp p) nil)
        (modulus!* (modular!-factors p))
        (t (mapcan (square!-free!-parts p)
                   (function (lambda (part)
                     (mapcar (irreducible!-factors (car part)) (function (lambda (f) (cons f (cdr part)))))))))))

(de square!-free!-parts (p)
  % Of any polynomial, up to a number.
  (cond ((numberp p) nil)
        (t (let ((content (p!-content p)))
             (append (square!-free!-parts content) (p!-square!-free (p!-positive (p!-exact p content))))))))

(de modular!-factors (p)
  (let ((m!* modulus!*))
    (cond ((univariate p)
           (mapcar (d!-factors (d!-of!-polynomial p))
                   (function (lambda (f) (cons (p!-of!-list (car f) (car p)) (cdr f))))))
          (t (complain '("Modulo a prime only polynomials in one variable are factorised"))))))

(de univariate (p) (null (cdr (p!-kernels p))))

(de irreducible!-factors (p)
  (cond ((univariate p) (integer!-factors p))
        ((homogeneous p) (homogeneous!-factors p))
        (t (kronecker!-factors p))))

% The order does not depend on how they were found.

(de sorted!-factors (factors)
  (stable!-sort factors (function (lambda (f g) (factor!-before (car f) (car g))))))

(de factor!-before (f g)
  (cond ((numberp f) (or (not (numberp g)) (lessp f g)))
        ((numberp g) nil)
        ((not (eq (car f) (car g))) (k!-before (car f) (car g)))
        (t (terms!-before (cdr f) (cdr g)))))

(de terms!-before (r s)
  (cond ((null r) (and s t))
        ((null s) nil)
        ((lessp (caar r) (caar s)) t)
        ((lessp (caar s) (caar r)) nil)
        ((factor!-before (cdar r) (cdar s)) t)
        ((factor!-before (cdar s) (cdar r)) nil)
        (t (terms!-before (cdr r) (cdr s)))))

% --- For the user.

(de operation!-factorize (v)
  (v!-list (mapcar (p!-factors (v!-polynomial v)) (function factor!-and!-power))))

(de factor!-and!-power (f)
  % A power is no number of the field: it is not reduced.
  (v!-list (list (q!-polynomial (car f)) (cons (cdr f) 1))))

(de operation!-resultant (a b x)
  (let ((order!* (list (v!-name x))))
    (let ((p (p!-reorder (v!-polynomial a))) (q (p!-reorder (v!-polynomial b))))
      (let ((r (p!-resultant p q))) (let ((order!* nil)) (q!-polynomial (p!-positive!-or!-0 (p!-reorder r))))))))

(de p!-positive!-or!-0 (p)
  (cond ((p!-zerop p) p)
        (t (p!-positive p))))

(deftable operation
  (factorize 1 . operation!-factorize) (resultant 3 . operation!-resultant))

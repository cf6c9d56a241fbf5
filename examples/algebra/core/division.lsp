% Division and greatest common divisors of polynomials.

% --- Exact quotients: nil where there is none.

(de p!-over (a b)
  (cond ((p!-onep b) a)
        ((p!-zerop a) 0)
        ((and (numberp a) (numberp b)) (n!-over a b))
        ((p!-before b a) nil)
        ((p!-before a b) (p!-over!-each a b))
        (t (terms!-over (car a) (cdr a) (cdr b)))))

(de p!-over!-each (a b)
  (let ((l nil))
    (dolist (term (cdr a) (p!-make (car a) (reversip l)))
      (let ((c (p!-over (cdr term) b)))
        (unless c (return nil))
        (push (cons (car term) c) l)))))

(de terms!-over (x r s)
  (let ((l nil))
    (while t
      (when (null r) (return (p!-make x (reversip l))))
      (when (lessp (caar r) (caar s)) (return nil))
      (let ((c (p!-over (cdar r) (cdar s))) (n (difference (caar r) (caar s))))
        (unless c (return nil))
        (push (cons n c) l)
        (setq r (terms!-plus (cdr r) (terms!-scale (cdr s) (p!-negate c) n)))))))

(de p!-exact (a b)
  % Where b is known to divide a.
  (or (p!-over a b) (error 0 (list "not divisible" a b))))

% --- Division with remainder in the main variable x of b; a may not have it.

(de p!-degree!-in (p x)
  (cond ((eq (p!-main p) x) (p!-degree p))
        (t 0)))

(de p!-terms!-in (p x)
  (cond ((eq (p!-main p) x) (cdr p))
        ((p!-zerop p) nil)
        (t (ncons (cons 0 p)))))

(de p!-pseudo!-remainder (a b)
  % Of l^(deg a - deg b + 1) * a by b, where l is the leading coefficient of b: no fractions (Knuth 4.6.1, Algorithm R).
  (let ((r (p!-terms!-in a (car b))) (n (p!-degree b)) (l (p!-leading b)) (left 0))
    (when r (setq left (add1 (difference (caar r) n))))
    (while (and r (geq (caar r) n))
      (setq r (terms!-plus (terms!-scale (cdr r) l 0)
                           (terms!-scale (cddr b) (p!-negate (cdar r)) (difference (caar r) n))))
      (setq left (sub1 left)))
    (p!-make (car b) (terms!-scale r (p!-expt l (max left 0)) 0))))

% --- Content and primitive part: the greatest common divisor of the coefficients, and what remains.

(de p!-content (p) (p!-gcd!-of!-list (p!-coefficients p) 0))

(de p!-gcd!-of!-list (l start)
  (while (and l (not (p!-onep start)))
    (setq start (p!-gcd (car l) start))
    (setq l (cdr l)))
  start)

(de p!-primitive (p) (p!-positive (p!-exact p (p!-content p))))

(de p!-positive (p)
  % One of those that differ by units: the leading number is positive, or 1 in a field.
  (cond (modulus!* (p!-over p (p!-leading!-number p)))
        ((minusp (p!-leading!-number p)) (p!-negate p))
        (t p)))

(de p!-number!-content (p)
  (cond ((numberp p) (abs p))
        (t (fold (p!-coefficients p) 0 (function (lambda (n c) (n!-gcd n (p!-number!-content c))))))))

% --- Greatest common divisors.

(de p!-gcd (a b)
  (cond ((p!-zerop a) (cond ((p!-zerop b) 0) (t (p!-positive b))))
        ((p!-zerop b) (p!-positive a))
        ((or (p!-onep a) (p!-onep b)) 1)
        ((and (numberp a) (numberp b)) (n!-gcd a b))
        ((p!-before a b) (p!-gcd!-of!-list (p!-coefficients a) b))
        ((p!-before b a) (p!-gcd!-of!-list (p!-coefficients b) a))
        ((equal a b) (p!-positive a))
        (t (p!-gcd!-by!-parts a b))))

(de p!-gcd!-by!-parts (a b)
  (let ((content!-a (p!-content a)) (content!-b (p!-content b)))
    (p!-times (p!-gcd content!-a content!-b)
              (p!-gcd!-of!-primitive (p!-exact a content!-a) (p!-exact b content!-b)))))

(de p!-gcd!-of!-primitive (a b)
  (cond ((lessp (p!-degree a) (p!-degree b)) (subresultant!-gcd b a))
        (t (subresultant!-gcd a b))))

(de subresultant!-gcd (a b)
  % G. Collins and W. Brown: the remainder of each step is divided by what is known to divide it, without computing
  % its content (Knuth 4.6.1, Algorithm C).
  (let ((g 1) (h 1) (n nil) (r nil))
    (while t
      (setq n (difference (p!-degree a) (p!-degree b)))
      (setq r (p!-pseudo!-remainder a b))
      (cond ((p!-zerop r) (return (p!-primitive b)))
            ((not (eq (p!-main r) (car b))) (return 1)))
      (setq a b)
      (setq b (p!-exact r (p!-times g (p!-expt h n))))
      (setq g (p!-leading a))
      (setq h (subresultant!-power g h n)))))

(de subresultant!-power (g h n)
  % g^n / h^(n - 1)
  (cond ((zerop n) h)
        (t (p!-exact (p!-expt g n) (p!-expt h (sub1 n))))))

(de p!-lcm (a b) (p!-times a (p!-exact b (p!-gcd a b))))

(de p!-resultant (a b)
  % Of polynomials with the same main variable, up to its sign: the last of the subresultants.
  (let ((g 1) (h 1) (n nil) (r nil))
    (when (lessp (p!-degree a) (p!-degree b)) (psetq a b b a))
    (while t
      (setq n (difference (p!-degree a) (p!-degree b)))
      (setq r (p!-pseudo!-remainder a b))
      (when (p!-zerop r) (return 0))
      (setq a b)
      (setq b (p!-exact r (p!-times g (p!-expt h n))))
      (setq g (p!-leading a))
      (setq h (subresultant!-power g h n))
      (unless (eq (p!-main b) (car a))
        (return (subresultant!-power b h (p!-degree a)))))))

% Factors of polynomials in one variable modulo a prime m!*.
%
% D. Cantor and H. Zassenhaus, "A new algorithm for factoring polynomials over finite fields" (Math. Comp. 36, 1981);
% Knuth 4.6.2; Geddes, Czapor and Labahn, Algorithms for Computer Algebra, chapter 8.

(fluid '(m!* seed!*))

% --- Square-free factors, as (factor . power).  What has derivative 0 is a power of order m!*.

(de d!-square!-free (f power)
  (let ((l nil) (c nil) (w nil) (n 1))
    (setq f (d!-monic f))
    (setq c (d!-gcd f (d!-derivative f)))
    (setq w (d!-quotient f c))
    (while (not (d!-constantp w))
      (let ((y (d!-gcd w c)))
        (let ((z (d!-quotient w y)))
          (unless (d!-constantp z) (push (cons z (times2 n power)) l)))
        (setq w y)
        (setq c (d!-quotient c y))
        (increase n)))
    (cond ((d!-constantp c) l)
          (t (append l (d!-square!-free (d!-root!-of!-order!-m c) (times2 power m!*)))))))

(de d!-root!-of!-order!-m (f)
  % Each coefficient is its own root, by Fermat.
  (let ((l nil) (n (d!-degree f)))
    (dolist (c f)
      (when (zerop (remainder n m!*)) (push c l))
      (setq n (sub1 n)))
    (reversip l)))

% --- Products of the irreducible factors of each degree: x^(m^d) - x is the product of all of degrees that divide d.

(de d!-by!-degrees (f)
  % List of (product . degree).
  (let ((x '(1 0)) (l nil) (h '(1 0)) (d 0))
    (while (geq (d!-degree f) (times2 2 (add1 d)))
      (increase d)
      (setq h (d!-power!-modulo h m!* f))
      (let ((g (d!-gcd f (d!-difference h x))))
        (unless (d!-constantp g)
          (push (cons g d) l)
          (setq f (d!-quotient f g))
          (setq h (d!-remainder h f)))))
    (unless (d!-constantp f) (push (cons f (d!-degree f)) l))
    l))

% --- Splitting a product of factors of one degree d: for a random polynomial a, a^((m^d - 1) / 2) is 1 modulo about
% half of them, and -1 modulo the others.

(de d!-split (f d)
  (cond ((eqn (d!-degree f) d) (list f))
        (t (let ((g '(1)))
             (while (or (d!-constantp g) (eqn (length g) (length f)))
               (setq g (d!-gcd f (d!-trial (d!-random (length f)) d f))))
             (append (d!-split g d) (d!-split (d!-quotient f g) d))))))

(de d!-trial (a d f)
  (cond ((eqn m!* 2) (d!-trace a d f))
        (t (d!-difference (d!-power!-modulo a (quotient (sub1 (expt m!* d)) 2) f) '(1)))))

(de d!-trace (a d f)
  % a + a^2 + a^4 + ..., which is 0 or 1 modulo each factor.
  (let ((sum a))
    (dotimes (k (sub1 d))
      (setq a (d!-times!-modulo a a f))
      (setq sum (d!-plus sum a)))
    (d!-remainder sum f)))

(de d!-random (n)
  % A polynomial with n - 1 coefficients, the same in every run.
  (let ((l nil))
    (dotimes (k (sub1 n))
      (setq seed!* (remainder (plus2 (times2 seed!* 1103515245) 12345) 2147483648))
      (push (mod (quotient seed!* 64) m!*) l))
    (d!-strip l)))

% --- Irreducible factors of a square-free monic polynomial, and of any.

(de d!-factors!-of!-square!-free (f)
  (let ((seed!* 1))
    (mapcan (d!-by!-degrees f) (function (lambda (part) (d!-split (car part) (cdr part)))))))

(de d!-factors (f)
  % List of (factor . power).
  (mapcan (d!-square!-free f 1)
          (function (lambda (part)
            (mapcar (d!-factors!-of!-square!-free (car part)) (function (lambda (g) (cons g (cdr part)))))))))

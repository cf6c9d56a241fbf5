% Elementary number theory.

(fluid '(seed!*))

(de positive!-integer (v)
  (let ((n (v!-integer v)))
    (cond ((plusp n) n)
          (t (complain (list "A positive integer expected instead of" v))))))

(de operation!-primep (v) (v!-truth (prime!-number (v!-integer v))))

(de operation!-nextprime (v)
  (let ((n (add1 (v!-integer v))))
    (while (not (prime!-number n)) (increase n))
    (v!-number n)))

(de power!-modulo (a n m)
  (let ((result 1))
    (while (plusp n)
      (when (oddp n) (setq result (mod (times2 result a) m)))
      (setq a (mod (times2 a a) m))
      (setq n (quotient n 2)))
    result))

% --- G. Miller and M. Rabin: modulo a prime, 1 has no square roots but 1 and -1 (Knuth 4.5.4, Algorithm P).  For these
% bases there is no composite number below 3,317,044,064,679,887,385,961,981 that passes; above, "prime" is probable.

(de prime!-number (n)
  (cond ((lessp n 2) nil)
        (t (not (first!-such '(2 3 5 7 11 13 17 19 23 29 31 37 41)
                             (function (lambda (a) (shows!-composite a n))))))))

(de shows!-composite (a n)
  (cond ((zerop (remainder n a)) (not (eqn n a)))
        (t (let ((odd (sub1 n)) (twos 0))
             (while (evenp odd) (setq odd (quotient odd 2)) (increase twos))
             (no!-square!-root!-of!-1 (power!-modulo a odd n) twos n)))))

(de no!-square!-root!-of!-1 (x twos n)
  (cond ((onep x) nil)
        (t (while t
             (cond ((eqn x (sub1 n)) (return nil))
                   ((zerop (setq twos (sub1 twos))) (return t)))
             (setq x (mod (times2 x x) n))))))

% --- Factors: small ones by division, others by J. Pollard's rho method (Knuth 4.5.4).

(de integer!-prime!-factors (n)
  % Sorted list of (prime . power).
  (let ((small (small!-factors n)) (l nil))
    (dolist (factor small)
      (cond ((prime!-number (car factor)) (push factor l))
            (t (dolist (p (rho!-factors (car factor))) (setq l (count!-factor p l))))))
    (stable!-sort l (function (lambda (f g) (lessp (car f) (car g)))))))

(de count!-factor (p l)
  (let ((found (assoc p l)))
    (cond (found (cons (cons p (add1 (cdr found))) (delete found l)))
          (t (cons (cons p 1) l)))))

(de rho!-factors (n)
  (cond ((onep n) nil)
        ((prime!-number n) (list n))
        (t (let ((d (rho!-divisor n 1)))
             (append (rho!-factors d) (rho!-factors (quotient n d)))))))

(de rho!-divisor (n c)
  % x -> x^2 + c runs into a circle modulo a factor of n long before it does modulo n.
  (let ((slow 2) (fast 2) (d 1))
    (while (onep d)
      (setq slow (rho!-step slow c n))
      (setq fast (rho!-step (rho!-step fast c n) c n))
      (setq d (gcdn (difference fast slow) n)))
    (cond ((eqn d n) (rho!-divisor n (add1 c)))
          (t d))))

(de rho!-step (x c n) (mod (plus2 (times2 x x) c) n))

(de operation!-ifactor (v)
  (v!-list (mapcar (integer!-prime!-factors (positive!-integer v))
                   (function (lambda (f) (v!-list (list (v!-number (car f)) (v!-number (cdr f)))))))))

(de operation!-totient (v)
  (let ((n (positive!-integer v)))
    (dolist (factor (integer!-prime!-factors n))
      (setq n (difference n (quotient n (car factor)))))
    (v!-number n)))

(de operation!-remainder (a b) (v!-number (mod (v!-integer a) (v!-integer b))))

(deftable operation
  (primep 1 . operation!-primep) (nextprime 1 . operation!-nextprime) (ifactor 1 . operation!-ifactor)
  (totient 1 . operation!-totient) (mod 2 . operation!-remainder))

% Factors of a square-free primitive polynomial in one variable over the integers: modulo a prime, lifted to a power of
% it (K. Hensel's lemma), and recombined (H. Zassenhaus, "On Hensel factorization", J. Number Theory 1, 1969).
%
% J. von zur Gathen and J. Gerhard, Modern Computer Algebra, chapter 15; Knuth 4.6.2.

(fluid '(m!*))

(de integer!-factors (p)
  % List of polynomials whose product is p.
  (cond ((leq (p!-degree p) 1) (list p))
        (t (let ((prime (best!-prime p)))
             (cond ((null (cddr prime)) (list p))       % irreducible modulo a prime, and so it is
                   (t (recombine p (lift!-all p (car prime) (cdr prime)))))))))

% --- The prime: modulo it, p keeps its degree and stays square-free.  Of the first few, the one with fewest factors.

(de best!-prime (p)
  % (prime factor ...)
  (let ((best nil) (tried 0) (m 2))
    (while (lessp tried 4)
      (setq m (next!-prime m))
      (let ((factors (and (good!-prime m p) (factors!-modulo p m))))
        (when factors
          (increase tried)
          (when (or (null best) (lessp (length factors) (length (cdr best)))) (setq best (cons m factors))))))
    best))

(de next!-prime (m)
  (increase m)
  (while (not (primep64 m)) (increase m))
  m)

(de good!-prime (m p)
  (let ((m!* m))
    (and (not (zerop (remainder (p!-leading p) m)))
         (let ((f (d!-of!-polynomial p)))
           (d!-constantp (d!-gcd f (d!-derivative f)))))))

(de factors!-modulo (p m)
  (let ((m!* m)) (d!-factors!-of!-square!-free (d!-monic (d!-of!-polynomial p)))))

% --- Lifting.  Factors are lifted in pairs: the product of one half of them, with the leading coefficient, and that of
% the other half, which is monic; then each half.

(de lift!-all (p prime factors)
  % (modulus factor ...)
  (let ((modulus prime) (bound (times2 2 (factor!-bound p))))
    (while (lessp modulus bound) (setq modulus (times2 modulus modulus)))
    (cons modulus (lift!-factors (p!-list p) factors prime modulus))))

(de factor!-bound (p)
  % M. Mignotte: coefficients of factors, times the leading coefficient of p.
  (let ((sum 0) (n (p!-degree p)))
    (dolist (c (p!-coefficients p)) (increase sum (times2 c c)))
    (times (abs (p!-leading p)) (expt 2 n) (add1 (isqrt sum)))))

(de lift!-factors (f factors prime modulus)
  (cond ((null (cdr factors)) (list (let ((m!* modulus)) (d!-monic (d!-reduce f)))))
        (t (let ((half (quotient (length factors) 2)))
             (let ((first (first!-n factors half)) (rest (nthcdr factors half)))
               (let ((gh (lift!-pair f first rest prime modulus)))
                 (append (lift!-factors (car gh) first prime modulus)
                         (lift!-factors (cdr gh) rest prime modulus))))))))

(de d!-product (l) (fold l '(1) (function d!-times)))

(de lift!-pair (f first rest prime modulus)
  (let ((m!* prime))
    (let ((g (d!-scale (d!-product first) (mod (car f) prime))) (h (d!-product rest)))
      (let ((st (d!-cofactors g h)))
        (while (lessp m!* modulus)
          (setq m!* (times2 m!* m!*))
          (let ((gh (lifted!-factors f g h st)))
            (setq st (lifted!-cofactors (car gh) (cdr gh) st))
            (setq g (car gh))
            (setq h (cdr gh))))
        (cons g h)))))

(de lifted!-factors (f g h st)
  (let ((e (d!-difference (d!-reduce f) (d!-times g h))))
    (let ((qr (d!-divide (d!-times (car st) e) h)))
      (cons (d!-plus g (d!-plus (d!-times (cdr st) e) (d!-times (car qr) g)))
            (d!-plus h (cdr qr))))))

(de lifted!-cofactors (g h st)
  (let ((b (d!-difference (d!-plus (d!-times (car st) g) (d!-times (cdr st) h)) '(1))))
    (let ((cd (d!-divide (d!-times (car st) b) h)))
      (cons (d!-difference (car st) (cdr cd))
            (d!-difference (cdr st) (d!-plus (d!-times (cdr st) b) (d!-times (car cd) g)))))))

% --- Recombination: a factor over the integers is a product of some of those modulo modulus.  Products of one, two ...
% are tried, up to a half of those that are left.

(de recombine (p lifted)
  (let ((m!* (car lifted)) (left (cdr lifted)) (size 1) (found nil))
    (while (leq (times2 2 size) (length left))
      (let ((hit (factor!-of!-size p left size)))
        (cond (hit (push (car hit) found)
                   (setq p (p!-exact p (car hit)))
                   (setq left (set!-without left (cdr hit))))
              (t (increase size)))))
    (cond ((numberp p) found)
          (t (cons p found)))))

(de set!-without (l these)
  (all!-such l (function (lambda (x) (not (memq x these))))))

(de factor!-of!-size (p left size)
  % (factor . what it is made of), or nil.
  (try!-subsets left size nil (function (lambda (subset) (true!-factor p subset)))))

(de try!-subsets (l n chosen f)
  % The first value of f that is not nil, of all subsets of n elements of l together with those chosen.
  (cond ((zerop n) (let ((value (funcall f chosen))) (and value (cons value chosen))))
        ((lessp (length l) n) nil)
        ((try!-subsets (cdr l) (sub1 n) (cons (car l) chosen) f))
        (t (try!-subsets (cdr l) n chosen f))))

(de true!-factor (p subset)
  (and (constant!-term!-divides p subset)
       (let ((g (p!-primitive (p!-of!-list (mapcar (d!-scale (d!-product subset) (mod (p!-leading p) m!*))
                                                   (function symmetric))
                                           (car p)))))
         (and (p!-over p g) g))))

(de constant!-term!-divides (p subset)
  % A quick test, as most subsets fail.
  (let ((c (mod (p!-leading p) m!*)) (n (times2 (p!-leading p) (p!-constant!-term p))))
    (dolist (g subset) (setq c (mod (times2 c (lastcar g)) m!*)))
    (setq c (symmetric c))
    (cond ((zerop c) (zerop n))
          (t (zerop (remainder n c))))))

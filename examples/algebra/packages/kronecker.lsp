% Factors of polynomials in several variables: square-free, primitive, over the integers.

% --- A polynomial whose monomials have one degree loses nothing when the last variable becomes 1.

(de powers!-degree (monomial)
  (fold (cdr monomial) 0 (function (lambda (n power) (plus2 n (cdr power))))))

(de homogeneous (p) (all!-equal (mapcar (p!-monomials p) (function powers!-degree))))

(de homogeneous!-factors (p)
  (let ((last (lastcar (p!-kernels p))))
    (mapcar (irreducible!-factors (p!-positive (monomials!-sum (p!-monomials p) (function (lambda (monomial)
                                    (p!-without!-kernel monomial last))))))
            (function (lambda (f) (made!-homogeneous f last))))))

(de monomials!-sum (monomials f) (fold monomials 0 (function (lambda (sum m) (p!-plus sum (funcall f m))))))

(de p!-without!-kernel (monomial kernel)
  (p!-times (car monomial)
            (powers!-product (all!-such (cdr monomial) (function (lambda (power) (not (eq (car power) kernel))))))))

(de made!-homogeneous (p kernel)
  (let ((degree (fold (p!-monomials p) 0 (function (lambda (n m) (max n (powers!-degree m)))))))
    (monomials!-sum (p!-monomials p)
                    (function (lambda (m)
                      (p!-times (p!-times (car m) (powers!-product (cdr m)))
                                (p!-power kernel (difference degree (powers!-degree m)))))))))

% --- Several variables: L. Kronecker's substitution.  With x1 = x, x2 = x^d, x3 = x^(d^2) ..., where d is above all
% degrees, different monomials stay different; so each factor is found as a product of some factors of the image.

(de kronecker!-factors (p)
  (let ((names (p!-kernels p)) (d (add1 (highest!-degree p))))
    (let ((image (kronecker!-image p names d)))
      (let ((pieces (mapcan (p!-square!-free (p!-positive (p!-exact image (p!-number!-content image))))
                            (function (lambda (part) (repeated (integer!-factors (car part)) (cdr part)))))))
        (kronecker!-recombine p pieces names d)))))

(de repeated (l n)
  % Each element n times, as a list of its own: pieces are known by eq.
  (mapcan l (function (lambda (f) (mapcar (numbers!-from!-to 1 n) (function (lambda (k) (ncons f))))))))

(de highest!-degree (p)
  (let ((n 0))
    (dolist (monomial (p!-monomials p) n)
      (dolist (power (cdr monomial)) (setq n (max n (cdr power)))))))

(de kronecker!-image (p names d)
  (let ((sum 0))
    (dolist (monomial (p!-monomials p) sum)
      (setq sum (p!-plus sum (p!-times (car monomial)
                                       (p!-power (car names) (image!-degree (cdr monomial) names d))))))))

(de image!-degree (powers names d)
  (let ((n 0) (weight 1))
    (dolist (name names n)
      (let ((power (atsoc name powers)))
        (when power (increase n (times2 weight (cdr power)))))
      (setq weight (times2 weight d)))))

(de kronecker!-original (image names d)
  (cond ((numberp image) image)
        (t (let ((sum 0))
             (dolist (term (cdr image) sum)
               (setq sum (p!-plus sum (p!-times (cdr term) (original!-monomial (car term) names d)))))))))

(de original!-monomial (n names d)
  (let ((product 1))
    (dolist (name names product)
      (setq product (p!-times product (p!-power name (remainder n d))))
      (setq n (quotient n d)))))

(de kronecker!-recombine (p left names d)
  (let ((size 1) (found nil))
    (while (leq (times2 2 size) (length left))
      (let ((hit (try!-subsets left size nil (function (lambda (subset) (kronecker!-factor p subset names d))))))
        (cond (hit (push (car hit) found)
                   (setq p (p!-exact p (car hit)))
                   (setq left (set!-without left (cdr hit))))
              (t (increase size)))))
    (cond ((numberp p) found)
          (t (cons p found)))))

(de kronecker!-factor (p subset names d)
  (let ((g (kronecker!-original (fold subset 1 (function (lambda (product f) (p!-times product (car f))))) names d)))
    (and (not (numberp g)) (p!-over p g) (p!-positive g))))

% Polynomials for Groebner bases: lists of terms (exponents . quotient) in falling order, where the exponents are those
% of given variables and the quotients have everything else.

(fluid '(variables!* before!*))     % the variables; the order of monomials, a function of two lists of exponents

% --- Monomials.

(de lexical!-before (a b)
  (while (and a (eqn (car a) (car b)))
    (setq a (cdr a))
    (setq b (cdr b)))
  (and a (greaterp (car a) (car b))))

(de m!-degree (a) (fold a 0 (function plus2)))

(de total!-before (a b)
  % By total degree; of one degree, that with less of the last variables stands first.
  (let ((n (m!-degree a)) (m (m!-degree b)))
    (cond ((eqn n m) (lexical!-before (reverse b) (reverse a)))
          (t (greaterp n m)))))

(de m!-with (f a b)
  (let ((l nil))
    (while a
      (push (funcall f (car a) (car b)) l)
      (setq a (cdr a))
      (setq b (cdr b)))
    (reversip l)))

(de m!-times (a b) (m!-with (function plus2) a b))
(de m!-quotient (a b) (m!-with (function difference) a b))
(de m!-lcm (a b) (m!-with (function max2) a b))

(de m!-divides (a b)
  (while (and a (leq (car a) (car b)))
    (setq a (cdr a))
    (setq b (cdr b)))
  (null a))

(de m!-coprime (a b) (zerop (m!-degree (m!-with (function min2) a b))))

% --- From and to values.

(de g!-of!-value (v)
  (let ((q (v!-scalar v)) (l nil))
    (when (intersection variables!* (p!-kernels (cdr q))) (complain (list "A polynomial expected instead of" v)))
    (let ((order!* variables!*))
      (dolist (monomial (monomials!-in (p!-reorder (car q)) variables!*))
        (push (cons (exponents (cdr monomial)) (q!-in!-standard!-order (car monomial) (cdr q))) l)))
    (stable!-sort l (function (lambda (s u) (funcall before!* (car s) (car u)))))))

(de exponents (powers)
  (mapcar variables!* (function (lambda (x) (let ((found (atsoc x powers))) (cond (found (cdr found)) (t 0)))))))

(de g!-value (g)
  (fold g (q!-number 0)
        (function (lambda (sum term) (q!-plus sum (q!-times (cdr term) (monomial!-value (car term))))))))

(de monomial!-value (exponents)
  (let ((product 1))
    (dolist (power (pair variables!* exponents) (q!-polynomial product))
      (setq product (p!-times product (p!-power (car power) (cdr power)))))))

% --- Arithmetic.

(de g!-monomial (g) (caar g))

(de g!-scale (g c m)
  % c x^m g
  (mapcar g (function (lambda (term) (cons (m!-times (car term) m) (q!-times (cdr term) c))))))

(de g!-monic (g)
  (g!-scale g (q!-inverse (cdar g)) (zero!-exponents)))

(de zero!-exponents () (mapcar variables!* (function (lambda (x) 0))))

(de g!-plus (f g)
  (let ((sum nil))
    (while (and f g)
      (cond ((equal (caar f) (caar g))
             (let ((c (q!-plus (cdar f) (cdar g))))
               (unless (q!-zerop c) (push (cons (caar f) c) sum)))
             (setq f (cdr f))
             (setq g (cdr g)))
            ((funcall before!* (caar f) (caar g)) (push (car f) sum) (setq f (cdr f)))
            (t (push (car g) sum) (setq g (cdr g)))))
    (reversip2 sum (or f g))))

(de g!-subtract!-multiple (f c m g)
  (g!-plus f (g!-scale g (q!-negate c) m)))

(de g!-normal (f basis)
  % What remains of f when no leading monomial of the monic basis divides any of its monomials.
  (let ((rest nil))
    (while f
      (let ((g (first!-such basis (function (lambda (g) (m!-divides (g!-monomial g) (g!-monomial f)))))))
        (cond (g (let ((m (m!-quotient (g!-monomial f) (g!-monomial g))))
                   (setq f (g!-subtract!-multiple (cdr f) (cdar f) m (cdr g)))))
              (t (push (car f) rest) (setq f (cdr f))))))
    (reversip rest)))

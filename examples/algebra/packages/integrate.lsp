% Integrals.  int(v, x) of a rational function is found as far as there are square roots for it.  Of others, some are:
% sums of products of a rational function and a power of one kernel, by rules of the database.  What is not known stays
% as int(v, x).
%
% integrator: function of (c k m x) that gives the integral of c k^m, or nil; k is a kernel with the operator that has
% the property, and c is rational in x.

(de operation!-int (v x)
  (cond ((v!-scalarp v) (integral v (v!-name x)))
        (t (complain (list "Nothing is known of the integral of" v)))))

(de integral (q x)
  (let ((kernels (other!-kernels q x)))
    (cond ((null kernels) (rational!-integral q x))
          ((integral!-by!-substitution q kernels x))
          ((intersection kernels (p!-kernels (cdr q))) (integral!-of!-logarithmic!-derivative q x))
          (t (fold (terms!-by!-kernels q kernels) (q!-number 0)
                   (function (lambda (sum term) (q!-plus sum (integral!-of!-term (car term) (cdr term) x)))))))))

(de other!-kernels (q x)
  % Those that depend on x, and are not x.
  (all!-such (q!-kernels q) (function (lambda (k) (and (not (eq k x)) (k!-depends k x))))))

(de integral!-by!-substitution (q kernels x)
  % q is r(k) k' for a kernel k and a rational function r: the integral of r by k.
  (let ((found nil))
    (while (and kernels (null found))
      (let ((k (car kernels)))
        (let ((r (q!-over q (k!-derivative k x))))
          (when (and (not (memq x (q!-kernels r))) (null (delete k (other!-kernels r x))))
            (setq found (rational!-integral r k)))))
      (setq kernels (cdr kernels)))
    found))

(de not!-found (q x) (v!-function 'int (list q (q!-kernel x))))

(de q!-freeof (q x) (not (memq x (v!-names q))))

(de integral!-of!-logarithmic!-derivative (q x)
  % c d' / d
  (let ((d (q!-polynomial (cdr q))))
    (let ((dd (q!-derivative d x)))
      (let ((c (cond ((q!-zerop dd) dd) (t (q!-over (q!-times q d) dd)))))
        (cond ((and (not (q!-zerop dd)) (q!-freeof c x)) (q!-times c (v!-function 'log (list d))))
              (t (not!-found q x)))))))

(de terms!-by!-kernels (q kernels)
  % List of (coefficient (kernel . power) ...), the coefficients free of the kernels and in lowest terms.
  (let ((order!* kernels) (d (cdr q)) (l nil))
    (dolist (monomial (monomials!-in (p!-reorder (car q)) kernels))
      (push (cons (q!-in!-standard!-order (car monomial) d) (cdr monomial)) l))
    (reversip l)))

(de q!-in!-standard!-order (n d)
  (let ((order!* nil)) (q!-make (p!-reorder n) d)))

(de monomials!-in (p kernels)
  % List of (coefficient (kernel . power) ...)
  (cond ((not (memq (p!-main p) kernels)) (list (list p)))
        (t (mapcan (cdr p)
             (function (lambda (term)
               (mapcar (monomials!-in (cdr term) kernels)
                       (function (lambda (monomial)
                         (cond ((zerop (car term)) monomial)
                               (t (cons (car monomial) (cons (cons (car p) (car term)) (cdr monomial))))))))))))))

(de integral!-of!-term (c powers x)
  (cond ((null powers) (rational!-integral c x))
        ((integral!-by!-substitution (term!-value c powers) (mapcar powers (function car)) x))
        ((cdr powers) (not!-found (term!-value c powers) x))
        (t (let ((k (caar powers)) (m (cdar powers)))
             (or (let ((f (and (not (atom k)) (get (car k) 'integrator)))) (and f (funcall f c k m x)))
                 (not!-found (term!-value c powers) x))))))

(de term!-value (c powers)
  (fold powers c (function (lambda (q power) (q!-times q (q!-expt (q!-kernel (car power)) (cdr power)))))))

% --- Rules.

(deftable integrator
  (exp . integral!-with!-exp) (sin . integral!-with!-sin) (cos . integral!-with!-cos)
  (log . integral!-by!-parts) (atan . integral!-by!-parts) (expt . integral!-with!-power))

(de linear!-factor (k x)
  % The derivative of the argument of k where it is a number, or nil.
  (let ((a (q!-derivative (cadr k) x)))
    (and (q!-freeof a x) a)))

(de polynomial!-in (c x) (not (memq x (p!-kernels (cdr c)))))

(de integral!-with!-exp (c k m x)
  % c e^(a x) / a - c' e^(a x) / a^2 + ...
  (let ((a (linear!-factor k x)))
    (and a (polynomial!-in c x)
         (let ((a (q!-times (q!-number m) a)) (sum (q!-number 0)))
           (let ((f (q!-over (q!-expt (q!-kernel k) m) a)))
             (while (not (q!-zerop c))
               (setq sum (q!-plus sum (q!-times c f)))
               (setq f (q!-negate (q!-over f a)))
               (setq c (q!-derivative c x)))
             sum)))))

(de integral!-with!-sin (c k m x)
  (integral!-with!-circular c (v!-apply 'cos (cdr k)) 'cos -1 k m x))

(de integral!-with!-cos (c k m x)
  (integral!-with!-circular c (v!-apply 'sin (cdr k)) 'sin 1 k m x))

(de integral!-with!-circular (c other operator sign k m x)
  % By parts: c times the integral of k, minus the integral of c' times that.
  (let ((a (linear!-factor k x)))
    (and a (onep m) (polynomial!-in c x)
         (let ((f (q!-over (q!-number sign) a)))
           (q!-plus (q!-times c (q!-times f other))
                    (cond ((q!-freeof c x) (q!-number 0))
                          (t (q!-negate (funcall (get operator 'integrator)
                                                 (q!-times f (q!-derivative c x)) (q!-as!-kernel other) 1 x)))))))))

(de integral!-by!-parts (c k m x)
  % The integral of c times k^m, minus that of it times the derivative of k^m, where the first is rational.
  (let ((p (rational!-integral c x)))
    (and (null (first!-such (q!-kernels p) (function (lambda (k) (and (not (atom k)) (k!-depends k x))))))
         (q!-difference (q!-times p (q!-expt (q!-kernel k) m))
                        (integral (q!-times p (q!-derivative (q!-expt (q!-kernel k) m) x)) x)))))

(de integral!-with!-power (c k m x)
  % Sums of x^j x^n, where n is free of x.
  (let ((n (caddr k)))
    (and (onep m) (equal (cadr k) (q!-kernel x)) (q!-freeof n x) (polynomial!-in c x)
         (fold (terms!-by!-kernels c (list x)) (q!-number 0)
               (function (lambda (sum term)
                 (let ((j (cond ((cdr term) (cdadr term)) (t 0))))
                   (q!-plus sum (q!-over (q!-times (car term) (q!-times (q!-expt (q!-kernel x) (add1 j)) (q!-kernel k)))
                                         (q!-plus n (q!-number (add1 j))))))))))))

(deftable operation (int 2 . operation!-int))

% The derivative of an integral that was not found, int(v, y).

(put 'int 'differentiator 'derivative!-of!-integral)

(de derivative!-of!-integral (k x)
  (let ((y (q!-as!-kernel (caddr k))))
    (cond ((eq x y) (cadr k))
          (t (integral (q!-derivative (cadr k) x) y)))))

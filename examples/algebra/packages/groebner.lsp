% Groebner bases: B. Buchberger's algorithm, with his two criteria and the normal strategy.
%
% T. Becker and V. Weispfenning, Groebner Bases, chapter 5; Geddes, Czapor and Labahn, chapter 10.
%
% groebner({x*y - 1, x^2 + y}, {x, y}): the reduced basis in lexical order; with a third argument total by degrees.

(fluid '(variables!* before!* pairs!* basis!*))

(de buchberger (polynomials)
  (let ((pairs!* nil) (basis!* nil))
    (dolist (f polynomials) (add!-to!-basis (g!-normal f basis!*)))
    (while pairs!*
      (let ((pair (car pairs!*)))
        (setq pairs!* (cdr pairs!*))
        (unless (superfluous pair) (add!-to!-basis (g!-normal (s!-polynomial pair) basis!*)))))
    (reduced basis!*)))

(de add!-to!-basis (f)
  (when f
    (let ((g (g!-monic f)))
      (dolist (h basis!*) (setq pairs!* (insert!-pair (make!-pair g h) pairs!*)))
      (push g basis!*))))

% --- Pairs: (least common multiple of the leading monomials f . g), the smallest first.

(de make!-pair (f g) (cons (m!-lcm (g!-monomial f) (g!-monomial g)) (cons f g)))

(de insert!-pair (pair pairs)
  (cond ((null pairs) (list pair))
        ((funcall before!* (car pair) (caar pairs)) (cons (car pairs) (insert!-pair pair (cdr pairs))))
        (t (cons pair pairs))))

(de s!-polynomial (pair)
  (let ((f (cadr pair)) (g (cddr pair)))
    (g!-subtract!-multiple (g!-scale (cdr f) (q!-number 1) (m!-quotient (car pair) (g!-monomial f)))
                           (q!-number 1) (m!-quotient (car pair) (g!-monomial g)) (cdr g))))

(de superfluous (pair)
  % The leading monomials have no variable in common; or a third polynomial's divides the multiple, and its pairs with
  % both have been dealt with.
  (let ((f (cadr pair)) (g (cddr pair)))
    (or (m!-coprime (g!-monomial f) (g!-monomial g))
        (first!-such basis!* (function (lambda (h)
          (and (not (eq h f)) (not (eq h g))
               (m!-divides (g!-monomial h) (car pair))
               (not (pending f h))
               (not (pending g h)))))))))

(de pending (f g)
  (first!-such pairs!* (function (lambda (pair)
    (or (and (eq (cadr pair) f) (eq (cddr pair) g))
        (and (eq (cadr pair) g) (eq (cddr pair) f)))))))

% --- The reduced basis: no monomial of an element is divided by the leading one of another.

(de reduced (basis)
  (let ((minimal (all!-such basis (function (lambda (g) (needed g basis))))))
    (stable!-sort (mapcar minimal (function (lambda (g) (g!-normal g (deleq g minimal)))))
                  (function (lambda (f g) (funcall before!* (g!-monomial f) (g!-monomial g)))))))

(de needed (g basis)
  % Of elements with one leading monomial, the first is kept.
  (let ((seen nil))
    (not (first!-such basis (function (lambda (h)
      (cond ((eq h g) (setq seen t) nil)
            (t (and (m!-divides (g!-monomial h) (g!-monomial g))
                    (or (not seen) (not (equal (g!-monomial h) (g!-monomial g)))))))))))))

% --- For the user.

(de with!-order (variables order f)
  (let ((variables!* (mapcar (v!-items variables) (function v!-name)))
        (before!* (cond ((null order) (function lexical!-before))
                        ((eq (v!-name (car order)) 'total) (function total!-before))
                        (t (complain '("The order total or none expected"))))))
    (funcall f)))

(de operation!-groebner (arguments)
  (with!-order (cadr arguments) (cddr arguments) (function (lambda ()
    (v!-list (mapcar (buchberger (mapcar (v!-items (car arguments)) (function g!-of!-value)))
                     (function (lambda (g) (q!-polynomial (car (g!-value g)))))))))))

(de operation!-normalform (arguments)
  % normalform(p, basis, variables): the remainder of p by a Groebner basis.
  (with!-order (caddr arguments) (cdddr arguments) (function (lambda ()
    (g!-value (g!-normal (g!-of!-value (car arguments))
                         (mapcar (v!-items (cadr arguments)) (function (lambda (v) (g!-monic (g!-of!-value v)))))))))))

(deftable operation
  (groebner nil . operation!-groebner) (normalform nil . operation!-normalform))

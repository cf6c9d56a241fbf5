% Equations: systems of linear ones, and single ones by factors of degree one and two.
%
% solve(x + 1 = 3, x), solve({x + y = 3, x - y = 1}, {x, y})

(de operation!-solve (equations unknowns)
  (let ((zeros (mapcar (as!-items equations) (function zero!-of!-equation)))
        (names (mapcar (as!-items unknowns) (function v!-name))))
    (cond ((linear!-in zeros names) (solve!-linear zeros names))
          ((or (cdr zeros) (cdr names)) (complain '("Only systems of linear equations can be solved; see groebner")))
          (t (solve!-polynomial (car zeros) (car names))))))

(de as!-items (v)
  (cond ((eq (car v) 'list) (cdr v))
        (t (list v))))

(de zero!-of!-equation (v)
  % The numerator of left - right.
  (q!-polynomial (car (v!-scalar (cond ((eq (car v) 'equal) (v!-difference (cadr v) (caddr v))) (t v))))))

% --- Linear systems.

(de linear!-in (zeros names)
  (not (first!-such zeros (function (lambda (q) (not (linear!-polynomial (car q) names)))))))

(de linear!-polynomial (p names)
  (not (first!-such (p!-monomials p)
                    (function (lambda (monomial) (greaterp (degree!-in!-names (cdr monomial) names) 1))))))

(de degree!-in!-names (powers names)
  (let ((degree 0))
    (dolist (power powers degree)
      (cond ((memq (car power) names) (increase degree (cdr power)))
            ((first!-such names (function (lambda (name) (k!-depends (car power) name)))) (increase degree 2))))))

(de solve!-linear (zeros names)
  (let ((solution (solve!-rows (mapcar zeros (function (lambda (q) (row!-of!-equation q names)))) names)))
    (v!-list (mapcar solution (function (lambda (p) (v!-equation (q!-kernel (car p)) (cdr p))))))))

(de row!-of!-equation (q names)
  % The coefficients of the names, and the number that their sum has to be.
  (let ((zero (mapcar names (function (lambda (name) (cons name (q!-number 0)))))))
    (append (mapcar names (function (lambda (name) (coefficient!-in (car q) name 1))))
            (list (q!-negate (v!-substitute q zero))))))

% --- One polynomial equation: each factor gives its zeros, with roots of square roots of the discriminant; what has a
% higher degree is left as an equation.

(de solve!-polynomial (zero name)
  (v!-list (mapcan (factors!-with (car zero) name)
                   (function (lambda (factor) (zeros!-of!-factor (car factor) name))))))

(de factors!-with (p name)
  (all!-such (p!-factors p) (function (lambda (factor) (memq name (p!-kernels (car factor)))))))

(de zeros!-of!-factor (p name)
  (let ((x (q!-kernel name)) (c (function (lambda (n) (coefficient!-in p name n)))))
    (let ((degree (v!-integer (operation!-degree (q!-polynomial p) x))))
      (cond ((eqn degree 1) (list (v!-equation x (q!-negate (q!-over (funcall c 0) (funcall c 1))))))
            ((eqn degree 2) (zeros!-of!-quadratic x (funcall c 2) (funcall c 1) (funcall c 0)))
            (t (list (v!-equation (q!-polynomial p) (q!-number 0))))))))

(de zeros!-of!-quadratic (x a b c)
  (let ((root (v!-apply 'sqrt (list (discriminant a b c)))) (twice!-a (q!-times (q!-number 2) a)))
    (list (v!-equation x (q!-over (q!-difference root b) twice!-a))
          (v!-equation x (q!-over (q!-negate (q!-plus root b)) twice!-a)))))

(de discriminant (a b c)
  (q!-difference (q!-times b b) (q!-times (q!-number 4) (q!-times a c))))

(deftable operation (solve 2 . operation!-solve))

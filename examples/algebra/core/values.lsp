% Values and what is done to them.  A value is a quotient, or a list of a kind and what is in it:
%
%     (list value ...)   (equal value value)   (matrix (quotient ...) ...)   (string . "text")
%
% The database says what the operators do to each kind: (get 'matrix 'plus) is a function of two values, one of
% which at least is a matrix.

(fluid '(modulus!*))

(de v!-kind (v)
  (cond ((idp (car v)) (car v))
        (t 'scalar)))

(de v!-scalarp (v) (not (idp (car v))))

(de v!-scalar (v)
  (cond ((v!-scalarp v) v)
        (t (complain (list "A scalar expected instead of the" (v!-kind v) v)))))

(de v!-integer (v)
  (or (q!-integer (v!-scalar v)) (complain (list "An integer expected instead of" v))))

(de v!-name (v)
  (or (q!-as!-kernel (v!-scalar v)) (complain (list "A variable expected instead of" v))))

(de v!-items (v)
  (cond ((eq (car v) 'list) (cdr v))
        (t (complain (list "A list expected instead of" v)))))

(de v!-list (items) (cons 'list items))
(de v!-equation (left right) (list 'equal left right))

(de v!-number (n) (q!-number n))

% --- Arithmetic.

(de v!-mixed (operator a b)
  (let ((f (or (kind!-function operator (car a)) (kind!-function operator (car b)))))
    (cond (f (funcall f a b))
          (t (complain (list operator "is not defined for" a "and" b))))))

(de kind!-function (operator kind)
  (and (idp kind)
       (or (get kind operator)
           (and (load!-for kind) (get kind operator)))))

(de v!-plus (a b)
  (cond ((and (v!-scalarp a) (v!-scalarp b)) (q!-plus a b))
        (t (v!-mixed 'plus a b))))

(de v!-times (a b)
  (cond ((and (v!-scalarp a) (v!-scalarp b)) (q!-times a b))
        (t (v!-mixed 'times a b))))

(de v!-minus (a) (v!-times (v!-number -1) a))
(de v!-difference (a b) (v!-plus a (v!-minus b)))

(de v!-quotient (a b)
  (cond ((v!-scalarp b) (v!-times a (q!-inverse b)))
        (t (v!-times a (v!-expt b (v!-number -1))))))

(de v!-expt (a b)
  (cond ((not (v!-scalarp a)) (v!-mixed 'expt a b))
        ((q!-integer (v!-scalar b)) (q!-expt a (q!-integer b)))
        (t (v!-other!-power a b))))

(de v!-other!-power (a b)
  % a^(n/2) by square roots, powers of e as exp, others as operator expt, where a^(b + n) is a^b a^n for a number n.
  (let ((n (number!-part b)))
    (cond ((eq (q!-as!-kernel a) 'e) (v!-function 'exp (list b)))
          ((and (eqn (cdr b) 2) (numberp (car b))) (q!-expt (v!-apply 'sqrt (list a)) (car b)))
          ((zerop n) (v!-function 'expt (list a b)))
          (t (q!-times (q!-expt a n) (v!-other!-power a (q!-difference b (q!-number n))))))))

(de number!-part (q)
  % The number among the terms of a polynomial, 0 for others.
  (let ((p (car q)))
    (cond ((not (p!-onep (cdr q))) 0)
          (t (while (not (numberp p)) (setq p (p!-constant!-term p))) p))))

(de p!-constant!-term (p)
  (let ((found (assoc 0 (cdr p))))
    (cond (found (cdr found)) (t 0))))

% Lists take arithmetic element by element.

(de list!-with (f a b)
  (cond ((and (eq (car a) 'list) (eq (car b) 'list))
         (unless (eqn (length a) (length b)) (complain '("Lists of different lengths")))
         (v!-list (mapcar (pair (cdr a) (cdr b)) (function (lambda (p) (funcall f (car p) (cdr p)))))))
        ((eq (car a) 'list) (v!-list (mapcar (cdr a) (function (lambda (x) (funcall f x b))))))
        (t (v!-list (mapcar (cdr b) (function (lambda (x) (funcall f a x))))))))

(de list!-plus (a b) (list!-with (function v!-plus) a b))
(de list!-times (a b) (list!-with (function v!-times) a b))
(de list!-expt (a n) (v!-list (mapcar (cdr a) (function (lambda (x) (v!-expt x n))))))

(de equation!-with (f a b)
  % On both sides.
  (v!-equation (funcall f (side a 'left) (side b 'left)) (funcall f (side a 'right) (side b 'right))))

(de side (v which)
  (cond ((not (eq (car v) 'equal)) v)
        ((eq which 'left) (cadr v))
        (t (caddr v))))

(de equation!-plus (a b) (equation!-with (function v!-plus) a b))
(de equation!-times (a b) (equation!-with (function v!-times) a b))

(deftable plus  (list . list!-plus) (equal . equation!-plus))
(deftable times (list . list!-times) (equal . equation!-times))
(deftable expt  (list . list!-expt))

% --- Comparisons, for conditions.

(de v!-equalp (a b)
  (cond ((and (v!-scalarp a) (v!-scalarp b)) (q!-zerop (q!-difference a b)))
        (t (equal a b))))

(de v!-neqp (a b) (not (v!-equalp a b)))

(de v!-sign!-of!-difference (a b)
  (let ((q (q!-difference (v!-scalar a) (v!-scalar b))))
    (cond ((q!-constant q) (car q))
          (t (complain (list "Not known whether" q "is positive"))))))

(de v!-lessp (a b) (minusp (v!-sign!-of!-difference a b)))
(de v!-greaterp (a b) (v!-lessp b a))
(de v!-leq (a b) (not (v!-lessp b a)))
(de v!-geq (a b) (not (v!-lessp a b)))
(de v!-memberp (a l) (and (first!-such (v!-items l) (function (lambda (x) (v!-equalp a x)))) t))

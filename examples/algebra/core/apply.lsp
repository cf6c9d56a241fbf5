% Operators applied to values.  What the database may say of an operator, in the order in which it is asked:
%
% procedure:  (number of arguments . Lisp function), from the user
% operation:  the same, from here; instead of a number nil, where the function takes the list of all arguments
% autoload:   the module that has the operation
% simplifier: a function of the arguments that gives a value, or nil where it knows none
% odd, even:  flags: f(-x) = -f(x), f(-x) = f(x)
% rules:      list of (patterns . tree), from the user
%
% What remains is a kernel.

(de v!-apply (operator arguments)
  (let ((row (function!-of operator)))
    (cond ((null row) (v!-function operator arguments))
          (t (check!-count operator (car row) (length arguments))
             (cond ((car row) (apply (cdr row) arguments))
                   (t (funcall (cdr row) arguments)))))))

(de function!-of (operator)
  (or (get operator 'procedure)
      (get operator 'operation)
      (and (load!-for operator) (get operator 'operation))))

(de load!-for (name)
  % Load the module that knows name, if there is one and it is not loaded.
  (let ((module (get name 'autoload)))
    (when (and module (not (flagp module 'loaded)))
      (load!-package module)
      t)))

(de load!-package (module)
  (unless (flagp module 'loaded)
    (flag (list module) 'loaded)
    (load!-module module)
    (dolist (needed (get module 'needs)) (load!-package needed))))

(de check!-count (operator expected got)
  (unless (or (null expected) (eqn expected got))
    (complain (list operator "takes" expected (cond ((eqn expected 1) "argument, not") (t "arguments, not")) got))))

% --- Functions that are kernels where nothing better is known.

(de v!-function (operator arguments)
  (mapc arguments (function v!-scalar))
  (when order!* (setq arguments (in!-standard!-order arguments)))
  (let ((order!* nil))
    (or (let ((f (get operator 'simplifier))) (and f (funcall f arguments)))
        (v!-by!-parity operator arguments)
        (v!-by!-rules arguments (get operator 'rules))
        (q!-kernel (k!-unique operator arguments)))))

(de in!-standard!-order (values)
  (let ((order!* nil)) (mapcar values (function q!-reorder))))

(de v!-by!-parity (operator arguments)
  (when (and arguments (minusp (p!-leading!-number (caar arguments))))
    (cond ((flagp operator 'odd) (q!-negate (v!-function operator (list (q!-negate (car arguments))))))
          ((flagp operator 'even) (v!-function operator (list (q!-negate (car arguments))))))))

% --- Rules.  The pattern of an argument is a value in which kernels (any name) match any value; it matches as a whole
% or as a kernel, argument by argument.

(de v!-by!-rules (arguments rules)
  (while rules
    (let ((bindings (match!-all (caar rules) arguments '(matched))))
      (when bindings (return (tree!-value (cdar rules) bindings)))
      (setq rules (cdr rules)))))

(de match!-all (patterns values bindings)
  (while (and patterns values bindings)
    (setq bindings (match (car patterns) (car values) bindings))
    (setq patterns (cdr patterns))
    (setq values (cdr values)))
  (and (null patterns) (null values) bindings))

(de match (pattern value bindings)
  (let ((p (q!-as!-kernel pattern)) (k (q!-as!-kernel value)))
    (cond ((equal pattern value) bindings)
          ((atom p) nil)
          ((eq (car p) 'any) (match!-any (q!-as!-kernel (cadr p)) value bindings))
          ((atom k) nil)
          ((eq (car p) (car k)) (match!-all (cdr p) (cdr k) bindings)))))

(de match!-any (name value bindings)
  (let ((found (atsoc name bindings)))
    (cond ((null found) (cons (cons name value) bindings))
          ((equal (cdr found) value) bindings))))

% --- Values of trees, where names may stand for values.

(de tree!-value (tree names)
  (cond ((numberp tree) (v!-number tree))
        ((eqcar tree 'quote) (cadr tree))
        ((atom tree) (let ((found (atsoc tree names))) (cond (found (cdr found)) (t (v!-variable tree)))))
        ((and (eq (car tree) 'expt) (fixp (caddr tree))) (v!-power (tree!-value (cadr tree) names) (caddr tree)))
        (t (v!-operate (car tree) (mapcar (cdr tree) (function (lambda (each) (tree!-value each names))))))))

(de v!-operate (operator values)
  (let ((f (get operator 'arithmetic)))
    (cond ((null f) (v!-apply operator values))
          ((null (cdr values)) (funcall f (car values)))
          (t (fold (cdr values) (car values) f)))))

(de v!-power (a n)
  (cond ((v!-scalarp a) (q!-expt a n))
        (t (v!-mixed 'expt a (cons n 1)))))

(deftable arithmetic
  (plus . v!-plus) (difference . v!-difference) (minus . v!-minus) (times . v!-times) (quotient . v!-quotient)
  (expt . v!-expt) (equal . v!-equation))

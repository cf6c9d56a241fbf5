% Differentiation: the chain rule over the kernels of a value, and for the kernels the rules of the database: property
% derivative, or property differentiator, a function of the kernel and the variable.

(de v!-derivative (v x)
  (cond ((v!-scalarp v) (q!-derivative v x))
        ((eq (car v) 'string) (complain '("A string has no derivative")))
        ((eq (car v) 'matrix)
         (cons 'matrix (mapcar (cdr v) (function (lambda (row) (derivatives row x))))))
        (t (cons (car v) (derivatives (cdr v) x)))))

(de derivatives (l x) (mapcar l (function (lambda (v) (v!-derivative v x)))))

(de q!-derivative (q x)
  (let ((sum (q!-number 0)))
    (dolist (k (q!-kernels q) sum)
      (when (k!-depends k x)
        (setq sum (q!-plus sum (q!-times (q!-partial q k) (k!-derivative k x))))))))

(de q!-partial (q k)
  % (n / d)' = (n' - (n / d) d') / d
  (let ((n (q!-polynomial (p!-derivative (car q) k))) (d (q!-polynomial (p!-derivative (cdr q) k))))
    (q!-over (q!-difference n (q!-times q d)) (q!-polynomial (cdr q)))))

(de k!-derivative (k x)
  (let ((rule (and (not (atom k)) (get (car k) 'derivative))))
    (cond ((eq k x) (q!-number 1))
          ((atom k) (q!-number 0))
          ((get (car k) 'differentiator) (funcall (get (car k) 'differentiator) k x))
          ((null rule) (v!-function 'df (list (q!-kernel k) (q!-kernel x))))
          (t (by!-rule (pair (car rule) (cdr k)) (cdr rule) (cdr k) x)))))

(de by!-rule (names trees arguments x)
  (let ((sum (q!-number 0)))
    (while arguments
      (let ((inner (q!-derivative (car arguments) x)))
        (unless (q!-zerop inner)
          (setq sum (q!-plus sum (q!-times (tree!-value (car trees) names) inner)))))
      (setq trees (cdr trees))
      (setq arguments (cdr arguments)))
    sum))

% df(v, x, 2, y): by x twice and by y.

(de operation!-df (arguments)
  (let ((v (car arguments)))
    (setq arguments (cdr arguments))
    (while arguments
      (let ((x (v!-name (car arguments))) (n 1))
        (setq arguments (cdr arguments))
        (when (and arguments (v!-scalarp (car arguments)) (q!-integer (car arguments)))
          (setq n (q!-integer (car arguments)))
          (setq arguments (cdr arguments)))
        (dotimes (k n) (setq v (v!-derivative v x)))))
    v))

% Variables, and values with other values in the place of kernels.

(fluid '(assigned!*))     % the names that have values

(de v!-variable (name)
  (when (get name 'square) (setq algebraic!* t))
  (let ((v (get name 'value)))
    (cond (v (v!-current v))
          (t (q!-kernel name)))))

(de v!-set (name v)
  (when (memq name (v!-names v)) (complain (list name "would be defined by itself")))
  (unless (get name 'value) (push name assigned!*))
  (put name 'value v)
  v)

(de v!-clear (name)
  (remprop name 'value)
  (remprop name 'rules)
  (setq assigned!* (delete name assigned!*)))

% --- The names in a value, those in arguments of kernels too.

(de v!-names (v)
  (let ((names nil))
    (v!-each!-name v (function (lambda (name) (unless (memq name names) (setq names (cons name names))))))
    names))

(de v!-each!-name (v f)
  (cond ((eq (car v) 'string) nil)
        ((eq (car v) 'matrix) (dolist (row (cdr v)) (dolist (q row) (v!-each!-name q f))))
        ((idp (car v)) (dolist (each (cdr v)) (v!-each!-name each f)))
        (t (p!-each!-name (car v) f)
           (p!-each!-name (cdr v) f))))

(de p!-each!-name (p f)
  (p!-each!-kernel p (function (lambda (k) (k!-each!-name k f)))))

(de k!-each!-name (k f)
  (cond ((atom k) (funcall f k))
        (t (dolist (v (cdr k)) (v!-each!-name v f)))))

(de k!-depends (k x)
  (or (eq k x)
      (and (not (atom k)) (memq x (v!-names (cons 'list (cdr k)))) t)))

(de v!-current (v)
  % Names in v that got values later stand for these.
  (cond ((and assigned!* (intersection (v!-names v) assigned!*)) (v!-with v (function v!-of!-assigned)))
        (t v)))

(de v!-of!-assigned (kernel)
  (and (atom kernel) (get kernel 'value) (v!-variable kernel)))

% --- Replacing.  f gives the value of a kernel, or nil where it stays as it is.

(de v!-with (v f)
  (cond ((eq (car v) 'string) v)
        ((eq (car v) 'matrix) (cons 'matrix (mapcar (cdr v) (function (lambda (row) (v!-with!-each row f))))))
        ((idp (car v)) (cons (car v) (v!-with!-each (cdr v) f)))
        (t (v!-quotient (p!-with (car v) f) (p!-with (cdr v) f)))))

(de v!-with!-each (l f) (mapcar l (function (lambda (v) (v!-with v f)))))

(de p!-with (p f)
  (cond ((numberp p) (q!-number p))
        (t (let ((x (k!-with (car p) f)) (value (q!-number 0)) (degree (p!-degree p)))
             (dolist (term (cdr p))
               (setq value (v!-plus (v!-times value (v!-power x (difference degree (car term))))
                                    (p!-with (cdr term) f)))
               (setq degree (car term)))
             (cond ((zerop degree) value)
                   (t (v!-times value (v!-power x degree))))))))

(de k!-with (kernel f)
  (or (funcall f kernel)
      (and (not (atom kernel))
           (let ((arguments (v!-with!-each (cdr kernel) f)))
             (unless (equal arguments (cdr kernel)) (v!-apply (car kernel) arguments))))
      (q!-kernel kernel)))

(de v!-substitute (v kernels)
  % kernels: list of (kernel . value), all at once.
  (v!-with v (function (lambda (k) (let ((found (atsoc k kernels))) (and found (cdr found)))))))

(de q!-reorder (q)
  % The same in the order of kernels that holds now.
  (q!-signed (p!-reorder (car q)) (p!-reorder (cdr q))))

(de v!-again (v)
  % Computed anew, after a change of the order or of the modulus.
  (v!-with v (function (lambda (k) (and (atom k) (q!-kernel k))))))

% sub(x = 1, {y = 2, z = 3}, v)

(de operation!-sub (arguments)
  (let ((kernels nil))
    (while (cdr arguments)
      (dolist (equation (equations!-of (car arguments)))
        (push (cons (v!-name (cadr equation)) (caddr equation)) kernels))
      (setq arguments (cdr arguments)))
    (v!-substitute (car arguments) kernels)))

(de equations!-of (v)
  (cond ((eq (car v) 'equal) (list v))
        (t (mapcan (v!-items v) (function equations!-of)))))

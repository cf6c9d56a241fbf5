% Commands, and the loop that reads and obeys statements.

(fluid '(!*listing fresh!* !*nat modulus!* order!* finished!* complaint!* assigned!*))

(deftable command
  (on . command!-on) (off . command!-off) (operator . command!-operator) (order . command!-order)
  (let . command!-let) (clear . command!-clear) (load . command!-load) (write . command!-write)
  (modulus . command!-modulus))

(flag '(write) 'evaluates)

(de command!-on (switches) (mapc switches (function (lambda (name) (set!-switch name t)))) nil)
(de command!-off (switches) (mapc switches (function (lambda (name) (set!-switch name nil)))) nil)

(deftable switch (echo . !*listing) (nat . !*nat))

(de set!-switch (name on)
  (unless (get name 'switch) (complain (list name "is no switch")))
  (set (get name 'switch) on))

(de command!-operator (names) nil)      % every name is one; said for the reader

(de command!-load (names) (mapc names (function load!-package)) nil)

(de command!-clear (names) (mapc names (function v!-clear)) nil)

(de command!-write (values)
  (dolist (v values nil)
    (cond ((eq (car v) 'string) (prin2 (cdr v)))
          (t (write!-value v))))
  (terpri))

(de command!-order (names)
  (setq order!* (all!-such names (function idp)))
  (compute!-again))

(de command!-modulus (trees)
  % modulus 7; modulus 0 for none.
  (let ((p (let ((modulus!* nil)) (v!-integer (tree!-value (car trees) nil)))))
    (unless (or (zerop p) (and (lessp 1 p) (primep64 p))) (complain (list p "is no prime")))
    (setq modulus!* (cond ((zerop p) nil) (t p)))
    (compute!-again)))

(de compute!-again ()
  (dolist (name assigned!* nil) (put name 'value (v!-again (get name 'value)))))

(de command!-let (equations)
  % let f(~x) = tree, x = tree
  (dolist (each equations nil)
    (unless (and (memq (car each) '(equal replaceby)) (cddr each)) (complain '("A rule is written left = right")))
    (cond ((idp (cadr each)) (v!-set (cadr each) (tree!-value (caddr each) nil)))
          (t (add!-rule (caadr each) (cdadr each) (caddr each))))))

(de add!-rule (operator patterns tree)
  (let ((new (cons (mapcar patterns (function (lambda (p) (tree!-value p nil)))) tree)))
    (put operator 'rules (append (get operator 'rules) (ncons new)))))

% --- Statements.

(de algebra ()
  % What the finished image begins with.
  (setq finished!* nil)
  (setq !*nat nil)
  (setq !*listing nil)
  (while (not finished!*) (obey!-statement))
  (end!-line))

(de obey!-statement ()
  (setq complaint!* nil)
  (when (atom (errorset '(obey!-one) t nil))
    (show!-complaint)
    (skip!-statement)))

(de obey!-one ()
  (next!-token)
  (cond ((or (eq token!* !$eof!$) (is!-token 'end) (is!-token 'bye)) (setq finished!* t))
        ((at!-end!-of!-statement) nil)
        (t (let ((tree (parse!-expression)))
             (unless (at!-end!-of!-statement) (complain (list "; expected instead of" (shown!-token))))
             (obey tree (is!-token '!;))))))

(de obey (tree shown)
  (end!-line)
  (let ((v (evaluate tree)))
    (when (and v shown) (show tree v))))

(de evaluate (tree)
  (let ((locals!* nil) (in!-loop!* nil))
    (evaluate!-form (translate tree) (loops!-in tree))))

(de evaluate!-form (form loops)
  (cond (loops (putd 'statement!: 'expr (list 'lambda nil form)) (statement!:))
        (t (eval form))))

(de loops!-in (tree)
  (and (not (atom tree))
       (or (memq (car tree) '(for foreach while repeat begin))
           (first!-such (cdr tree) (function loops!-in)))))

(de show (tree v)
  (cond (!*nat (load!-package 'display) (display!-result tree v))
        (t (when (eqcar tree '!:!=) (write!-tree (cadr tree) 0) (prin2 " := "))
           (write!-value v)
           (terpri))))

(de end!-line ()
  (unless (zerop (posn)) (terpri))
  (setq fresh!* t))

(de show!-complaint ()
  (when complaint!*
    (end!-line)
    (prin2 "*****")
    (dolist (each complaint!*)
      (prin2 " ")
      (cond ((atom each) (prin2 each))
            (t (write!-value each))))
    (terpri)))

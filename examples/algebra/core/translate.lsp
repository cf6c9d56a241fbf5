% From trees to Lisp.  What the user writes is compiled: a procedure becomes a compiled function, and so does a
% statement with a loop in it.
%
% A local variable of the user has a colon behind its name in Lisp, so that all names are free for him, t as well.

(fluid '(locals!* in!-loop!* thrown!*))

(de translate (tree)
  (cond ((numberp tree) (list 'v!-number tree))
        ((stringp tree) (list 'quote (cons 'string tree)))
        ((atom tree) (translate!-name tree))
        ((get (car tree) 'translator) (funcall (get (car tree) 'translator) tree))
        ((and (get (car tree) 'arithmetic) (cdr tree)) (translate!-arithmetic tree))
        ((get (car tree) 'predicate) (list 'v!-truth (translate!-condition tree)))
        (t (list 'v!-apply (list 'quote (car tree)) (translate!-each (cdr tree))))))

(de translate!-each (trees) (cons 'list (mapcar trees (function translate))))

(de local!-name (name)
  (intern (list2string (append (explode2 name) '(!:)))))

(de translate!-name (name)
  (cond ((memq name locals!*) (local!-name name))
        (t (list 'v!-variable (list 'quote name)))))

(de translate!-arithmetic (tree)
  (let ((f (get (car tree) 'arithmetic)))
    (cond ((and (eq (car tree) 'expt) (fixp (caddr tree))) (list 'v!-power (translate (cadr tree)) (caddr tree)))
          ((null (cddr tree)) (list f (translate (cadr tree))))
          (t (fold (cddr tree) (translate (cadr tree))
                   (function (lambda (left right) (list f left (translate right)))))))))

% --- Conditions.  predicate: the Lisp function of an operator that is true or false.

(deftable predicate
  (equal . v!-equalp) (neq . v!-neqp) (lessp . v!-lessp) (greaterp . v!-greaterp) (leq . v!-leq) (geq . v!-geq)
  (member . v!-memberp) (numberp . v!-numberp) (freeof . v!-freeofp) (evenp . v!-evenp) (listp . v!-listp)
  (and . and) (or . or) (not . not))

(de translate!-condition (tree)
  (let ((f (and (not (atom tree)) (get (car tree) 'predicate))))
    (cond ((null f) (list 'v!-truep (translate tree)))
          ((memq f '(and or not)) (cons f (mapcar (cdr tree) (function translate!-condition))))
          (t (cons f (mapcar (cdr tree) (function translate)))))))

(de v!-truep (v) (not (v!-equalp v (v!-number 0))))
(de v!-truth (true) (v!-number (cond (true 1) (t 0))))
(de v!-numberp (v) (and (v!-scalarp v) (q!-constant v)))
(de v!-evenp (v) (evenp (v!-integer v)))
(de v!-listp (v) (eq (car v) 'list))
(de v!-freeofp (v x) (let ((kernel (v!-name x))) (not (memq kernel (v!-names v)))))

% --- Statements.

(deftable translator
  (if . translate!-if) (while . translate!-while) (repeat . translate!-repeat) (for . translate!-for)
  (foreach . translate!-for!-each) (begin . translate!-block) (group . translate!-group) (return . translate!-return)
  (procedure . translate!-procedure) (command . translate!-command) (!:!= . translate!-assignment)
  (list . translate!-list) (mat . translate!-matrix) (quote . copy))

(de translate!-if (tree)
  (list 'cond (list (translate!-condition (cadr tree)) (translate (caddr tree)))
              (list t (and (cdddr tree) (translate (cadddr tree))))))

(de translate!-group (tree) (cons 'progn (mapcar (cdr tree) (function translate))))

(de translate!-list (tree) (list 'v!-list (translate!-each (cdr tree))))

(de translate!-matrix (tree)
  (list 'matrix!-of!-rows (cons 'list (mapcar (cdr tree) (function translate!-each)))))

(de matrix!-of!-rows (rows)
  (unless (all!-equal (mapcar rows (function length))) (complain '("The rows of a matrix have one length")))
  (cons 'matrix (mapcar rows (function (lambda (row) (mapcar row (function v!-scalar)))))))

(de all!-equal (l)
  (or (null l) (null (first!-such (cdr l) (function (lambda (x) (not (equal x (car l)))))))))

(de translate!-assignment (tree)
  (let ((target (cadr tree)) (value (translate (caddr tree))))
    (cond ((memq target locals!*) (list 'setq (local!-name target) value))
          ((and (idp target) (not (get target 'square))) (list 'v!-set (list 'quote target) value))
          ((or (atom target) (get (car target) 'written))
           (complain '("Only a variable or an element can be assigned to")))
          (t (list 'v!-store (list 'quote (car target)) (translate!-each (cdr target)) value)))))

(de v!-store (operator arguments v)
  % f(2) := v is a rule without variables.
  (let ((old (assoc arguments (get operator 'rules))))
    (when old (put operator 'rules (delete old (get operator 'rules))))
    (put operator 'rules (cons (list arguments 'quote v) (get operator 'rules)))
    v))

% --- Loops.

(de translate!-body (tree)
  (let ((in!-loop!* t)) (translate tree)))

(de translate!-while (tree)
  (list 'while (translate!-condition (cadr tree)) (translate!-body (caddr tree))))

(de translate!-repeat (tree)
  (list 'prog nil
        'again
        (translate!-body (cadr tree))
        (list 'cond (list (list 'not (translate!-condition (caddr tree))) '(go again)))))

(de translate!-integer (tree)
  (cond ((numberp tree) tree)
        (t (list 'v!-integer (translate tree)))))

(de translate!-for (tree)
  % (for name from to step action body)
  (let ((name (cadr tree))
        (bounds (mapcar (list (nth tree 3) (nth tree 4) (nth tree 5)) (function translate!-integer))))
    (list 'prog (list 'counter 'limit 'step 'result (local!-name name))
          (list 'setq 'counter (car bounds))
          (list 'setq 'limit (cadr bounds))
          (list 'setq 'step (caddr bounds))
          (start!-result (nth tree 6))
          'again
          (list 'cond (list '(greaterp (times2 step (difference counter limit)) 0) (result!-of!-loop (nth tree 6))))
          (list 'setq (local!-name name) '(v!-number counter))
          (let ((locals!* (cons name locals!*)))
            (step!-of!-loop (nth tree 6) (translate!-body (nth tree 7))))
          '(setq counter (plus2 counter step))
          '(go again))))

(de translate!-for!-each (tree)
  % (foreach name list action body)
  (let ((name (cadr tree)) (action (cadddr tree)))
    (list 'prog (list 'items 'result (local!-name name))
          (list 'setq 'items (list 'v!-items (translate (caddr tree))))
          (start!-result action)
          'again
          (list 'cond (list '(null items) (result!-of!-loop action)))
          (list 'setq (local!-name name) '(car items))
          (let ((locals!* (cons name locals!*))) (step!-of!-loop action (translate!-body (nth tree 5))))
          '(setq items (cdr items))
          '(go again))))

(de start!-result (action)
  (list 'setq 'result (cond ((eq action 'sum) '(v!-number 0)) ((eq action 'product) '(v!-number 1)))))

(de step!-of!-loop (action form)
  (cond ((eq action 'sum) (list 'setq 'result (list 'v!-plus 'result form)))
        ((eq action 'product) (list 'setq 'result (list 'v!-times 'result form)))
        ((eq action 'collect) (list 'setq 'result (list 'cons form 'result)))
        (t form)))

(de result!-of!-loop (action)
  (cond ((eq action 'collect) '(return (v!-list (reversip result))))
        (t '(return result))))

% --- Blocks and procedures.  A return in a loop is a throw to the block around it; most blocks do without.

(de translate!-block (tree)
  (let ((thrown!* nil) (in!-loop!* nil) (locals!* (append (cadr tree) locals!*))
        (variables (mapcar (cadr tree) (function local!-name))))
    (let ((form (append (list 'prog variables)
                        (append (mapcar variables (function (lambda (v) (list 'setq v '(v!-number 0)))))
                                (mapcar (cddr tree) (function translate))))))
      (cond (thrown!* (list 'catch ''returned form))
            (t form)))))

(de translate!-return (tree)
  (cond (in!-loop!* (setq thrown!* t) (list 'throw ''returned (translate (cadr tree))))
        (t (list 'return (translate (cadr tree))))))

(de translate!-procedure (tree)
  (let ((name (cadr tree)) (locals!* (caddr tree)) (in!-loop!* nil))
    (list 'define!-procedure (list 'quote name) (length locals!*)
          (list 'quote (list 'lambda (mapcar locals!* (function local!-name)) (translate (cadddr tree)))))))

(de define!-procedure (name count lambda)
  (putd (local!-name name) 'expr lambda)
  (put name 'procedure (cons count (local!-name name)))
  nil)

(de translate!-command (tree)
  (let ((f (get (cadr tree) 'command)))
    (cond ((flagp (cadr tree) 'evaluates) (list f (translate!-each (caddr tree))))
          (t (list f (list 'quote (caddr tree)))))))

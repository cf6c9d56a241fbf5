% From tokens to trees: operator precedence as in V. Pratt, "Top down operator precedence" (POPL 1973).
%
% A tree is a number, a string, a name, or a list of an operator or key word and the trees of its operands.
% Every function begins at the first token of what it parses and ends at the first one behind it.

(de expect (token)
  (cond ((is!-token token) (next!-token))
        (t (complain (list token "expected instead of" (shown!-token))))))

(de accept (token)
  (when (is!-token token) (next!-token) t))

(de shown!-token ()
  (cond ((eq token!* !$eof!$) "the end of the input")
        (t token!*)))

% --- Expressions.

(de parse!-expression () (parse!-above 0))

(de parse!-above (power)
  % An expression whose operators hold more strongly than power.
  (let ((left (parse!-operand power)) (row nil))
    (while (and (setq row (infix!-of token!*)) (greaterp (caar row) power))
      (next!-token)
      (setq left (infix!-tree (cdr row) left (parse!-above (sub1 (cdar row))))))
    left))

(de infix!-tree (name left right)
  (cond ((and (flagp name 'nary) (eqcar left name)) (append left (ncons right)))
        (t (list name left right))))

(de parse!-operand (power)
  (let ((row (and (memq token!-kind!* '(name special)) (get token!* 'prefix))))
    (cond (row (next!-token) (prefix!-tree (cdr row) (parse!-above (max (car row) power))))
          ((member token!-kind!* '(number string)) (prog1 token!* (next!-token)))
          ((get token!* 'keyword) (funcall (get token!* 'keyword)))
          ((is!-token '!() (parse!-parenthesis))
          ((or (eq token!-kind!* 'special) (flagp token!* 'reserved))
           (complain (list "An expression expected instead of" (shown!-token))))
          (t (parse!-name)))))

(de prefix!-tree (name operand)
  (cond ((eq name 'plus) operand)
        ((and (eq name 'minus) (numberp operand)) (minus operand))
        (t (list name operand))))

(de parse!-parenthesis ()
  (next!-token)
  (prog1 (parse!-expression) (expect '!))))

(de parse!-name ()
  % A variable, or a call f(a, b).
  (let ((name token!*))
    (next!-token)
    (cond ((is!-token '!() (cons name (parse!-arguments '!))))
          ((memq token!-kind!* '(special)) name)
          ((or (flagp token!* 'reserved) (infix!-of token!*)) name)
          (t (complain (list "An operator or the end of the statement is missing between" name "and" token!*))))))

(de parse!-arguments (end)
  (next!-token)
  (cond ((accept end) nil)
        (t (prog1 (parse!-sequence (function parse!-expression)) (expect end)))))

(de parse!-sequence (f)
  % One or more of what f parses, with commas.
  (let ((l (ncons (funcall f))))
    (while (accept '!,) (push (funcall f) l))
    (reversip l)))

(de parse!-list () (cons 'list (parse!-arguments '!})))

(de parse!-matrix ()
  % mat((a, b), (c, d))
  (next!-token)
  (expect '!()
  (prog1 (cons 'mat (parse!-sequence (function parse!-row)))
         (expect '!))))

(de parse!-row ()
  (unless (is!-token '!() (complain '("A row of a matrix begins with (")))
  (parse!-arguments '!)))

% --- What begins with a key word.

(de parse!-new!-name ()
  (let ((name token!*))
    (when (or (not (eq token!-kind!* 'name)) (flagp name 'reserved) (get name 'keyword))
      (complain (list "A name expected instead of" (shown!-token))))
    (next!-token)
    name))

(de parse!-if ()
  (next!-token)
  (let ((condition (parse!-expression)))
    (expect 'then)
    (let ((then (parse!-expression)))
      (cons 'if (cons condition (cons then (and (accept 'else) (ncons (parse!-expression)))))))))

(de parse!-while ()
  (next!-token)
  (let ((condition (parse!-expression)))
    (expect 'do)
    (list 'while condition (parse!-expression))))

(de parse!-repeat ()
  (next!-token)
  (let ((body (parse!-expression)))
    (expect 'until)
    (list 'repeat body (parse!-expression))))

(de parse!-for ()
  % for i := a step s until b do e, a:b for a step 1 until b; for each x in l do e; sum, product, collect for do.
  (next!-token)
  (cond ((accept 'each) (parse!-for!-each (parse!-new!-name)))
        (t (parse!-for!-to (parse!-new!-name)))))

(de parse!-for!-each (name)
  (expect 'in)
  (let ((l (parse!-expression)))
    (cons 'foreach (cons name (cons l (parse!-action))))))

(de parse!-for!-to (name)
  (expect '!:!=)
  (let ((from (parse!-expression)) (step 1))
    (cond ((accept '!:))
          (t (expect 'step) (setq step (parse!-expression)) (expect 'until)))
    (let ((to (parse!-expression)))
      (cons 'for (cons name (cons from (cons to (cons step (parse!-action)))))))))

(de parse!-action ()
  (let ((action token!*))
    (unless (memq action '(do sum product collect))
      (complain (list "do, sum, product or collect expected instead of" (shown!-token))))
    (next!-token)
    (list action (parse!-expression))))

(de parse!-group () (next!-token) (cons 'group (parse!-statements '!>!>)))

(de parse!-block ()
  % begin scalar a, b; statement; ... end
  (next!-token)
  (let ((variables nil))
    (while (accept 'scalar)
      (setq variables (append variables (parse!-sequence (function parse!-new!-name))))
      (expect '!;))
    (cons 'begin (cons variables (parse!-statements 'end)))))

(de parse!-statements (end)
  (let ((l nil))
    (while (not (accept end))
      (unless (or (accept '!;) (accept '!$))
        (push (parse!-expression) l)
        (unless (or (at!-end!-of!-statement) (is!-token end)) (expect '!;))))
    (reversip l)))

(de parse!-return ()
  (next!-token)
  (cond ((or (at!-end!-of!-statement) (flagp token!* 'reserved)) '(return 0))
        (t (list 'return (parse!-expression)))))

(de parse!-procedure ()
  % procedure f(x, y); statement
  (next!-token)
  (let ((name (parse!-new!-name)) (variables nil))
    (when (accept '!()
      (unless (is!-token '!)) (setq variables (parse!-sequence (function parse!-new!-name))))
      (expect '!)))
    (expect '!;)
    (list 'procedure name variables (parse!-expression))))

(de parse!-command ()
  % A word and its operands without parentheses.
  (let ((word token!*))
    (next!-token)
    (list 'command word (parse!-sequence (function parse!-expression)))))

(de parse!-rules ()
  (next!-token)
  (list 'command 'let (parse!-sequence (function parse!-expression))))

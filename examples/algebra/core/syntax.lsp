% The few forms that the other files use beyond Standard Lisp, and errors.

(dm while (u)
  % (while condition form ...); (return value) leaves it.
  (list 'prog nil
        'again
        (list 'cond (list (list 'null (cadr u)) '(return nil)))
        (cons 'progn (cddr u))
        '(go again)))

(dm push (u)
  % (push item variable)
  (list 'setq (caddr u) (list 'cons (cadr u) (caddr u))))

(dm increase (u)
  % (increase variable) or (increase variable by)
  (list 'setq (cadr u) (list 'plus2 (cadr u) (cond ((cddr u) (caddr u)) (t 1)))))

(dm deftable (u)
  % (deftable property (name . value) ...): a table of the database.  That is what property lists are: what is known
  % of a name, each fact under a property of its own, for whoever asks.
  (list 'mapc
        (list 'quote (cddr u))
        (list 'function (list 'lambda '(row) (list 'put '(car row) (list 'quote (cadr u)) '(cdr row))))))

% A complaint about what the user wrote, as a list of what is printed.

(fluid '(complaint!*))

(de complain (message)
  (setq complaint!* message)
  (error1))

% The first element of l of which f is true, and the elements of which it is true.

(de first!-such (l f)
  (while l
    (when (funcall f (car l)) (return (car l)))
    (setq l (cdr l))))

(de all!-such (l f)
  (let ((r nil))
    (dolist (x l) (when (funcall f x) (push x r)))
    (reversip r)))

(de fold (l start f)
  (dolist (x l start) (setq start (funcall f start x))))

% Lists by places, from 0.

(de element (l n) (nth l (add1 n)))

(de nthcdr (l n)
  (dotimes (k n) (setq l (cdr l)))
  l)

(de first!-n (l n)
  (cond ((zerop n) nil)
        (t (cons (car l) (first!-n (cdr l) (sub1 n))))))

(de numbers!-from!-to (n m)
  (cond ((greaterp n m) nil)
        (t (cons n (numbers!-from!-to (add1 n) m)))))

% Values as trees again, and trees in one line.

% --- Trees.

(de v!-tree (v)
  (cond ((v!-scalarp v) (q!-tree v))
        ((eq (car v) 'string) (cdr v))
        ((eq (car v) 'matrix)
         (cons 'mat (mapcar (cdr v) (function (lambda (row) (cons 'row (mapcar row (function v!-tree))))))))
        (t (cons (car v) (mapcar (cdr v) (function v!-tree))))))

(de q!-tree (q)
  (let ((n (p!-tree (car q))) (d (p!-tree (cdr q))))
    (cond ((eqn d 1) n)
          ((eqcar n 'minus) (list 'minus (list 'quotient (cadr n) d)))
          ((and (numberp n) (minusp n)) (list 'minus (list 'quotient (minus n) d)))
          (t (list 'quotient n d)))))

(de p!-tree (p)
  (cond ((numberp p) (number!-tree p))
        (t (let ((terms (mapcar (p!-monomials p) (function monomial!-tree))))
             (cond ((null (cdr terms)) (car terms))
                   (t (cons 'plus terms)))))))

(de number!-tree (n)
  (cond ((minusp n) (list 'minus (minus n)))
        (t n)))

(de p!-monomials (p)
  % p as a list of (number (kernel . power) ...).
  (let ((l nil))
    (each!-monomial p nil (function (lambda (n powers) (setq l (cons (cons n (reverse powers)) l)))))
    (reversip l)))

(de each!-monomial (p powers f)
  (cond ((numberp p) (unless (zerop p) (funcall f p powers)))
        (t (dolist (term (cdr p))
             (each!-monomial (cdr term)
                             (cond ((zerop (car term)) powers) (t (cons (cons (car p) (car term)) powers)))
                             f)))))

(de monomial!-tree (monomial)
  (cond ((minusp (car monomial)) (list 'minus (monomial!-tree (cons (minus (car monomial)) (cdr monomial)))))
        (t (let ((factors (mapcar (cdr monomial) (function power!-tree))))
             (unless (and (onep (car monomial)) factors) (push (car monomial) factors))
             (cond ((cdr factors) (cons 'times factors))
                   (t (car factors)))))))

(de power!-tree (power)
  (cond ((onep (cdr power)) (k!-tree (car power)))
        (t (list 'expt (k!-tree (car power)) (cdr power)))))

(de k!-tree (k)
  (cond ((atom k) k)
        (t (cons (car k) (mapcar (cdr k) (function v!-tree))))))

% --- Operators as they are written: their texts, and their powers from the table of the parser.

(deftable written
  (!:!= . " := ") (equal . " = ") (neq . " <> ") (lessp . " < ") (greaterp . " > ") (leq . " <= ") (geq . " >= ")
  (and . " and ") (or . " or ") (member . " member ")
  (plus . " + ") (difference . " - ") (times . "*") (quotient . "/") (expt . "^"))

(mapc '(!:!= !=!> or and member != !<!> !< !> !<!= !>!= !+ !- !* !/ !^)
      (function (lambda (token) (put (cdr (get token 'infix)) 'powers (car (get token 'infix))))))

(de write!-tree (tree power)
  % In parentheses if its operator does not hold more strongly than power.
  (cond ((atom tree) (prin2 tree))
        ((eq (car tree) 'list) (write!-sequence "{" (cdr tree) "}"))
        ((eq (car tree) 'mat) (write!-sequence "mat(" (cdr tree) ")"))
        ((eq (car tree) 'row) (write!-sequence "(" (cdr tree) ")"))
        ((eq (car tree) 'minus) (write!-parenthesised (greaterp power 60) tree (function write!-minus)))
        ((get (car tree) 'written)
         (write!-parenthesised (geq power (car (get (car tree) 'powers))) tree (function write!-infix)))
        (t (prin2 (car tree)) (write!-sequence "(" (cdr tree) ")"))))

(de write!-parenthesised (needed tree f)
  (when needed (prin2 "("))
  (funcall f tree)
  (when needed (prin2 ")")))

(de write!-sequence (begin trees end)
  (prin2 begin)
  (while trees
    (write!-tree (car trees) 0)
    (when (setq trees (cdr trees)) (prin2 ", ")))
  (prin2 end))

(de write!-minus (tree) (prin2 "-") (write!-tree (cadr tree) 69))

(de write!-infix (tree)
  (let ((powers (get (car tree) 'powers)))
    (write!-tree (cadr tree) (sub1 (car powers)))
    (dolist (operand (cddr tree))
      (cond ((and (eq (car tree) 'plus) (eqcar operand 'minus)) (prin2 " - ") (write!-tree (cadr operand) 61))
            (t (prin2 (get (car tree) 'written)) (write!-tree operand (sub1 (cdr powers))))))))

(de write!-value (v) (write!-tree (v!-tree v) 0))

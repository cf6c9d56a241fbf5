% List functions of Standard Lisp and of CSL that need no more than other list functions.

% The list of pairs of elements of two lists, up to the end of the shorter one.
% (pair '(a b) '(1 2)) => ((a . 1) (b . 2))
(de pair (u v)
  (prog (r)
   loop
    (cond ((or (atom u) (atom v))
           (return (reversip r))))
    (setq r (cons (cons (car u) (car v)) r))
    (setq u (cdr u))
    (setq v (cdr v))
    (go loop)))

% A copy of all pairs of a value.  (copy '(a (b))) => (a (b))
(de copy (x)
  (cond ((atom x) x)
        (t (cons (copy (car x)) (copy (cdr x))))))

% What these three leave as it is, is not copied: programs ask by eq whether something was replaced, and keep things unique.

% l with a in place of every part that is equal to b; what does not change is not copied.
% (subst 1 'x '(x (y x))) => (1 (y 1))
(de subst (a b l)
  (prog (cells new)
   loop
    (cond ((equal b l) (return (rebuilt!* cells new a)))
          ((atom l) (return (rebuilt!* cells new l))))
    (setq new (cons (subst a b (car l)) new))
    (setq cells (cons l cells))
    (setq l (cdr l))
    (go loop)))

% x with parts replaced as an association list says, whose keys are compared by equal.
% (sublis '((x . 1) (y . 2)) '(x (y))) => (1 (2))
(de sublis (al x)
  (prog (cells new p)
    (cond ((atom al) (return x)))
   loop
    (cond ((setq p (assoc x al)) (return (rebuilt!* cells new (cdr p))))
          ((atom x) (return (rebuilt!* cells new x))))
    (setq new (cons (sublis al (car x)) new))
    (setq cells (cons x cells))
    (setq x (cdr x))
    (go loop)))

% x with atoms replaced as an association list says, whose keys are compared by eq.
% (subla '((x . 1)) '(x (x))) => (1 (1))
(de subla (al x)
  (prog (cells new p)
    (cond ((atom al) (return x)))
   loop
    (cond ((setq p (atsoc x al)) (return (rebuilt!* cells new (cdr p))))
          ((atom x) (return (rebuilt!* cells new x))))
    (setq new (cons (subla al (car x)) new))
    (setq cells (cons x cells))
    (setq x (cdr x))
    (go loop)))

% Put new elements in front of a list, using the old pairs where nothing is different; for subst and its like.
% (rebuilt!* nil nil '(a)) => (a)
(de rebuilt!* (cells new l)
  (prog (cell x)
   loop
    (cond ((null cells) (return l)))
    (setq cell (car cells))
    (setq x (car new))
    (setq l (cond ((and (eq x (car cell)) (eq l (cdr cell))) cell) (t (cons x l))))
    (setq cells (cdr cells))
    (setq new (cdr new))
    (go loop)))

% A list without the first element that is equal to a.  (delete 2 '(1 2 3 2)) => (1 3 2)
(de delete (a l)
  (prog (r)
   loop
    (cond ((atom l) (return (nreconc!* r l)))
          ((equal a (car l)) (return (nreconc!* r (cdr l)))))
    (setq r (cons (car l) r))
    (setq l (cdr l))
    (go loop)))

% Reverse r in place, and put it in front of l.  (nreconc!* (list 2 1) '(3)) => (1 2 3)
(de nreconc!* (r l) (reversip2 r l))

% A list without the first element that is eq to a.  (deleq 'b '(a b c)) => (a c)
(de deleq (a l)
  (prog (r)
   loop
    (cond ((atom l) (return (reversip r)))
          ((eq a (car l)) (return (reversip2 r (cdr l)))))
    (setq r (cons (car l) r))
    (setq l (cdr l))
    (go loop)))

% Take the first element that is equal to a out of a list, in place.  (deleteip 2 (list 1 2 3)) => (1 3)
(de deleteip (a l)
  (cond ((atom l) l)
        ((equal a (car l)) (cdr l))
        (t (rplacd l (deleteip a (cdr l))))))

% Take the first element that is eq to a out of a list, in place.  (deleqip 'b (list 'a 'b)) => (a)
(de deleqip (a l)
  (cond ((atom l) l)
        ((eq a (car l)) (cdr l))
        (t (rplacd l (deleqip a (cdr l))))))

% The elements of a that are not in b, the last ones first, then b; compared by equal.
% (union '(1 2) '(2 3)) => (1 2 3)
(de union (a b)
  (prog nil
   loop
    (cond ((atom a) (return b)))
    (cond ((not (member (car a) b)) (setq b (cons (car a) b))))
    (setq a (cdr a))
    (go loop)))

% The elements of a that are in b, too; compared by equal. One is there twice only when it is more than once in b.
% (intersection '(1 2 3) '(2 3 4)) => (2 3)
(de intersection (a b)
  (prog (r m n)
   loop
    (cond ((atom a) (return (reversip r))))
    (setq n (occurrences!* (car a) b 0))
    (cond ((and (not (zerop n)) (or (zerop (setq m (occurrences!* (car a) r 0))) (greaterp n m)))
           (setq r (cons (car a) r))))
    (setq a (cdr a))
    (go loop)))

% How often x is in a list, and n; compared by equal.  (occurrences!* 1 '(1 2 1) 0) => 2
(de occurrences!* (x l n)
  (prog nil
   loop
    (cond ((atom l) (return n))
          ((equal x (car l)) (setq n (add1 n))))
    (setq l (cdr l))
    (go loop)))

% A call of f for all elements of a list, two at a time from the right: how macros of many arguments are made.
% (expand '(a b c) 'plus2) => (plus2 a (plus2 b c))
(de expand (l f)
  (cond ((null (cdr l)) (car l))
        (t (list3 f (car l) (expand (cdr l) f)))))

% Give a symbol a property, as `put` does.  (putc 'example!-c 'size 3) => 3
(de putc (a b c) (put a b c))

% The elements of a that are not in b; compared by equal.  (setdiff '(1 2 3) '(2)) => (1 3)
(de setdiff (a b)
  (prog (r)
   loop
    (cond ((atom a) (return (reversip r))))
    (cond ((not (member (car a) b)) (setq r (cons (car a) r))))
    (setq a (cdr a))
    (go loop)))

% The difference of two small integers, or nil when it has more than 28 bits or one is none; for tables of cases.
% (xdifference 5 3) => 2  (xdifference 'a 3) => nil
(de xdifference (a b)
  (prog (r)
    (cond ((not (and (fixp a) (fixp b))) (return nil)))
    (setq r (difference a b))
    (return (cond ((and (not (lessp r -134217728)) (lessp r 134217728)) r)))))

% Is the symbol a in l anywhere but in a quoted part?  (smemq 'x '(car x)) => t  (smemq 'x '(quote x)) => nil
(de smemq (a l)
  (cond ((atom l) (eq a l))
        ((eq (car l) 'quote) nil)
        (t (or (smemq a (car l)) (smemq a (cdr l))))))

% The first pair of an association list whose second part is equal to x, or nil.
% (rassoc 2 '((a . 1) (b . 2))) => (b . 2)
(de rassoc (x l)
  (prog nil
   loop
    (cond ((atom l) (return nil))
          ((equal x (cdar l)) (return (car l))))
    (setq l (cdr l))
    (go loop)))

% The first pair of an association list with a key, or what a function of no arguments gives when there is none.
% (sassoc 'c '((a . 1)) (function (lambda nil 'none))) => none
(de sassoc (x l f)
  (prog nil
   loop
    (cond ((atom l) (return (funcall f)))
          ((equal x (caar l)) (return (car l))))
    (setq l (cdr l))
    (go loop)))

% The last element of a list.  (lastcar '(1 2 3)) => 3
(de lastcar (l)
  (prog nil
   loop
    (cond ((null l) (return nil))
          ((null (cdr l)) (return (car l))))
    (setq l (cdr l))
    (go loop)))

% The last element of a list that is not empty.  (last '(1 2 3)) => 3
(de last (l)
  (cond ((atom l) (error!-about 'last l)) (t (car (lastpair l)))))

% The element of a list at a place from 1 on.  (nth '(a b c) 2) => b
(de nth (l n)
  (cond ((onep n) (car l)) (t (nth (cdr l) (sub1 n)))))

% The part of a list from a place on, which counts from 1.  (pnth '(a b c) 2) => (b c)
(de pnth (l n)
  (cond ((onep n) l) (t (pnth (cdr l) (sub1 n)))))

% Give each symbol of ((symbol value)...) a property; the symbols.
% (progn (deflist '((example!-d 5)) 'size) (get 'example!-d 'size)) => 5
(de deflist (l ind)
  (prog (r)
   loop
    (cond ((null l) (return (reversip r))))
    (put (caar l) ind (cadar l))
    (setq r (cons (caar l) r))
    (setq l (cdr l))
    (go loop)))

% Is it a list that begins with a symbol that has a flag?  (flagpcar '(nobody 1) 'seen) => nil
(de flagpcar (x ind) (and (pairp x) (idp (car x)) (flagp (car x) ind)))

% Is it a pair whose first part is equal to y?  (equalcar '("a" b) "a") => t
(de equalcar (x y) (and (pairp x) (equal (car x) y)))

% (quote x).  (mkquote 'a) => (quote a)
(de mkquote (x) (list2 'quote x))

% Are two values not equal?  (neq 1 2) => t
(de neq (a b) (not (equal a b)))

% A list of four elements.  (list4 1 2 3 4) => (1 2 3 4)
(de list4 (a b c d) (cons a (list3 b c d)))

% (a b . c).  (list2!* 1 2 '(3)) => (1 2 3)
(de list2!* (a b c) (cons a (cons b c)))

% (a b c . d).  (list3!* 1 2 3 '(4)) => (1 2 3 4)
(de list3!* (a b c d) (cons a (cons b (cons c d))))

% Replace both parts of the pair x by those of the pair y; x.  (rplacw (list 1 2) '(a . b)) => (a . b)
(de rplacw (x y) (progn (rplaca x (car y)) (rplacd x (cdr y)) x))

% The first part of a pair; anything else is itself.  (car!* 5) => 5
(de car!* (x) (cond ((pairp x) (car x)) (t x)))

% Nil: car and cdr are always checked.  (carcheck 0) => nil
(de carcheck (n) nil)


% Are two values equal?  (equalp '(a) '(a)) => t
(de equalp (a b) (equal a b))

% Call a function with a list, then with what follows its first element, and so on; nil.
% (map '(1 2) 'prin1) prints (1 2)(2)
(de map (l f)
  (prog nil loop (cond ((null l) (return nil))) (funcall f l) (setq l (cdr l)) (go loop)))

% Call a function with each element of a list; nil.  (mapc '(1 2) 'prin1) prints 12
(de mapc (l f)
  (prog nil loop (cond ((null l) (return nil))) (funcall f (car l)) (setq l (cdr l)) (go loop)))

% The list of what a function gives for each element of a list.  (mapcar '(1 2 3) 'add1) => (2 3 4)
(de mapcar (l f)
  (prog (r x)
   loop
    (cond ((null l) (return (reversip r))))
    (setq x (funcall f (car l)))
    (setq r (cons x r))
    (setq l (cdr l))
    (go loop)))

% The list of what a function gives for a list, for what follows its first element, and so on.
% (maplist '(1 2 3) 'length) => (3 2 1)
(de maplist (l f)
  (prog (r)
   loop
    (cond ((null l) (return (reversip r))))
    (setq r (cons (funcall f l) r))
    (setq l (cdr l))
    (go loop)))

% The lists that a function gives for each element of a list, joined in place.  (mapcan '(1 2) 'ncons) => (1 2)
(de mapcan (l f)
  (prog (r x)
   loop
    (cond ((null l) (return r)))
    (setq x (funcall f (car l)))
    (cond ((pairp x) (setq r (nconc r x))))
    (setq l (cdr l))
    (go loop)))

% The lists that a function gives for a list, for what follows its first element, and so on, joined in place.
% (mapcon '(1 2) 'ncons) => ((1 2) (2))
(de mapcon (l f)
  (prog (r x)
   loop
    (cond ((null l) (return r)))
    (setq x (funcall f l))
    (cond ((pairp x) (setq r (nconc r x))))
    (setq l (cdr l))
    (go loop)))

% (dolist (variable list [result]) form...)
% Evaluate the forms for each element of a list.
% (dolist (x '(1 2)) (prin1 x)) prints 12
(dm dolist (u)
  (prog (v l label)
    (setq v (car (cadr u)))
    (setq l (gensym))
    (setq label (gensym))
    (return (cons 'prog (cons (list2 l v)
      (cons (list3 'setq l (cadr (cadr u)))
        (cons label
          (cons (list2 'cond (list2 (list2 'null l) (list2 'return (cons 'progn (cddr (cadr u))))))
            (cons (list3 'setq v (list2 'car l))
              (append (cddr u)
                (list (list3 'setq l (list2 'cdr l)) (list2 'go label)))))))))))) 

% (psetq variable form...)
% Set variables to the values of forms that were all evaluated before.
% (prog (a b) (setq a 1) (setq b 2) (psetq a b b a) (return (list a b))) => (2 1)
(dm psetq (u)
  (prog (rows setting)
    (setq u (cdr u))
   loop
    (cond ((null u)
           (return (cons 'let!* (cons (reverse rows) (reverse setting)))))
          ((null (cdr u)) (error 0 "odd number of items in psetq")))
    (setq rows (cons (list2 (gensym) (cadr u)) rows))
    (setq setting (cons (list3 'setq (car u) (caar rows)) setting))
    (setq u (cddr u))
    (go loop)))

% (do ((variable first [next])...) (test result...) form...)
% A loop whose variables are set all at once; it ends when the test is true.
% (do ((k 0 (add1 k)) (s 0 (plus s k))) ((eqn k 4) s)) => 6
(dm do (u)
  (list3 '!~let
         (mapcar (cadr u) (function do!-binding!*))
         (do!-body!* u (do!-steps!* (cadr u) nil) 'psetq)))

% The binding of a variable in do.  (do!-binding!* '(i 0 (add1 i))) => (i 0)
(de do!-binding!* (r)
  (cond ((atom r) (list2 r nil))
        ((atom (cdr r)) (list2 (car r) nil))
        (t (list2 (car r) (cadr r)))))

% The variables that are stepped and what to, in a flat list.  (do!-steps!* '((i 0 (add1 i)) j) nil) => (i (add1 i))
(de do!-steps!* (rows l)
  (cond ((atom rows) (reverse l))
        ((and (pairp (car rows)) (pairp (cdar rows)) (pairp (cddar rows)))
         (do!-steps!* (cdr rows) (cons (caddar rows) (cons (caar rows) l))))
        (t (do!-steps!* (cdr rows) l))))

% The loop that do and do!* are.  (car (do!-body!* '(do nil (t)) nil 'psetq)) => prog
(de do!-body!* (u steps setter)
  (prog (label end)
    (setq label (gensym))
    (setq end (caddr u))
    (return (append (list4 'prog nil label
                           (list3 'if (car end)
                                  (list2 'return (cond ((atom (cdr end)) nil)
                                                       ((atom (cddr end)) (cadr end))
                                                       (t (cons 'progn (cdr end)))))))
                    (append (cdddr u)
                            (append (cond ((null steps) nil) (t (ncons (cons setter steps))))
                                    (ncons (list2 'go label))))))))

% (dotimes (variable count [result]) form...)
% Evaluate the forms for each number from 0 up to a count, which is left out.
% (dotimes (k 3) (prin1 k)) prints 012
(dm dotimes (u)
  (prog (v n label)
    (setq v (car (cadr u)))
    (setq n (gensym))
    (setq label (gensym))
    (return (cons 'prog (cons (list2 n v)
      (cons (list3 'setq n (cadr (cadr u)))
        (cons (list3 'setq v 0)
          (cons label
            (cons (list2 'cond (list2 (list2 'not (list3 'lessp v n)) (list2 'return (cons 'progn (cddr (cadr u))))))
              (append (cddr u)
                (list (list3 'setq v (list2 'add1 v)) (list2 'go label)))))))))))) 

% (block name form...)  Evaluate forms; `(return-from name value)` ends it.  (block b (return!-from b 5) 6) => 5
(dm block (u)
  (list3 'prog nil (list2 'return (cond ((cadr u) (cons '!~block (cdr u))) (t (cons 'progn (cddr u)))))))

% (car (car x)).  (caar '((z . y) . y)) => z
(de caar (x) (car (car x)))
% (car (cdr x)).  (cadr '(y . (z . y))) => z
(de cadr (x) (car (cdr x)))
% (cdr (car x)).  (cdar '((y . z) . y)) => z
(de cdar (x) (cdr (car x)))
% (cdr (cdr x)).  (cddr '(y . (y . z))) => z
(de cddr (x) (cdr (cdr x)))
% (car (car (car x))).  (caaar '(((z . y) . y) . y)) => z
(de caaar (x) (car (car (car x))))
% (car (car (cdr x))).  (caadr '(y . ((z . y) . y))) => z
(de caadr (x) (car (car (cdr x))))
% (car (cdr (car x))).  (cadar '((y . (z . y)) . y)) => z
(de cadar (x) (car (cdr (car x))))
% (car (cdr (cdr x))).  (caddr '(y . (y . (z . y)))) => z
(de caddr (x) (car (cdr (cdr x))))
% (cdr (car (car x))).  (cdaar '(((y . z) . y) . y)) => z
(de cdaar (x) (cdr (car (car x))))
% (cdr (car (cdr x))).  (cdadr '(y . ((y . z) . y))) => z
(de cdadr (x) (cdr (car (cdr x))))
% (cdr (cdr (car x))).  (cddar '((y . (y . z)) . y)) => z
(de cddar (x) (cdr (cdr (car x))))
% (cdr (cdr (cdr x))).  (cdddr '(y . (y . (y . z)))) => z
(de cdddr (x) (cdr (cdr (cdr x))))
% (car (car (car (car x)))).  (caaaar '((((z . y) . y) . y) . y)) => z
(de caaaar (x) (car (car (car (car x)))))
% (car (car (car (cdr x)))).  (caaadr '(y . (((z . y) . y) . y))) => z
(de caaadr (x) (car (car (car (cdr x)))))
% (car (car (cdr (car x)))).  (caadar '((y . ((z . y) . y)) . y)) => z
(de caadar (x) (car (car (cdr (car x)))))
% (car (car (cdr (cdr x)))).  (caaddr '(y . (y . ((z . y) . y)))) => z
(de caaddr (x) (car (car (cdr (cdr x)))))
% (car (cdr (car (car x)))).  (cadaar '(((y . (z . y)) . y) . y)) => z
(de cadaar (x) (car (cdr (car (car x)))))
% (car (cdr (car (cdr x)))).  (cadadr '(y . ((y . (z . y)) . y))) => z
(de cadadr (x) (car (cdr (car (cdr x)))))
% (car (cdr (cdr (car x)))).  (caddar '((y . (y . (z . y))) . y)) => z
(de caddar (x) (car (cdr (cdr (car x)))))
% (car (cdr (cdr (cdr x)))).  (cadddr '(y . (y . (y . (z . y))))) => z
(de cadddr (x) (car (cdr (cdr (cdr x)))))
% (cdr (car (car (car x)))).  (cdaaar '((((y . z) . y) . y) . y)) => z
(de cdaaar (x) (cdr (car (car (car x)))))
% (cdr (car (car (cdr x)))).  (cdaadr '(y . (((y . z) . y) . y))) => z
(de cdaadr (x) (cdr (car (car (cdr x)))))
% (cdr (car (cdr (car x)))).  (cdadar '((y . ((y . z) . y)) . y)) => z
(de cdadar (x) (cdr (car (cdr (car x)))))
% (cdr (car (cdr (cdr x)))).  (cdaddr '(y . (y . ((y . z) . y)))) => z
(de cdaddr (x) (cdr (car (cdr (cdr x)))))
% (cdr (cdr (car (car x)))).  (cddaar '(((y . (y . z)) . y) . y)) => z
(de cddaar (x) (cdr (cdr (car (car x)))))
% (cdr (cdr (car (cdr x)))).  (cddadr '(y . ((y . (y . z)) . y))) => z
(de cddadr (x) (cdr (cdr (car (cdr x)))))
% (cdr (cdr (cdr (car x)))).  (cdddar '((y . (y . (y . z))) . y)) => z
(de cdddar (x) (cdr (cdr (cdr (car x)))))
% (cdr (cdr (cdr (cdr x)))).  (cddddr '(y . (y . (y . (y . z))))) => z
(de cddddr (x) (cdr (cdr (cdr (cdr x)))))

% List functions of Standard Lisp and of CSL that need no more than other list functions.

(de pair (u v)
  (prog (r)
   loop
    (cond ((or (atom u) (atom v))
           (return (reversip r))))
    (setq r (cons (cons (car u) (car v)) r))
    (setq u (cdr u))
    (setq v (cdr v))
    (go loop)))

(de copy (x)
  (cond ((atom x) x)
        (t (cons (copy (car x)) (copy (cdr x))))))

% What these three leave as it is, is not copied: programs ask by eq whether something was replaced, and keep things unique.

(de subst (a b l)
  (prog (cells new)
   loop
    (cond ((equal b l) (return (rebuilt!* cells new a)))
          ((atom l) (return (rebuilt!* cells new l))))
    (setq new (cons (subst a b (car l)) new))
    (setq cells (cons l cells))
    (setq l (cdr l))
    (go loop)))

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

(de delete (a l)
  (prog (r)
   loop
    (cond ((atom l) (return (reversip r)))
          ((equal a (car l)) (return (nreconc!* r (cdr l)))))
    (setq r (cons (car l) r))
    (setq l (cdr l))
    (go loop)))

(de nreconc!* (r l) (reversip2 r l))

(de deleq (a l)
  (prog (r)
   loop
    (cond ((atom l) (return (reversip r)))
          ((eq a (car l)) (return (reversip2 r (cdr l)))))
    (setq r (cons (car l) r))
    (setq l (cdr l))
    (go loop)))

(de deleteip (a l)
  (cond ((atom l) l)
        ((equal a (car l)) (cdr l))
        (t (rplacd l (deleteip a (cdr l))))))

(de deleqip (a l)
  (cond ((atom l) l)
        ((eq a (car l)) (cdr l))
        (t (rplacd l (deleqip a (cdr l))))))

(de union (a b)
  (prog nil
   loop
    (cond ((atom a) (return b)))
    (cond ((not (member (car a) b)) (setq b (cons (car a) b))))
    (setq a (cdr a))
    (go loop)))

(de intersection (a b)
  (prog (r)
   loop
    (cond ((atom a) (return (reversip r))))
    (cond ((and (member (car a) b) (not (member (car a) r))) (setq r (cons (car a) r))))
    (setq a (cdr a))
    (go loop)))

(de expand (l f)
  (cond ((null (cdr l)) (car l))
        (t (list3 f (car l) (expand (cdr l) f)))))

(de putc (a b c) (put a b c))

(de setdiff (a b)
  (prog (r)
   loop
    (cond ((atom a) (return (reversip r))))
    (cond ((not (member (car a) b)) (setq r (cons (car a) r))))
    (setq a (cdr a))
    (go loop)))

(de xdifference (a b) (setdiff b a))

(de smemq (a l)
  (cond ((atom l) (eq a l))
        ((eq (car l) 'quote) nil)
        (t (or (smemq a (car l)) (smemq a (cdr l))))))

(de rassoc (x l)
  (prog nil
   loop
    (cond ((atom l) (return nil))
          ((and (pairp (car l)) (equal x (cdar l))) (return (car l))))
    (setq l (cdr l))
    (go loop)))

(de sassoc (x l f)
  (prog (p)
    (setq p (assoc x l))
    (return (cond (p p) (t (funcall f))))))

(de lastcar (l) (cond ((null l) l) ((atom l) (cdr l)) (t (car (lastpair l)))))

(de last (l)
  (cond ((atom l) (error!-about 'last l)) (t (car (lastpair l)))))

(de nth (l n)
  (cond ((onep n) (car l)) (t (nth (cdr l) (sub1 n)))))

(de pnth (l n)
  (cond ((onep n) l) (t (pnth (cdr l) (sub1 n)))))

(de deflist (l ind)
  (prog (r)
   loop
    (cond ((null l) (return (reversip r))))
    (put (caar l) ind (cadar l))
    (setq r (cons (caar l) r))
    (setq l (cdr l))
    (go loop)))

(de flagpcar (x ind) (and (pairp x) (idp (car x)) (flagp (car x) ind)))

(de equalcar (x y) (and (pairp x) (equal (car x) y)))

(de mkquote (x) (list2 'quote x))

(de neq (a b) (not (equal a b)))

(de list4 (a b c d) (cons a (list3 b c d)))

(de list2!* (a b c) (cons a (cons b c)))

(de list3!* (a b c d) (cons a (cons b (cons c d))))

(de rplacw (x y) (progn (rplaca x (car y)) (rplacd x (cdr y)) x))

(de car!* (x) (cond ((pairp x) (car x)) (t x)))

(de carcheck (n) nil)


(de equalp (a b) (equal a b))

(de map (l f)
  (prog nil loop (cond ((null l) (return nil))) (funcall f l) (setq l (cdr l)) (go loop)))

(de mapc (l f)
  (prog nil loop (cond ((null l) (return nil))) (funcall f (car l)) (setq l (cdr l)) (go loop)))

(de mapcar (l f)
  (prog (r x)
   loop
    (cond ((null l) (return (reversip r))))
    (setq x (funcall f (car l)))
    (setq r (cons x r))
    (setq l (cdr l))
    (go loop)))

(de maplist (l f)
  (prog (r)
   loop
    (cond ((null l) (return (reversip r))))
    (setq r (cons (funcall f l) r))
    (setq l (cdr l))
    (go loop)))

(de mapcan (l f)
  (prog (r x)
   loop
    (cond ((null l) (return r)))
    (setq x (funcall f (car l)))
    (cond ((pairp x) (setq r (nconc r x))))
    (setq l (cdr l))
    (go loop)))

(de mapcon (l f)
  (prog (r x)
   loop
    (cond ((null l) (return r)))
    (setq x (funcall f l))
    (cond ((pairp x) (setq r (nconc r x))))
    (setq l (cdr l))
    (go loop)))

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

% (psetq a x b y): all values first, then all assignments.
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

% (do ((v init step)...) (test result...) body...), all variables stepped together.
(dm do (u)
  (prog (rows end body label setting stepping)
    (setq rows (cadr u))
    (setq end (caddr u))
    (setq body (cdddr u))
    (setq label (gensym))
    (dolist (r rows)
      (cond ((pairp r)
             (setq setting (cons (cadr r) (cons (car r) setting)))
             (cond ((cddr r) (setq stepping (cons (caddr r) (cons (car r) stepping))))))))
    (return (cons 'prog (cons (mapcar rows (function (lambda (r) (cond ((atom r) r) (t (car r))))))
      (cons (cons 'psetq (reverse setting))
        (cons label
          (cons (list2 'cond (list2 (car end) (list2 'return (cons 'progn (cdr end)))))
            (append body (list (cons 'psetq (reverse stepping)) (list2 'go label)))))))))))

(dm dotimes (u)
  (prog (v n label)
    (setq v (car (cadr u)))
    (setq n (gensym))
    (setq label (gensym))
    (return (cons 'prog (cons (list2 n v)
      (cons (list3 'setq n (cadr (cadr u)))
        (cons (list3 'setq v 0)
          (cons label
            (cons (list2 'cond (list2 (list3 'geq v n) (list2 'return (cons 'progn (cddr (cadr u))))))
              (append (cddr u)
                (list (list3 'setq v (list2 'add1 v)) (list2 'go label)))))))))))) 

(dm block (u)
  (list3 'prog nil (list2 'return (cond ((cadr u) (cons '!~block (cdr u))) (t (cons 'progn (cddr u)))))))

(de caar (x) (car (car x)))
(de cadr (x) (car (cdr x)))
(de cdar (x) (cdr (car x)))
(de cddr (x) (cdr (cdr x)))
(de caaar (x) (car (car (car x))))
(de caadr (x) (car (car (cdr x))))
(de cadar (x) (car (cdr (car x))))
(de caddr (x) (car (cdr (cdr x))))
(de cdaar (x) (cdr (car (car x))))
(de cdadr (x) (cdr (car (cdr x))))
(de cddar (x) (cdr (cdr (car x))))
(de cdddr (x) (cdr (cdr (cdr x))))
(de caaaar (x) (car (car (car (car x)))))
(de caaadr (x) (car (car (car (cdr x)))))
(de caadar (x) (car (car (cdr (car x)))))
(de caaddr (x) (car (car (cdr (cdr x)))))
(de cadaar (x) (car (cdr (car (car x)))))
(de cadadr (x) (car (cdr (car (cdr x)))))
(de caddar (x) (car (cdr (cdr (car x)))))
(de cadddr (x) (car (cdr (cdr (cdr x)))))
(de cdaaar (x) (cdr (car (car (car x)))))
(de cdaadr (x) (cdr (car (car (cdr x)))))
(de cdadar (x) (cdr (car (cdr (car x)))))
(de cdaddr (x) (cdr (car (cdr (cdr x)))))
(de cddaar (x) (cdr (cdr (car (car x)))))
(de cddadr (x) (cdr (cdr (car (cdr x)))))
(de cdddar (x) (cdr (cdr (cdr (car x)))))
(de cddddr (x) (cdr (cdr (cdr (cdr x)))))

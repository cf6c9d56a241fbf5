% Functions of CSL beyond Standard Lisp that need no more than other functions.

% -- lists

(de qcaar (x) (car (car x)))
(de qcadr (x) (car (cdr x)))
(de qcdar (x) (cdr (car x)))
(de qcddr (x) (cdr (cdr x)))

(de list2!*rev (a b c) (cons c (cons b a)))

(de list3rev (a b c) (list3 c b a))

(de listp (x) (pairp x))

(de check!-list (x) x)

(de identity (x) x)

(de substq (a b l)
  (cond ((eq b l) a)
        ((atom l) l)
        (t (cons (substq a b (car l)) (substq a b (cdr l))))))

(de contained (a l)
  (cond ((eq a l) t)
        ((atom l) nil)
        (t (or (contained a (car l)) (contained a (cdr l))))))

% The pair whose cdr is x.
(de xassoc (x l)
  (prog nil
   loop
    (cond ((atom l) (return nil))
          ((and (pairp (car l)) (eq x (cdar l))) (return (car l))))
    (setq l (cdr l))
    (go loop)))

% Sets of symbols; what is twice in the first one stays so.

(de intersection_symlist (a b)
  (prog (r)
   loop
    (cond ((atom a) (return (reversip r))))
    (cond ((memq (car a) b) (setq r (cons (car a) r))))
    (setq a (cdr a))
    (go loop)))

(de union!-symlist (a b)
  (prog (r)
   loop
    (cond ((atom a) (return (reversip2 r b))))
    (cond ((not (memq (car a) b)) (setq r (cons (car a) r))))
    (setq a (cdr a))
    (go loop)))

% -- fields of bits in an integer: (byte size position)

(de byte (size position) (cons size position))
(de byte!-size (b) (car b))
(de byte!-position (b) (cdr b))

(de byte!-mask!* (b) (ash (sub1 (ash 1 (car b))) (cdr b)))

(de ldb (b n) (ash (land n (byte!-mask!* b)) (minus (cdr b))))
(de mask!-field (b n) (land n (byte!-mask!* b)))
(de ldb!-test (b n) (not (zerop (mask!-field b n))))
(de deposit!-field (new b n)
  (lor (land n (lnot (byte!-mask!* b))) (land new (byte!-mask!* b))))
(de dpb (new b n) (deposit!-field (ash new (cdr b)) b n))

(de logtest (a b) (not (zerop (land a b))))

% -- types: there are no arrays but vectors, and no structures

(de arrayp (x) (or (vectorp x) (stringp x)))
(de complex!-arrayp (x) nil)
(de convert!-to!-array (x) x)
(de structp (x) nil)
(de bit!-vector!-p (x) nil)
(de simple!-bit!-vector!-p (x) nil)
(de simple!-string!-p (x) (stringp x))
(de cl!-stringp (x) (stringp x))
(de encapsulatedp (x) nil)

% -- forms with several values: there is one

(dm multiple!-value!-call (u) (cons 'funcall (cdr u)))
(dm multiple!-value!-prog1 (u) (cons 'prog1 (cdr u)))

% (do!* ((v init step)...) (test result...) body...), each variable stepped after the ones before it.
(dm do!* (u)
  (prog (label stepping)
    (setq label (gensym))
    (dolist (r (cadr u))
      (cond ((and (pairp r) (pairp (cdr r)) (pairp (cddr r)))
             (setq stepping (cons (list3 'setq (car r) (caddr r)) stepping)))))
    (return
      (list3 'let!*
             (mapcar (cadr u)
                     (function (lambda (r)
                       (cond ((atom r) (list2 r nil)) ((atom (cdr r)) (list2 (car r) nil)) (t (list2 (car r) (cadr r)))))))
             (append (list4 'prog nil label
                            (list2 'cond (list2 (car (caddr u)) (list2 'return (cons 'progn (cdr (caddr u)))))))
                     (append (cdddr u) (append (reverse stepping) (ncons (list2 'go label)))))))))

(dm compiler!-let (u) (cons '!~let (cdr u)))

% Bind the variables of a list, which is evaluated, to the values of another list.
(dm progv (u)
  (list4 'progv!-call (cadr u) (caddr u) (list2 'function (cons 'lambda (cons nil (cdddr u))))))

(de progv!-call (names values f)
  (prog (old)
    (setq old (mapcar names (function (lambda (x) (cond ((boundp x) (ncons (symbol!-value x))) (t nil))))))
    (return (unwind!-protect
              (progn (mapc names (function (lambda (x)
                       (set x (cond ((atom values) nil) (t (car values))))
                       (setq values (cond ((atom values) nil) (t (cdr values)))))))
                     (funcall f))
              (mapc names (function (lambda (x)
                (cond ((null (car old)) (makeunbound x)) (t (set x (caar old))))
                (setq old (cdr old)))))))))

% -- sets of keys, as hash tables

(de mkhashset (n) (mkhash n 2 1.5))
(de sethashset (x h) (puthash x h t))
(de gethashset (x h) (gethash x h))
(de resethashset (x h) (remhash x h))
(de clrhashset (h) (clrhash h))
(de hashsetcontents (h) (mapcar (hashcontents h) (function car)))
(de maphashset (f h) (mapc (hashsetcontents h) f))

% -- quotients as floats

(de ffloor (x y) (float (floor x y)))
(de fround (x y) (float (round x y)))
(de ftruncate (x y) (float (truncate x y)))

(de bldmsg_temp_internal (f l) (apply 'bldmsg (cons f l)))

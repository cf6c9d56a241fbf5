% Functions of CSL beyond Standard Lisp that need no more than other functions.

% -- lists

% (car (car x)).  (qcaar '((a) b)) => a
(de qcaar (x) (car (car x)))
% (car (cdr x)).  (qcadr '(a b)) => b
(de qcadr (x) (car (cdr x)))
% (cdr (car x)).  (qcdar '((a . b) c)) => b
(de qcdar (x) (cdr (car x)))
% (cdr (cdr x)).  (qcddr '(a b c)) => (c)
(de qcddr (x) (cdr (cdr x)))

% (c b . a).  (list2!*rev 1 2 3) => (3 2 . 1)
(de list2!*rev (a b c) (cons c (cons b a)))

% (c b a).  (list3rev 1 2 3) => (3 2 1)
(de list3rev (a b c) (list3 c b a))

% Is it a pair?  (listp '(a)) => t
(de listp (x) (pairp x))

% The argument itself.  (check!-list '(a)) => (a)
(de check!-list (x) x)

% The argument itself.  (identity 5) => 5
(de identity (x) x)

% A copy of l in which every part that is eq to b is a.  (substq 1 'x '(x (y x))) => (1 (y 1))
(de substq (a b l)
  (cond ((eq b l) a)
        ((atom l) l)
        (t (cons (substq a b (car l)) (substq a b (cdr l))))))

% Is a eq to l, or to a part of it?  (contained 'x '(a (x))) => t
(de contained (a l)
  (cond ((eq a l) t)
        ((atom l) nil)
        (t (or (contained a (car l)) (contained a (cdr l))))))

% The first pair of an association list whose first part is equal to x, as `assoc` gives it.
% (xassoc 'b '((a . 1) (b . 2))) => (b . 2)
(de xassoc (x l) (assoc x l))

% Sets of symbols; what is twice in the first one stays so.

% The symbols of the list a that are in the list b, too.  (intersection_symlist '(a b c) '(b c d)) => (b c)
(de intersection_symlist (a b)
  (prog (r)
   loop
    (cond ((atom a) (return (reversip r))))
    (cond ((memq (car a) b) (setq r (cons (car a) r))))
    (setq a (cdr a))
    (go loop)))

% The symbols of a that are not in b, then b.  (union!-symlist '(a b) '(b c)) => (a b c)
(de union!-symlist (a b)
  (prog (r)
   loop
    (cond ((atom a) (return (reversip2 r b))))
    (cond ((and (symbolp (car a)) (not (memq (car a) b))) (setq r (cons (car a) r))))
    (setq a (cdr a))
    (go loop)))

% -- fields of bits in an integer: (byte size position)

% Says which bits of an integer are meant: so many, from a position on.  (byte 4 8) => (4 . 8)
(de byte (size position) (cons size position))
% How many bits a byte has.  (byte!-size (byte 4 8)) => 4
(de byte!-size (b) (car b))
% Where the bits of a byte begin.  (byte!-position (byte 4 8)) => 8
(de byte!-position (b) (cdr b))

% The integer that has just the bits of a byte.  (byte!-mask!* (byte 4 8)) => 3840
(de byte!-mask!* (b) (ash (sub1 (ash 1 (car b))) (cdr b)))

% The bits of n that a byte says, shifted down to the lowest place.  (ldb (byte 4 4) 165) => 10
(de ldb (b n) (ash (land n (byte!-mask!* b)) (minus (cdr b))))
% The bits of n that a byte says, where they are.  (mask!-field (byte 4 4) 165) => 160
(de mask!-field (b n) (land n (byte!-mask!* b)))
% Has n one of the bits of a byte?  (ldb!-test (byte 4 4) 15) => nil
(de ldb!-test (b n) (not (zerop (mask!-field b n))))
% n with the bits of a byte as new has them.  (deposit!-field 48 (byte 4 4) 165) => 53
(de deposit!-field (new b n)
  (lor (land n (lnot (byte!-mask!* b))) (land new (byte!-mask!* b))))
% n with the bits of a byte as the lowest ones of new.  (dpb 3 (byte 4 4) 165) => 53
(de dpb (new b n) (deposit!-field (ash new (cdr b)) b n))

% Have two integers a bit in common?  (logtest 6 2) => t
(de logtest (a b) (not (zerop (land a b))))

% -- types: there are no arrays but vectors, and no structures

% Is it a vector or a string?  (arrayp "a") => t
(de arrayp (x) (or (vectorp x) (stringp x)))
% Nil: there are no arrays but vectors.  (complex!-arrayp (mkvect 1)) => nil
(de complex!-arrayp (x) nil)
% The argument itself: there are no arrays but vectors.  (convert!-to!-array 5) => 5
(de convert!-to!-array (x) x)
% Nil: there are no structures.  (structp 5) => nil
(de structp (x) nil)
% Is it a string?  (simple!-string!-p "a") => t
(de simple!-string!-p (x) (stringp x))
% Is it a string?  (cl!-stringp "a") => t
(de cl!-stringp (x) (stringp x))
% Nil: no value is encapsulated.  (encapsulatedp 5) => nil
(de encapsulatedp (x) nil)

% -- forms with several values: there is one

% (multiple-value-call f form...)
% Call a function with the value of each form; there is one.
% (multiple!-value!-call 'list 1 2) => (1 2)
(dm multiple!-value!-call (u) (cons 'funcall (cdr u)))
% (multiple-value-prog1 form...)
% The value of the first form, after all were evaluated.
% (multiple!-value!-prog1 1 2) => 1
(dm multiple!-value!-prog1 (u) (cons 'prog1 (cdr u)))

% (do* ((variable first [next])...) (test result...) form...)
% A loop whose variables are set one after the other; it ends when the test is true.
% (do!* ((x 1 (add1 x)) (y x x)) ((geq x 3) y)) => 3
(dm do!* (u)
  (list3 'let!*
         (mapcar (cadr u) (function do!-binding!*))
         (do!-body!* u (do!-steps!* (cadr u) nil) 'setq)))

% (compiler-let ((variable value)...) form...)  Bind variables, as `let` does.  (compiler!-let ((x 1)) x) => 1
(dm compiler!-let (u) (cons '!~let (cdr u)))

% (progv names values form...)
% Bind the variables of a list, which is evaluated, to the values of another list while the forms run.
% (progv '(example!*) '(5) (symbol!-value 'example!*)) => 5
(dm progv (u)
  (list4 'progv!-call (cadr u) (caddr u) (list2 'function (cons 'lambda (cons nil (cdddr u))))))

% What `progv` does, with the forms as a function of no arguments.
% (progv!-call '(example!*) '(5) (function (lambda nil (symbol!-value 'example!*)))) => 5
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

% A new set of keys that are compared by `cl-equal`, as a hash table.  (hashsetcontents (mkhashset 10)) => nil
(de mkhashset (n) (mkhash n 2 1.5))
% Put a key into a set.  (prog (s) (setq s (mkhashset 10)) (sethashset 'a s) (return (gethashset 'a s))) => t
(de sethashset (x h) (puthash x h t))
% Is a key in a set?  (gethashset 'a (mkhashset 10)) => nil
(de gethashset (x h) (gethash x h))
% Take a key out of a set.
% (prog (s) (setq s (mkhashset 10)) (sethashset 'a s) (resethashset 'a s) (return (gethashset 'a s))) => nil
(de resethashset (x h) (remhash x h))
% Take everything out of a set.
% (prog (s) (setq s (mkhashset 10)) (sethashset 'a s) (clrhashset s) (return (hashsetcontents s))) => nil
(de clrhashset (h) (clrhash h))
% The keys in a set, as a list.
% (prog (s) (setq s (mkhashset 10)) (sethashset 'a s) (return (hashsetcontents s))) => (a)
(de hashsetcontents (h) (mapcar (hashcontents h) (function car)))
% Call a function with every key of a set; nil.
% (prog (s) (setq s (mkhashset 10)) (sethashset 'a s) (maphashset 'prin1 s)) prints a
(de maphashset (f h) (mapc (hashsetcontents h) f))

% -- quotients as floats

% The quotient of two numbers, rounded down, as a float.  (ffloor 7 2) => 3.0
(de ffloor (x y) (float (floor x y)))
% The quotient of two numbers, rounded to the nearest integer, as a float.  (fround 7 2) => 4.0
(de fround (x y) (float (round x y)))
% The quotient of two numbers, rounded towards zero, as a float.  (ftruncate -7 2) => -3.0
(de ftruncate (x y) (float (truncate x y)))

% A string from a template and a list of values, as `bldmsg` makes it.  (bldmsg_temp_internal "%w!" '(5)) => "5!"
(de bldmsg_temp_internal (f l) (apply 'bldmsg (cons f l)))

% -- values as text, modules that are loaded when a function is called first

% Print a value so that `unserialize` reads it again; the value.  (serialize '(a "b")) prints (a "b")
(de serialize (x) (prin1 x) (terpri) x)
% The same as `serialize`.  (full!-serialize 5) prints 5
(de full!-serialize (x) (serialize x))
% Read what `serialize` wrote.
% (prog (s x) (setq s (rds (make!-string!-input!-stream "(a)"))) (setq x (unserialize)) (rds s) (return x)) => (a)
(de unserialize nil (read))

% A function that loads a module, which defines it, when it is called first; its name.
% (set!-autoload 'a_name!* 'a_module) => a_name!*
(de set!-autoload (name module)
  (eval (list4 'de name '(!&rest a) (list4 'autoload!* (list2 'quote name) (list2 'quote module) 'a)))
  name)

% Load a module and call a function that it defines.  (autoload!* 'f 'no_such_module nil) is an error
(de autoload!* (name module arguments)
  (remd name)
  (load!-module module)
  (cond ((null (getd name)) (error 0 (list4 'module module 'lacks name)))
        (t (apply name arguments))))

% -- names of the original with another here

% A stream to a file, as `open`.  (binopen "/nowhere/x" 'input) is an error
(de binopen (name direction) (open name direction))
% Define a function and compile it; its name.  (compd 'zz_f 'expr '(lambda (x) x)) => zz_f
(de compd (name type f) (putd name type f) (compile (ncons name)) name)
% Print a value and end the line; the value.  (debug!-print 5) prints 5
(de debug!-print (x) (print x))
% An extended vector with the elements of a vector; another value is itself.  (convert!-to!-evector 5) => 5
(de convert!-to!-evector (v)
  (prog (e)
    (cond ((not (vectorp v)) (return v)))
    (setq e (mkevect (upbv v)))
    (dotimes (i (add1 (upbv v))) (eputv e i (getv v i)))
    (return e)))
% Nil: there is no help that is kept in files.  (set!-help!-file 'a "b") => nil
(de set!-help!-file (key file) nil)
% Nil: nothing is known of what is gone.  (where!-was!-that) => nil
(de where!-was!-that nil nil)
% A random integer of 31 bits.  (fixp (next!-random!-number)) => t
(de next!-random!-number nil (random 2147483648))
% An error: a limit of `resource-limit` was passed.  (resource!-exceeded) is an error
(de resource!-exceeded nil (error 0 "resource exceeded"))

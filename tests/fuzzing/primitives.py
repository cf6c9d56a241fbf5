"""What random programs are made of: one row a form, ``?type`` stands where an expression of that type comes.

``?num`` is any number, ``?small`` a fixnum from -3 to 9, ``?index`` one from 0 to 4, ``?code`` of a letter, ``?any`` anything.
Lists, vectors and tables that programs make hold numbers, texts and symbols or lists of such, so nothing is circular.
"""

from __future__ import annotations

PRIMITIVES = {
    "int": """
        (plus ?int ?int) (plus ?int ?int ?int) (difference ?int ?int) (times ?int ?int) (minus ?int) (add1 ?int) (sub1 ?int) (abs ?int)
        (quotient ?int ?int) (remainder ?int ?int) (mod ?int ?int) (gcdn ?int ?int) (lcmn ?int ?int) (max ?int ?int) (min ?int ?int ?int)
        (logand ?int ?int) (logor ?int ?int) (logxor ?int ?int) (lognot ?int) (ash ?int ?small) (lshift ?small ?small) (expt ?int ?index)
        (length ?list) (truncate ?flo) (round ?flo) (floor ?flo) (ceiling ?flo) (fix ?flo) (cdr (divide ?int ?int)) (car (divide ?int ?int))
        (iplus ?small ?small) (idifference ?small ?small) (itimes ?small ?small) (iadd1 ?small) (isub1 ?small) (iminus ?small)
        (ilogand ?small ?small) (ilogor ?small ?small) (ilogxor ?small ?small) (imax ?small ?small) (msd ?int) (integer-length ?int)
        (logcount ?int) (isqrt* ?int) (upbv ?vec) (string-length ?str) (signum ?int) (sxhash* ?str) (land ?int ?int) (lor ?int ?int)
        (truncate ?int ?small) (floor ?int ?small) (round ?int ?small) (ceiling ?int ?small) (char-code ?sym) (boole 6 ?int ?int)
        (hashed-count ?list) (getv8 ?octets ?index) (getv32 ?words ?index) (iquotient ?small ?small) (iremainder ?small ?small)
        (inorm ?int ?small) (length (explode ?any)) (compress (explode ?int)) (sum ?list)
        (modular* ?int ?int) (land2 ?int ?int) (lor2 ?int ?int) (lxor2 ?int ?int) (lxor ?int ?int ?int) (lnot ?int) (plus2 ?int ?int) (times2 ?int ?int)
        (difference2 ?int ?int) (max2 ?int ?int) (min2 ?int ?int) (iplus2 ?small ?small) (itimes2 ?small ?small) (ilogand2 ?small ?small)
        (irightshift ?index 1) (xdifference ?int ?int) (isqrt (abs ?int)) (lsd ?int) (ash1 ?int ?small) (ashift ?int ?small) (1+ ?int) (1- ?int)
        (+ ?int ?int) (* ?int ?int) (lengthc ?any) (getv16 (stored16 (mkvect16 4) ?index ?int) ?index) (numerator ?int) (denominator ?int)
        (getv64 (stored64 (mkvect64 4) ?index ?int) ?index) (summed ?list ?int) (weakly ?list) (id2int ?sym) (char-int* ?sym) (string-length (id2string ?sym))
        (plus ?int ?int ?int ?int ?int ?int) (times ?small ?int ?small) (logor ?int ?int ?int) (logxor) (plus) (times ?int)""",
    "flo": """
        (plus ?flo ?flo) (plus ?flo ?int) (difference ?flo ?num) (times ?flo ?flo) (times ?int ?flo) (quotient ?flo ?flo) (quotient ?int ?flo)
        (minus ?flo) (abs ?flo) (float ?int) (sqrt (abs ?flo)) (sin ?flo) (cos ?flo) (atan ?flo) (exp (quotient ?flo 10.0)) (log (add1 (abs ?flo)))
        (max ?flo ?num) (min ?num ?flo) (add1 ?flo) (sub1 ?flo) (expt ?flo ?index) (fgetv64 ?floats ?index) (tan ?flo) (sinh (cos ?flo))
        (hypot ?flo ?flo) (float-sign ?flo) (atan2 ?flo ?flo) (cbrt ?flo) (expt (abs ?flo) ?flo) (sind ?flo) (asin (cos ?flo))
        (acosd (cos ?flo)) (cosh (cos ?flo)) (acosh (add1 (abs ?flo))) (cot ?flo) (log10 (add1 (abs ?flo))) (log2 (add1 (abs ?flo)))
        (scale-float ?flo ?small) (fgetv32 (storedf32 (mkfvect32 4) ?index ?flo) ?index) (ln (add1 (abs ?flo))) (tand ?flo) (cosd ?flo) (atand ?flo)
        (tanh ?flo) (asinh ?flo) (atanh (quotient (cos ?flo) 2.0)) (sec ?flo) (csc ?flo) (coth (add1 (abs ?flo))) (acot ?flo) (times 1.0e300 ?flo)
        (difference (times 1.0e300 ?flo) (times 1.0e300 ?flo)) (times 1.0e-310 ?flo) (quotient 1.0 (times ?flo 0.0)) (atan2d ?flo ?flo) (+ ?flo ?num)
        (asec (add1 (abs ?flo))) (plus ?flo ?num ?flo ?num)""",
    "str": """
        (concat ?str ?str) (list2string (explode2 ?int)) (string-upcase ?str) (string-downcase ?str) (id2string ?sym) (string ?sym)
        (list2string (string2list ?str)) (list2string (reverse (string2list ?str))) (list-to-string (explodec ?str)) (bldmsg "%w and %p" ?any ?num)
        (list2string (explodec ?num))
        (symbol-name ?sym) (list2string (explodehex ?int)) (list2string (explode2uc ?any)) (list2string (explode2lc ?sym))""",
    "sym": """
        (car (quote (a b c))) (intern ?str) (list-to-symbol (explodec ?sym)) (compress (explode ?sym)) (nth (quote (a b c d)) (add1 (mod ?int 4)))
        (get (quote here) (quote there)) (char-upcase ?sym) (char-downcase ?sym) (schar ?str ?index) (int2id ?code)""",
    "list": """
        (cons ?any ?list) (list ?any) (list ?any ?any ?any) (append ?list ?list) (reverse ?list) (cdr ?list) (cddr ?list) (vector-to-list ?vec)
        (delete ?any ?list) (union ?list ?list) (intersection ?list ?list) (subst ?any ?any ?list) (copy ?list) (pair ?list ?list)
        (explode ?num) (explodec ?str) (string2list ?str) (sort (ints ?list) (function lessp)) (sort (ints ?list) (function greaterp))
        (member ?any ?list) (memq ?sym ?list) (assoc ?any (pair ?list ?list)) (sublis (pair ?list ?list) ?list) (nconc (copy ?list) ?list)
        (reversip (append ?list nil)) (list* ?any ?any ?list) (pnth ?list (add1 ?index)) (setdiff ?list ?list) (divide ?int ?small)
        (rplaca (list ?any ?any) ?num) (rplacd (list ?any ?any) (list ?num)) (lastpair ?list) (nreverse (copy ?list)) (deleteip ?any (copy ?list))
        (mapcar ?list (function print-through)) (mapcar ?list (function list)) (maplist ?list (function length)) (mapcan ?list (function list))
        (mapcar ?list ?fn1) (errorset ?quoted t nil) (acons ?any ?any ?list) (xcons ?list ?any) (ncons ?any) (plist ?sym) (atsoc ?sym (pair ?list ?list))
        (stable-sort (ints ?list) ?less) (evlis (quote (1 2.5 "x" (plus 1 2)))) (values ?any ?any) (delasc* ?sym (pair ?list ?list))
        (decode-float ?flo)
        (explodehex ?int) (explodeoctal ?int) (explodebinary ?int) (exploden ?any) (explode2n ?any) (explode2lc ?any) (explode2uc ?any) (explodecn ?any)
        (cdddr ?list) (cddddr ?list) (map ?list ?fn1) (mapc ?list ?fn1) (mapcon (copy ?list) (function list)) (deleq ?sym ?list) (append2 ?list ?list)
        (list2 ?any ?any) (list3 ?any ?any ?any) (list2* ?any ?any ?any) (list3* ?any ?any ?any ?any) (vector2list ?vec) (rassoc ?any (pair ?list ?list))
        (sassoc ?any (pair ?list ?list) (function list)) (idapply (quote list) ?list) (apply (function list) ?list) (apply1 (function list) ?any)
        (apply3 (function list) ?any ?any ?any)
        (car (macroexpand (quote (psetq a 1 b 2)))) (optionals ?any) (optionals ?any ?any) (optionals ?any ?any ?any ?any)
        (optionals ?any ?any ?any ?any ?any ?any ?any) (apply (function optionals) ?list) (apply ?fn1 ?list) (flet ((fl (x) (list x ?any))) (fl ?any))
        (deleqip ?sym (copy ?list)) (reversip2 (copy ?list) ?list) (nconc2 (copy ?list) ?list) (subla (pair ?list ?list) ?list)
        (sortip (ints (copy ?list)) (function lessp)) (stable-sortip (ints (copy ?list)) ?less) (swapped ?any ?any) (filed ?any) (filed ?str)
        (mapped-table ?list) (list ?any ?any ?any ?any ?any ?any ?any ?any) (apply (function list) (append ?list (append ?list ?list)))
        (apply4 (function list) ?any ?any ?any ?any) (merged ?list ?list) (kinds ?any ?any) (frexp ?flo) (nreverse (list ?any ?any)) (generated ?any)""",
    "vec": """
        (list-to-vector ?list) (list2vector ?list) (mkvect ?index) (stored (mkvect 4) ?index ?num) (vector ?any ?num ?str)""",
    "octets": "(stored8 (mkvect8 4) ?index ?int) (mkvect8 4)",
    "words": "(stored32 (mkvect32 4) ?index ?int) (mkvect32 4)",
    "floats": "(storedf (mkfvect64 4) ?index ?flo) (mkfvect64 4)",
    "bool": """
        (null ?any) (not ?bool) (and ?bool ?bool) (or ?bool ?bool) (lessp ?num ?num) (greaterp ?num ?num) (leq ?num ?num) (geq ?num ?num)
        (equal ?any ?any) (eq ?sym ?sym) (eqn ?num ?num) (atom ?any) (pairp ?any) (numberp ?any) (fixp ?any) (floatp ?any) (stringp ?any)
        (idp ?any) (vectorp ?any) (zerop ?num) (onep ?num) (minusp ?num) (plusp ?num) (evenp ?int) (oddp ?int) (eqcar ?list ?sym)
        (ilessp ?small ?small) (igreaterp ?small ?small) (ileq ?small ?small) (igeq ?small ?small) (izerop ?small) (ionep ?small) (iminusp ?small)
        (neq ?any ?any) (equalp ?any ?any) (eql ?any ?any) (consp ?any) (member ?num ?list) (flagp (quote here) (quote there)) (digit ?sym)
        (liter ?sym) (alpha-char-p ?sym) (string<2* ?str ?str) (orderp ?sym ?sym) (fp-nan ?flo) (fp-infinite ?flo) (smemq ?sym ?list)
        (constantp ?any) (gensymp ?any) (boundp ?sym) (iequal ?small ?small) (equalcar ?list ?any) (primep32* ?index) (!< ?num ?num) (!>!= ?num ?num)
        (cl-equal ?any ?any) (upper-case-p ?sym) (eqn ?int ?int) (fp-finite ?flo)
        (symbolp ?any) (integerp ?any) (keywordp ?sym) (characterp ?sym) (both-case-p ?sym) (lower-case-p ?sym) (codep ?any) (streamp ?any)
        (hash-table-p ?any) (complexp ?any) (rationalp ?any) (fluidp ?sym) (globalp ?sym) (special-form-p ?sym) (seprp ?sym) (graphic-char-p ?sym)
        (threevectorp ?any) (string=2 ?str ?str) (string<2 ?str ?str) (string>=2 ?str ?str) (char= ?sym ?sym) (= ?num ?num) (< ?num ?num) (> ?num ?num)
        (<= ?num ?num) (logbitp ?index ?int) (eq-safe ?any) (ordp ?num ?num) (fp-subnorm ?flo) (simple-vector-p ?vec) (flagpcar ?list (quote mark))
        (whitespace-char-p ?sym) (primep64 (abs ?small)) (string-equal2 ?str ?str)""",
    "any": """
        (car ?list) (cadr ?list) (cdr ?list) (caar ?list) (cddr ?list) (nth ?list (add1 ?index)) (elt ?list ?index) (getv ?vec ?index)
        (qgetv ?vec* ?index) (prog1 ?any ?any) (prog2 ?any ?any ?any) (progn ?any ?any) (if ?bool ?any ?any) (cond (?bool ?any) (?any) (t ?any))
        (when ?bool ?any) (unless ?bool ?any) (and ?any ?any) (or ?any ?any ?any) (apply (function plus) (list ?num ?num))
        (funcall ?fn1 ?any) (funcall (function list) ?any ?any) (apply ?fn1 (list ?any)) (apply2 (function cons) ?any ?any)
        (eval (list (quote list) 1 ?num)) (throw (quote out) ?any) (catch (quote out) ?any) (catch (quote other) ?any) (throw (quote other) ?any)
        (error 7 ?any) (error ?small "an error") (unwind-protect ?any ?any) (print ?any) (prin2 ?any) (get ?sym (quote tag)) (put (touch ?sym) (quote tag) ?num)
        (flag (list (touch ?sym)) (quote mark)) (flagp ?sym (quote mark)) (remprop ?sym (quote tag)) (lastcar ?list) (case* ?small ?any ?any)
        (tabled ?any ?any) (gethash ?num table) (puthash ?num table ?num) (remhash ?num table) (gethash ?str table) (puthash ?str table ?num)
        (the fixnum ?small) (eq-table ?sym ?num) (setprop* ?sym ?num) (block nil (return ?any)) (tagbody (go l) ?any l) (progn (reclaim) ?any)
        (princ ?any) (prin1 ?num) (terpri) (printc ?str) (explode2 ?any) (dolist* ?list)
        (caddr ?list) (caadr ?list) (cdadr ?list) (caaar ?list) (cadddr ?list) (car* ?any) (carcheck ?any) (prinhex ?int) (prinoctal ?int) (prinbinary ?int)
        (prinl ?any) (printcl ?any) (princl ?any) (printl ?any) (spaces ?index) (xtab ?index) (ttab ?index) (princ-upcase ?any) (princ-downcase ?any)
        (prettyprint ?list) (tyo ?code) (rplacw (list 1 2) (list ?any ?any)) (setcar (list ?any) ?num) (setcdr (list ?any) ?num) (apply0 (function list))
        (resource-limit (quote (list 1 2)) 1000 1000 1000) (throwing ?any ?small) (unwinding ?any ?any) (valued ?any)
        (do ((k 0 (add1 k))) ((eqn k 3) ?any) ?any)
        (digit-char ?index) (code-char ?code) (int-char ?code) (mkquote ?any) (sleep 0) (and) (or) (deep ?index ?any)""",
}

# Functions that every program has at its side; names as they stand in the rows above.
SUPPORT = """
(de print-through (x) (prin2 "<") (prin1 x) (prin2 ">") x)
(de ints (l) (prog (r) lp (cond ((atom l) (return r))) (cond ((fixp (car l)) (setq r (cons (car l) r)))) (setq l (cdr l)) (go lp)))
(de sum (l) (prog (r) (setq r 0) lp (cond ((atom l) (return r))) (cond ((fixp (car l)) (setq r (plus r (car l))))) (setq l (cdr l)) (go lp)))
(de stored (v k x) (putv v k x) v)
(de stored8 (v k x) (putv8 v k (logand x 127)) v)
(de stored32 (v k x) (putv32 v k (logand x 65535)) v)
(de storedf (v k x) (fputv64 v k x) v)
(de isqrt* (n) (prog (r s) (setq n (abs n)) (cond ((lessp n 2) (return n))) (setq r n)
  lp (setq s (quotient (plus r (quotient n r)) 2)) (cond ((geq s r) (return r))) (setq r s) (go lp)))
(de sxhash* (x) (cond ((equal (sxhash x) (sxhash (copy x))) 1) (t 0)))
(de imax (a b) (cond ((igreaterp a b) a) (t b)))
(de string<2* (a b) (orderp (intern a) (intern b)))
(de primep32* (n) (primep32 n))
(de delasc* (k l) (prog (r) lp (cond ((atom l) (return (reversip r))) ((neq (caar l) k) (setq r (cons (car l) r)))) (setq l (cdr l)) (go lp)))
(de hashed-count (l) (prog (h) (setq h (mkhash 5 2 1.5)) lp (cond ((atom l) (return (length (hashcontents h)))))
  (puthash (car l) h l) (setq l (cdr l)) (go lp)))
(de tabled (k v) (prog (h) (setq h (mkhash 3 2 1.5)) (puthash k h v) (puthash 1 h 2) (puthash "s" h 3) (return (list (gethash k h) (gethash "s" h)))))
(de eq-table (k v) (prog (h) (setq h (mkhash 3 0 1.5)) (puthash k h v) (return (list (gethash k h) (gethash 'absent h)))))
(de setprop* (s v) (setprop (touch s) (list (cons 'tag v))) (plist s))
(de case* (n a b) (cond ((eqn n 0) a) ((iequal n 1) b) (t (list a n b))))
(de dolist* (l) (let ((n 0)) (dolist (x l) (setq n (add1 n))) (dotimes (i 3) (setq n (plus n i))) n))
(de measured (x room) (cond ((lessp room 0) room) ((atom x) (sub1 room)) (t (measured (cdr x) (measured (car x) room)))))
(de clip (x) (cond ((fixp x) (cond ((lessp (integer-length x) 400) x) (t (remainder x 1000003)))) 
  ((stringp x) (cond ((lessp (string-length x) 60) x) (t "long")))
  ((vectorp x) 'vector) ((lessp (measured x 60) 0) (list 'large (cond ((atom x) 'atom) (t 'list)))) (t x)))
(de stored16 (v k x) (putv16 v k (logand x 32767)) v)
(de stored64 (v k x) (putv64 v k (logand x 1073741823)) v)
(de storedf32 (v k x) (fputv32 v k x) v)
(de modular* (a b) (prog nil (set-small-modulus 97) (setq a (modular-number a)) (setq b (modular-number b))
  (return (modular-plus (modular-times a b) (modular-difference (modular-expt b 5) (modular-minus a))))))
(de summed (l n) (prog (h s) (setq h (mkhash 3 0 1.5)) (setq s 0) (dolist (x (ints l)) (puthash x h n)) (dotimes (i 40) (puthash i h i))
  (dotimes (i 20) (remhash (plus i i) h)) (maphash (function (lambda (k v) (list k v) (setq s (plus s v)))) h) (return s)))
(de mapped-table (l) (prog (h r) (setq h (mkhash 2 2 1.5)) (dolist (x l) (puthash (list x) h (list x x)))
  (maphash (function (lambda (k v) (list v k) (setq r (cons (car v) r)))) h) (return (list (length r) (length (hashcontents h))))))
(de weakly (l) (prog (h n) (setq h (mkweakhash)) (setq l (mapcar l (function list))) (setq n 0) (dolist (x l) (puthash x h (list n)))
  (dotimes (i 50) (list i i)) (dolist (x l) (cond ((gethash x h) (setq n (add1 n))))) (return n)))
(de char-int* (s) (char-code (code-char (logand (char-code s) 127))))
(de optionals (a !&optional (b (list a 1)) (c 2.5) !&rest d) (list c b a d))
(de swapped (a b) (psetq a b b a) (list a b))
(de merged (a b) (prog (r) (setq r (sort (append (ints a) (ints b)) (function lessp))) (return (list (length r) (eqcar r (car r))))))
(de kinds (a b) (mapcar '(0 1 2) (function (lambda (k) (let ((h (mkhash 3 k 1.5))) (puthash a h b) (puthash 'k h k) (list (gethash 'k h) (hash-table-p h)))))))
(de generated (x) (let ((g (gensym)) (h (gensym))) (set g x) (put g 'p (list x)) (list (eq g h) (gensymp g) (eval g) (car (get g 'p)) (boundp h))))
(de throwing (x n) (catch 'up (prog nil lp (cond ((lessp n 1) (throw 'up (list x)))) (setq n (sub1 n)) (go lp))))
(fluid '(un!-wound table touched))
(de unwinding (x y) (prog (un-wound) (catch 'up (unwind-protect (prog2 (setq un-wound (list x)) (throw 'up x)) (setq un-wound (cons y un-wound))))
  (return un-wound)))
(de valued (x) (let ((un-wound x)) (unwinder) un-wound))
(de unwinder nil (set 'un-wound (list 'was (atom (symbol-value 'un-wound)))))
(de deep (n x) (cond ((izerop n) x) (t (list n (deep (isub1 n) x)))))
(de filed (x) (prog (f o) (setq f "fuzz.data") (setq o (wrs (open f 'output))) (errorset (list 'print (mkquote (clip x))) nil nil) (close (wrs o))
  (setq o (rds (open f 'input))) (setq x (errorset '(read) nil nil)) (close (rds o)) (return x)))
(fluid '(table touched)) (setq table (mkhash 10 2 1.5))
(de touch (s) (setq touched (cons s touched)) s)
(de forget nil (clrhash table) (dolist (s touched) (cond ((idp s) (set!-plist s nil)))) (setq touched nil) (put 'here 'there 'sign))
"""

% What the host answers in a program that stands alone (kernel/standalone.py): a function answer-REQUEST for each
% request of the kernel that is none of the system's.  alone-write and its like are primitives; what is said here,
% csl says, too (lisp/host.py, lisp/errors.py).

% A loop: while the first form is true, all others.
(dm alone!-while (x)
  (append (list 'prog nil 'loop (list 'cond (list (list 'null (cadr x)) '(return nil))))
    (append (cddr x) '((go loop)))))

% -- messages

% Write a message with values, where errors are shown, and end in that error; nobody has caught it where it goes to the
% second file.
(de alone!-message (begin text values) (alone!-message1 begin text values "
"))
(de alone!-message1 (begin text values end)
  (cond ((alone!-shown)
         (prog (file)
           (setq file (alone!-select (cond ((eqn (alone!-peek alone!-error!-shown) 2) 2) (t nil))))
           (alone!-write begin)
           (alone!-write text)
           (mapc values 'alone!-say)
           (alone!-write end)
           (alone!-select file))))
  (alone!-signal nil nil))

(de alone!-shown () (not (eqn (alone!-peek alone!-error!-shown) 0)))
(de alone!-say (x) (alone!-piece " ") (alone!-value x))

(de alone!-loud (text values) (alone!-message "
+++ Error " text values))
(de alone!-plain (text values) (alone!-message "+++ Error: " text values))
(de alone!-bare (text values) (alone!-message "+++ Error " text values))

% A piece of a message: on the next line when this one has no room for it.
(de alone!-piece (s)
  (cond ((and (greaterp (plus (alone!-column) (string!-length s)) (alone!-width nil)) (geq (alone!-column) 20))
          (alone!-write "
")))
  (alone!-write s))

% A value in a message: vectors are not shown in full, nor very long or circular lists.
(de alone!-value (x) (alone!-value1 x 20000))
(de alone!-value1 (x room)
  (cond ((vectorp x) (alone!-piece "%(...)") room)
        ((atom x) (alone!-piece (alone!-text x t)) (sub1 room))
        (t (alone!-piece "(")
           (setq room (alone!-value1 (car x) (sub1 room)))
           (setq x (cdr x))
           (alone!-while (and (pairp x) (greaterp room 0))
             (alone!-piece " ")
             (setq room (alone!-value1 (car x) (sub1 room)))
             (setq x (cdr x)))
           (cond ((pairp x) (alone!-piece " ") (alone!-piece "..."))
                 (x (alone!-piece " ") (alone!-piece ".") (alone!-piece " ")
                    (alone!-piece (cond ((vectorp x) "%(...)") (t (alone!-text x t))))))
           (alone!-piece ")")
           room)))

(de alone!-operation (n) (getv alone!-operations n))

% -- requests that are errors

(de answer!-none (a b c) (alone!-loud "internal error: unknown request of the kernel" nil))
(de answer!-stack_overflow (a b c) (alone!-loud "Stack overflow" nil))
(de answer!-memory_full (a b c)
  (alone!-loud "Memory exhausted: the heap limit is reached (csl-image executable --heap gives more)" nil))
(de answer!-no_memory (a b c) (answer!-memory_full a b c))
(de answer!-interrupt (a b c) nil)
(de answer!-bad_car (a b c) (alone!-loud "attempt to take car of an atom:" (list a)))
(de answer!-bad_cdr (a b c) (alone!-loud "attempt to take cdr of an atom:" (list a)))
(de answer!-bad_rplac (operation a b) (alone!-loud "bad rplaca/rplacd:" (list a)))
(de answer!-float_trap (a b c) (alone!-bare "bad args for exception with double float" nil))
(de answer!-bad_throw (a b c) (alone!-bare "bad args for throw: tag not found" nil))
(de answer!-opcode (a b c) (alone!-loud (alone!-join "invalid opcode " (alone!-text a t)) nil))
(de answer!-bad_function (f b c) (alone!-plain "Bad function called from apply: " (list f)))
(de answer!-hot (a b c) nil)
(de answer!-bailout (a b c) nil)
(de answer!-left (a b c) nil)
(de answer!-evaluating (a b c) nil)
(de answer!-debug (a b c) nil)

(de answer!-call_function (f n c)
  (alone!-plain (alone!-join (alone!-text f t) ": this function is not in a program that stands alone") nil))

% What the kernel passes on, as it is not simple, or as there is no room to print into: the function's number, and how
% many arguments it has in the lowest two bits.
(de answer!-passed (request x y)
  (prog (f n)
    (setq f (getv alone!-passed (lshift request -2)))
    (setq n (land2 request 3))
    (return (cond ((stringp f) (answer!-call_function (intern f) nil nil))
                  (t (alone!-call f (cond ((zerop n) nil) ((onep n) (list x)) (t (list x y)))))))))

(de answer!-unset_variable (a compiled c)
  (cond (compiled '!~indefinite!-value!~)
        (t (alone!-loud "unset variable:" (list a)))))

(de answer!-undefined_function (f n a)
  (alone!-loud (list2string
                 (append (explode2 "undefined function (") (append (explode2 (cond ((greaterp n 3) "4 or more") (t n)))
    (explode2 (cond ((onep n) " arg):") (t " args):")))))) (list f)))

(de answer!-wrong_count (f n c)
  (prog (s wanted least)
    (setq s (alone!-symbol!-of f))
    (setq wanted (alone!-wanted f))
    (cond ((and (vectorp f) (or (null s) (pairp (alone!-field s alone!-spare!-place))))
           (setq least (alone!-least f))
           (return (alone!-message1 "
+++ Error " (cond ((lessp n least) "not enough arguments provided: ") (t "too many arguments provided: ")) nil ""))))
    (return (alone!-message (list2string (list "
Calling " (cond (s (alone!-text s t)) (t "lambda")) "
+++ Error bad args for Function called "))
      (list2string (cond (wanted (list "with " (alone!-given n "more than three") " args where " wanted " wanted"))
                         (t (list "incorrectly with " (alone!-given n "more than 3") " args")))) nil))))

(de alone!-given (n many) (cond ((leq n 3) (alone!-text n nil)) (t many)))
(de alone!-least (f) (alone!-code!-byte (getv f 0) 0))
(de alone!-wanted (f)
  (cond ((vectorp f)
         (cond ((or (not (eqn (alone!-code!-byte (getv f 0) 2) 0))
                    (not (eqn (alone!-code!-byte (getv f 0) 0) (alone!-code!-byte (getv f 0) 1)))) nil)
               ((lessp (alone!-least f) 4) (alone!-text (alone!-least f) nil))
               (t "more then three")))
        ((fixp (alone!-spare f))
         (cond ((minusp (alone!-spare f)) (alone!-text (difference (minus (alone!-spare f)) 1) nil)) (t nil)))
        (t nil)))

% -- arithmetic

(de answer!-bad_arith (operation a b) (alone!-bad!-arith (alone!-operation operation) a b))
(de alone!-bad!-arith (name a b)
  (prog (x)
    (cond ((and (or (alone!-is!-compound a) (alone!-is!-compound b)) (numberp a) (numberp b)
             (setq x (alone!-compound name)))
           (return (apply x (list a b)))))
    (cond ((eq name 'max) (setq name 'lessp)))
    (cond ((eq name 'min) (setq name 'lessp x a a b b x)))
    (cond ((eq name 'greaterp) (setq name 'lessp x a a b b x))
          ((eq name 'leq) (setq name 'geq x a a b b x)))
    (cond ((and (eq name 'expt) (fixp b) (or (minusp b) (greaterp b 1)))
           (setq name (cond ((minusp b) 'quotient) (t 'times)) b 1)))
    (cond ((memq name '(times quotient divide remainder))
           (cond
             ((and (eq name 'remainder) (numberp a) (numberp b))
               (return (alone!-plain "bad arg for remainder" (list a b)))))
           (setq x (cond ((or (not (numberp a)) (and (memq name '(divide remainder)) (floatp a))) a) (t b)))
           (return
             (alone!-plain
               (cond ((eq name 'divide) "bad arg for quotient") ((eq name 'remainder) "Bad arg for remainder")
                                       (t (alone!-bad!-arg name))) (list x))))
          ((eq name 'ashift)
           (return
             (cond ((not (numberp a)) (alone!-plain "Bad arg for minusp" (list a)))
               (t (alone!-bare "bad args for ash1" nil))))))
    (return (alone!-plain (alone!-bad!-arg (cond ((eq name 'gcdn) 'gcd) (t name))) (list a b)))))
(de alone!-bad!-arg (name) (alone!-join "bad arg for " (alone!-text name nil)))

(de alone!-is!-compound (x) (and (numberp x) (not (floatp x)) (not (fixp x))))
(de alone!-compound (name)
  (cond ((memq name '(plus difference times quotient add1 sub1 minus abs expt))
         (intern (alone!-join "compound-" (alone!-text name nil))))
        ((memq name '(lessp greaterp leq geq max min)) 'compound!-compare)
        (t nil)))

(de answer!-bad_op (operation a c)
  (prog (name x)
    (setq name (alone!-operation operation))
    (cond ((and (alone!-is!-compound a) (setq x (alone!-compound name))) (return (apply x (list a)))))
    (return (cond ((eq name 'mkvect) (alone!-plain "mkvect" (list a)))
                  ((eq name 'word64) (alone!-plain "a number of 64 bits expected" (list a)))
                  ((eq name 'divide64) (alone!-plain "div, mod: division by zero" (list a)))
                  ((memq name '(msd lsd))
                    (alone!-plain
                      (alone!-join (cond ((fixp a) "negative arg for ") (t "bad arg for ")) (alone!-text name nil))
                        (list a)))
                  ((memq name '(add1 sub1))
                    (alone!-plain "bad arg for plus" (list a (cond ((eq name 'add1) 1) (t -1)))))
                  (t (alone!-plain (alone!-bad!-arg name) (list a)))))))

(de answer!-divide_zero (operation a b)
  (cond ((and (eq (alone!-operation operation) 'quotient) (or (floatp a) (floatp b)))
         (alone!-float!-by!-zero (float a) (float b)))
        (t (alone!-plain (alone!-bad!-arg (alone!-operation operation)) (list a b)))))
(de alone!-float!-by!-zero (a b)
  (prog (big)
    (setq big (times 1e200 1e200))
    (return (cond ((not (eqn a a)) a)
                  ((zerop a) (difference big big))
                  ((eq (minusp a) (minusp (fix (times 2 (alone!-sign b))))) big)
                  (t (minus big))))))
(de alone!-sign (x) (cond ((eq (car (explode x)) '!-) -1.0) (t 1.0)))

% A float and an integer of any size, exactly: -1, 0, 1, or 2 when they cannot be compared.
(de answer!-bad_compare (operation a b)
  (cond ((floatp a)
         (prog (r) (setq r (answer!-bad_compare operation b a)) (return (cond ((eqn r 2) 2) (t (minus r))))))
        ((not (eqn b b)) 2)
        ((fp!-infinite b) (cond ((minusp b) 1) (t -1)))
        (t (alone!-compare!-integers a (fix b) b))))
(de alone!-compare!-integers (a n b)
  (cond ((lessp a n) -1)
        ((greaterp a n) 1)
        (t (prog (rest) (setq rest (difference b (float n)))
             (return (cond ((minusp rest) 1) ((zerop rest) 0) (t -1)))))))

(de answer!-big_gcd (a b c)
  (prog (r)
    (setq a (abs a) b (abs b))
    (alone!-while (not (zerop b)) (setq r (remainder a b) a b b r))
    (return a)))

(de answer!-long_shift (operation a b) (alone!-plain (alone!-bad!-arg (alone!-operation operation)) (list a b)))

(de answer!-integer_power (a n c)
  (cond ((null n)
          (cond ((numberp a) (alone!-plain "Arg for sqrt out of range" (list a)))
            (t (alone!-plain "bad arg for trig function" (list a)))))
        ((eq n t)
         (cond ((and (floatp a) (eqn a a) (not (fp!-infinite a))) (alone!-fix a))
               ((floatp a)
                 (alone!-bare (cond ((eqn a a) "bad args for infinity in fix") (t "bad args for NaN in fix")) nil))
               ((alone!-is!-compound a) (quotient (numerator a) (denominator a)))
               (t (alone!-plain "fix" (list a)))))
        ((not (numberp n))
          (cond ((alone!-is!-compound a) (compound!-float a)) (t (alone!-plain "bad arg for float" (list a)))))
        ((and (fixp a) (fixp n))
         (cond ((onep a) 1)
               ((eqn a -1) (cond ((evenp n) 1) (t -1)))
               ((minusp n) (cond ((zerop a) (alone!-plain "expt" (list a n))) (t 0)))
               (t (alone!-power a n))))
        ((and (fixp n) (floatp a)) (cond ((minusp n) (quotient 1.0 (alone!-power a (minus n)))) (t (alone!-power a n))))
        (t (exp (times (float n) (log (float a)))))))
(de alone!-power (a n)
  (prog (r)
    (setq r 1)
    (alone!-while (greaterp n 0)
      (cond ((not (evenp n)) (setq r (times r a))))
      (setq n (quotient n 2))
      (cond ((greaterp n 0) (setq a (times a a)))))
    (return r)))

% A float beyond small integers, as an integer: halved until it is one, without loss.
(de alone!-fix (x)
  (prog (n)
    (setq n 0)
    (alone!-while (greaterp (abs x) 1e15) (setq x (quotient x 2.0) n (add1 n)))
    (return (alone!-shifted x n))))
(de alone!-shifted (x n)
  (prog (r)
    (setq r (fix x))
    (alone!-while (greaterp n 0)
      (setq x (times 2.0 (difference x (float (fix x)))) r (plus (times 2 r) (fix x)) n (sub1 n)))
    (return r)))

(de answer!-bad_trig (a range c)
  (cond ((not (eqn range 0)) (alone!-plain "Arg for ln out of range" (list a)))
        (t (alone!-plain "bad arg for trig function" (list a)))))

(de answer!-bad_residue (operation a c)
  (cond ((eqn operation 4) (alone!-plain "Bad arg for remainder" (list a)))
        ((eqn operation 7) (alone!-plain (cond ((fixp a) "set!-small!-modulus") (t "set-small-modulus")) (list a)))
        ((and (eqn operation 5) (fixp a) (not (zerop a)))
         (alone!-plain "non-prime modulus in modular-reciprocal" (list (alone!-modulus) a)))
        (t (alone!-plain
             (alone!-join "modular-"
               (nth '("plus" "difference" "times" "minus" "number" "reciprocal" "expt") (add1 operation)))
                         (list a)))))
(de alone!-modulus () (quotient (alone!-peek alone!-modulus!-place) 8))

% -- other data

(de answer!-bad_vector (operation v i)
  (cond ((not (vectorp v)) (alone!-plain (alone!-text (alone!-operation operation) nil) (list v)))
        (t (alone!-plain
             (alone!-join (alone!-text (alone!-operation operation) nil)
               (cond ((fixp i) " index range") (t " offset not fixnum")))
                         (list i)))))

(de answer!-bad_symbol (operation s v)
  (prog (name)
    (setq name (alone!-operation operation))
    (return (cond ((eq name 'put) v)
                  ((eq name 'set) (alone!-bare "bad args for set" nil))
                  ((eq name 'get) (alone!-plain "plist" (list s)))
                  (t (alone!-plain (alone!-text name nil) (list s)))))))

(de answer!-bad_hash (operation h c)
  (alone!-plain (nth '("gethash" "puthash" "remhash" "clrhash" "hashcontents") (add1 operation)) (list h)))

(de answer!-useful (operation a b)
  (cond ((eqn operation 2) (error a b)) (t (answer!-none nil nil nil))))

(de answer!-apply_other (f arguments c) (alone!-apply!-other f arguments))

(de answer!-evaluate (x depth c)
  (cond ((atom x) (alone!-loud "unset variable:" (list x)))
        ((eq (car x) 'quote) (alone!-bare "bad args for quote" nil))
        (t (alone!-evaluate x))))

(de answer!-errorset (form level backtrace) (errorset form (geq level 2) nil))

% The name of a generated symbol, which gets its number now.
(de answer!-name (s b c) (alone!-name s))

(de answer!-string_store (s i a) (alone!-plain "string-store" (list i)))

% What needs the compiler.
(de alone!-evaluate (x) (alone!-needs!-compiler x))
(de alone!-lambda (f l) (alone!-needs!-compiler f))
(de alone!-needs!-compiler (x) (alone!-plain "a program that stands alone has no compiler for" (list x)))
% compress of what the kernel leaves to the host: strings and integers that are not small; other texts would need the reader.
(de alone!-compress (l)
  (cond ((and (pairp l) (eq (car l) '!")) (alone!-unquoted (cdr l) l))
        ((and (pairp l) (eq (car l) '!-) (alone!-all!-digits (cdr l))) (minus (alone!-integer (cdr l))))
        ((alone!-all!-digits l) (alone!-integer l))
        (t (alone!-plain "compress: a program that stands alone cannot read" (list l)))))
(de alone!-all!-digits (l)
  (cond ((atom l) nil)
        (t (alone!-while (and (pairp l) (idp (car l)) (digit (car l))) (setq l (cdr l))) (null l))))
(de alone!-integer (l)
  (prog (n)
    (setq n 0)
    (alone!-while l (setq n (plus (times n 10) (difference (char!-code (car l)) 48)) l (cdr l)))
    (return n)))
(de alone!-unquoted (l all)
  (prog (r)
   loop
    (cond ((atom l) (return (alone!-plain "compress: a string that does not end" (list all))))
          ((not (eq (car l) '!")) (setq r (cons (car l) r) l (cdr l)))
          ((and (pairp (cdr l)) (eq (cadr l) '!")) (setq r (cons '!" r) l (cddr l)))
          ((cdr l) (return (alone!-plain "compress: more than one string" (list all))))
          (t (return (list2string (reversip r)))))
    (go loop)))

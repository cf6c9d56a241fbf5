% Reading characters and values in a program that stands alone: as lisp/reader.py has it, but for backquotes.

(fluid '(alone!-down alone!-up))

(de host!-readch (&optional stream) (alone!-next))

(de host!-readline (&optional stream)
  (prog (c r !*lower !*raise)
    (setq c (alone!-next))
    (cond ((eq c !$eof!$) (return c)))
   next
    (cond ((or (eq c !$eol!$) (eq c !$eof!$)) (return (list2string (reversip r)))))
    (setq r (cons c r) c (alone!-next))
    (go next)))

(de host!-tyi (&optional stream)
  (prog (c !*lower !*raise)
    (setq c (alone!-next))
    (return (cond ((eq c !$eof!$) -1) (t (char!-code c))))))

(de host!-peekch (&optional kind stream)
  (prog (c)
    (setq c (cond ((eq kind t) (alone!-solid)) (t (alone!-next))))
    (alone!-unread c)
    (return c)))

% Have a character read again.
(de alone!-unread (c) (cond ((eq c !$eof!$) nil) (t (alone!-back (length (string2list c))))))

(de host!-read (&optional stream)
  (cond ((null stream) (alone!-read !*lower !*raise))
        (t (prog (old)
             (setq old (host!-rds stream))
             (return (unwind!-protect (alone!-read !*lower !*raise) (host!-rds old)))))))

% Characters come as they are while a value is read; names are folded here.
(de alone!-read (alone!-down alone!-up)
  (prog (!*lower !*raise) (return (alone!-form (alone!-solid)))))

% The next character that is no blank and in no comment.
(de alone!-solid ()
  (prog (c)
   next
    (setq c (alone!-next))
    (cond ((eq c !$eof!$) (return c))
          ((memq (char!-code c) '(9 10 12 13 32)) (go next))
          ((not (eq c '!%)) (return c)))
    (alone!-while (not (or (eq c !$eol!$) (eq c !$eof!$))) (setq c (alone!-next)))
    (go next)))

% The value that begins with a character; ends of lists that did not begin are passed over.
(de alone!-form (c)
  (prog nil
   next
    (cond ((memq c '(!) !] !.)) (setq c (alone!-solid)) (go next)))
    (return (cond ((eq c !$eof!$) c)
                  ((eq c '!() (alone!-items '!)))
                  ((eq c '![) (list2vector (alone!-items '!])))
                  ((eq c '!') (list 'quote (alone!-part (alone!-solid) "form")))
                  ((eq c '!") (alone!-string))
                  ((memq c '(!` !,)) (alone!-plain "read: a program that stands alone reads no backquotes" nil))
                  (t (alone!-atom c))))))
(de alone!-part (c of)
  (cond ((eq c !$eof!$) (alone!-loud (alone!-join "end of file inside of a " of) nil)) (t (alone!-form c))))

(de alone!-items (end)
  (prog (r c of)
    (setq of (cond ((eq end '!)) "list") (t "vector")))
   next
    (setq c (alone!-solid))
    (cond ((memq c '(!) !]))
           (cond ((or r (eq c end)) (return (reversip r))) (t (go next))))
          ((eq c '!.)
           (cond ((null r) (go next)))
           (setq c (alone!-part (alone!-solid) of))
           (return (alone!-dotted r c end))))
    (setq r (cons (alone!-part c of) r))
    (go next)))
(de alone!-dotted (r last end)
  (prog (c)
    (setq c (alone!-solid))
    (cond ((not (eq c end)) (alone!-unread c)))
    (return (reversip2 r last))))

(de alone!-string ()
  (prog (r c)
   next
    (setq c (alone!-next))
    (cond ((eq c !$eof!$) (return (alone!-loud "end of file inside of a string" nil)))
          ((eq c '!;) (setq r (alone!-character r)) (go next))
          ((not (eq c '!")) (setq r (cons c r)) (go next)))
    (setq c (alone!-next))
    (cond ((eq c '!") (setq r (cons c r)) (go next)))
    (alone!-unread c)
    (return (list2string (reversip r)))))

% What was read before a semicolon, in which #hhhh at the end is a character by its code; the last one is first.
(de alone!-character (r)  % "#" of #hash; is a string, so that it begins no character
  (prog (l n k d)
    (setq l r n 0 k 1)
    (alone!-while (and l (setq d (alone!-hex (car l)))) (setq n (plus n (times d k)) k (times 16 k) l (cdr l)))
    (cond ((and (pairp r) (eq (car r) 'h) (setq l (alone!-begins r '(h s a h !#)))) (return (cons "#" (cdr l)))))
    (return (cond ((and l (eq (car l) '!#) (leq 65536 k) (leq k 16777216)) (cons (intern (alone!-utf8 n)) (cdr l)))
                  (t (cons '!; r))))))
% Behind t, what is left of a list that begins with these elements; nil for another one.
(de alone!-begins (l these)
  (cond ((null these) (cons t l)) ((and (pairp l) (eq (car l) (car these))) (alone!-begins (cdr l) (cdr these))) (t nil)))
(de alone!-hex (c)
  (prog (l)
    (cond ((digit c) (return (difference (char!-code c) 48))))
    (setq l (memq c '(f e d c b a !F !E !D !C !B !A)))
    (return (cond (l (plus 10 (remainder (sub1 (length l)) 6))) (t nil)))))

% A name, a number, or a character that stands alone.
(de alone!-atom (c)
  (prog (d)
    (cond ((or (alone!-letter c) (eq c '!!)) (return (alone!-name!-from c nil)))
          ((digit c) (return (alone!-number!-from c nil))))
    (setq d (alone!-next))
    (cond ((eq d !$eof!$) (return c))
          ((and (memq c '(!- !+)) (digit d)) (return (alone!-number!-from d (cond ((eq c '!-) (list c)) (t nil)))))
          ((and (memq c '(!: !$ !* !# != !& !@ !? !\ !/ !< !> !^ !~ !| !{ !} !;))
                (or (alone!-letter d) (digit d) (memq d '(!_ !!))))
           (return (alone!-name!-from d (list c)))))
    (alone!-unread d)
    (return c)))
(de alone!-letter (c) (or (liter c) (and (greaterp (char!-code c) 127) (not (eq c !$eof!$)))))

(de alone!-name!-from (c r)
  (prog (x)
   next
    (cond ((eq c '!!)
           (setq c (alone!-next))
           (cond ((eq c !$eof!$) (return (intern (list2string (reversip r))))))
           (setq r (cons c r)))
          ((liter c) (setq r (cons (alone!-cased c) r)))
          ((or (digit c) (eq c '!_) (alone!-letter c)) (setq r (cons c r)))
          ((and (eq c '!;) (not (eq (cdr (setq x (alone!-character r))) r))) (setq r x))
          (t (alone!-unread c) (return (intern (list2string (reversip r))))))
    (setq c (alone!-next))
    (go next)))
(de alone!-cased (c) (cond (alone!-down (car (explode2lc c))) (alone!-up (car (explode2uc c))) (t c)))

(de alone!-number!-from (c r)
  (prog (had)
   digits
    (cond ((digit c) (setq r (cons c r) c (alone!-next)) (go digits)))
    (cond ((and (null had) (eq c '!.))
           (setq c (alone!-next))
           (cond ((digit c) (setq had 'point r (cons '!. r)) (go digits)))
           (alone!-unread c)
           (return (compress (reversip r)))))
    (cond ((and (neq had 'power) (memq c '(e !E)))
           (setq had 'power r (cons 'e r) c (alone!-next))
           (cond ((memq c '(!- !+)) (setq r (cons c r) c (alone!-next))))
           (go digits)))
    (alone!-unread c)
    (return (compress (reversip r)))))

% Tokens: names, numbers, strings and special characters, from the characters of standard input.
%
% No character behind a token is read before it has to be: what stands behind the end of a statement may be for
% somebody else, and an echo of the input stays before the output that it causes.  That echo is no *echo of the Lisp,
% which would show the blanks behind results, too.

(fluid '(!*listing !*lower character!* token!* token!-kind!* fresh!*))

% --- Characters: one ahead, in character!*, or none.

(de peek!-character ()
  (or character!* (setq character!* (readch))))

(de next!-character ()
  (let ((c (peek!-character)))
    (setq character!* nil)
    (when (and !*listing (not (eq c !$eof!$))) (echo!-character c))
    c))

(de echo!-character (c)
  % The blanks and the end of line between a result and what follows are not shown: the result has ended its line.
  (cond ((and fresh!* (memq c (list '!  !$eol!$))) (setq fresh!* (not (eq c !$eol!$))))
        ((eq c !$eol!$) (terpri))
        (t (setq fresh!* nil) (prin2 c))))

(de as!-written (f)
  % Call f while capital letters stay as they are.
  (let ((!*lower nil)) (funcall f)))

% --- Special characters.  Those of two characters are a property of the first.

(deftable pair
  (!: (!= . !:!=))
  (!* (!* . !^))
  (!< (!= . !<!=) (!< . !<!<) (!> . !<!>))
  (!> (!= . !>!=) (!> . !>!>))
  (!= (!> . !=!>)))

(de special!-token (c)
  (let ((pair (and (get c 'pair) (atsoc (peek!-character) (get c 'pair)))))
    (cond (pair (next!-character) (cdr pair))
          (t c))))

% --- Words and numbers.

(de name!-character (c)
  (or (liter c) (digit c) (eq c '!_)))

(de read!-while (f c)
  % The list of c and of the characters behind it of which f is true.
  (let ((l (ncons c)))
    (while (funcall f (peek!-character)) (push (next!-character) l))
    (reversip l)))

(de escaped!-character (c)
  % What ! stands before belongs to a name, whatever it is.
  (cond ((eq c '!!) (as!-written (function next!-character)))
        (t c)))

(de read!-name (c)
  (let ((l (ncons (escaped!-character c))))
    (while (or (name!-character (peek!-character)) (eq (peek!-character) '!!))
      (push (escaped!-character (next!-character)) l))
    (intern (list2string (reversip l)))))

(de read!-number (c)
  (compress (read!-while (function digit) c)))

(de read!-string ()
  (as!-written
    (function (lambda ()
      (let ((l nil))
        (while (not (memq (peek!-character) (list '!" !$eof!$))) (push (next!-character) l))
        (next!-character)
        (list2string (reversip l)))))))

% --- Between tokens.

(de skip!-to (ends)
  (as!-written (function (lambda ()
    (while (not (memq (peek!-character) ends)) (next!-character))))))

(de skip!-line () (skip!-to (list !$eol!$ !$eof!$)))

(de skip!-to!-semicolon ()
  (skip!-to (list '!; '!$ !$eof!$))
  (next!-character))

(de skip!-blanks ()
  (while t
    (cond ((eq (peek!-character) '!%) (skip!-line))
          ((memq (peek!-character) (list '!  !$eol!$ '!	)) (next!-character))
          (t (return nil)))))

% --- The next token, in token!*; its kind is name, number, string or special.

(de next!-token ()
  (skip!-blanks)
  (setq token!*)
  (let ((c (next!-character)))
    (cond ((eq c !$eof!$) (new!-token 'special !$eof!$))
          ((digit c) (new!-token 'number (read!-number c)))
          ((eq c '!") (new!-token 'string (read!-string)))
          ((or (liter c) (eq c '!!)) (name!-token (read!-name c)))
          (t (new!-token 'special (special!-token c))))))

(de name!-token (name)
  (cond ((eq name 'comment) (skip!-to!-semicolon) (next!-token))
        (t (new!-token 'name name))))

(de new!-token (kind token)
  (setq token!-kind!* kind)
  (setq token!* token))

(de at!-end!-of!-statement ()
  (memq token!* (list '!; '!$ !$eof!$)))

(de skip!-statement ()
  % After an error: go on behind the statement.
  (while (not (at!-end!-of!-statement)) (next!-token)))

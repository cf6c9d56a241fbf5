% What there is to know of operators and key words when something is parsed: tables in the database.
%
% infix:    (left right . name): how strongly the operator holds what stands left and right of it, and what it makes.
%           It goes to the left where right is greater than left.
% prefix:   (right . name).
% nary:     true where (f (f a b) c) is written as (f a b c).
% keyword:  the function that parses what begins with the word.
% reserved: words that end something, and cannot be names.

(deftable infix
  (!:!=   (2 . 1) . !:!=)
  (!=!>   (4 . 5) . replaceby)
  (or     (10 . 11) . or)
  (and    (20 . 21) . and)
  (member (40 . 41) . member)
  (!=     (40 . 41) . equal)
  (!<!>   (40 . 41) . neq)
  (neq    (40 . 41) . neq)
  (!<     (40 . 41) . lessp)
  (!>     (40 . 41) . greaterp)
  (!<!=   (40 . 41) . leq)
  (!>!=   (40 . 41) . geq)
  (!+     (60 . 61) . plus)
  (!-     (60 . 61) . difference)
  (!*     (70 . 71) . times)
  (!/     (70 . 71) . quotient)
  (!^     (90 . 89) . expt))

(deftable prefix
  (not 30 . not)
  (!+  65 . plus)
  (!-  65 . minus)
  (!~  95 . any))

(flag '(plus times and or) 'nary)

(deftable keyword
  (if        . parse!-if)
  (for       . parse!-for)
  (while     . parse!-while)
  (repeat    . parse!-repeat)
  (begin     . parse!-block)
  (!<!<      . parse!-group)
  (procedure . parse!-procedure)
  (return    . parse!-return)
  (!{        . parse!-list)
  (mat       . parse!-matrix)
  (let       . parse!-rules)
  (clear     . parse!-command)
  (on        . parse!-command)
  (off       . parse!-command)
  (operator  . parse!-command)
  (order     . parse!-command)
  (load      . parse!-command)
  (modulus   . parse!-command)
  (write     . parse!-command))

(flag '(then else do step until sum product collect in end each scalar) 'reserved)

(de infix!-of (token)
  (and (idp token) (not (eq token!-kind!* 'string)) (get token 'infix)))

(de is!-token (token)
  (and (eq token!* token) (memq token!-kind!* '(name special))))

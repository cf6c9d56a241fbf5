% prefixes: a tree of the letters of numbers.
% value 45028 small 240
(fluid '(scale!*))
(setq scale!* 20000)   % small 50
(de add (word root) (prog (p) (dolist (c (explode2 word)) (setq p (atsoc c (cdr root)))
  (cond ((null p) (setq p (cons c nil)) (rplacd root (cons p (cdr root))))) (setq root p)) (return root)))
(de count (node) (prog (n) (setq n 1) (dolist (p (cdr node)) (setq n (plus2 n (count p)))) (return n)))
(de main nil (prog (root seed) (setq seed 11) (setq root (cons nil nil))
  (dotimes (i scale!*) (setq seed (remainder (plus2 (times2 seed 1103) 12345) 1000003)) (add seed root))
  (return (count root))))
(main)

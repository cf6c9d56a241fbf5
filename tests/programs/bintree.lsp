% bintree: trees of conses, made and counted, many short-lived ones beside one that stays.
% value (131071 t) small (127 t)
(fluid '(scale!* kept))
(setq scale!* 16)   % small 6
(de tree (n) (cond ((zerop n) (cons nil nil)) (t (cons (tree (sub1 n)) (tree (sub1 n))))))
(de nodes (x) (cond ((null (car x)) 1) (t (plus2 1 (plus2 (nodes (car x)) (nodes (cdr x)))))))
(de main nil
  (prog (ok)
    (setq ok t)
    (setq kept (tree scale!*))
    (dotimes (i 15000) (cond ((not (eqn (nodes (tree 6)) 127)) (setq ok nil))))
    (return (list (nodes kept) ok))))
(main)

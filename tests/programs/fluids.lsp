% fluids: dynamic variables that are bound in recursion and read far below.
% value (500500 0) small (500500 0)
(fluid '(scale!* depth total limit))
(setq scale!* 2500)   % small 2
(setq depth 0)
(de leaf nil (setq total (plus2 total depth)))
(de down (depth)
  (progn (leaf)
         (cond ((lessp depth limit) (down (add1 depth))))))
(de main nil
  (prog (total limit)
    (setq limit 1000)
    (dotimes (i scale!*) (setq total 0) (down 1))
    (return (list total depth))))
(main)

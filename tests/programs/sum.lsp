% sum: integers up to some number, in a loop.
% value 199999990000000 small 4950
(fluid '(scale!*))
(setq scale!* 20000000)   % small 100
(de sum (n)
  (prog (i s)
    (setq i 0) (setq s 0)
   loop
    (cond ((eqn i n) (return s)))
    (setq s (plus2 s i))
    (setq i (add1 i))
    (go loop)))
(de main nil (sum scale!*))
(main)

% sumfp: the same with floats.
% value 1.25e+13 small 4950.0
(fluid '(scale!*))
(setq scale!* 5000000.0)   % small 100.0
(de sum (n)
  (prog (i s)
    (setq i 0.0) (setq s 0.0)
   loop
    (cond ((geq i n) (return s)))
    (setq s (plus2 s i))
    (setq i (plus2 i 1.0))
    (go loop)))
(de main nil (sum scale!*))
(main)

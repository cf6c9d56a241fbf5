% calculator: expressions in text, taken apart and evaluated while they are read.
% value -3100000 small -465
(fluid '(scale!*))
(setq scale!* 20000)   % small 3
(fluid '(input))
(de number nil (prog (n) (setq n 0) loop (cond ((and input (digit (car input)))
   (setq n (plus2 (times2 10 n) (difference (id2int (car input)) 48))) (setq input (cdr input)) (go loop))) (return n)))
(de factor nil (prog (v) (cond ((eq (car input) '!() (setq input (cdr input)) (setq v (expr)) (setq input (cdr input)) (return v)) (t (return (number))))))
(de term nil (prog (v) (setq v (factor)) loop (cond ((eq (car input) '!*) (setq input (cdr input)) (setq v (remainder (times2 v (factor)) 10007)) (go loop))) (return v)))
(de expr nil (prog (v) (setq v (term)) loop
  (cond ((eq (car input) '!+) (setq input (cdr input)) (setq v (plus2 v (term))) (go loop))
        ((eq (car input) '!-) (setq input (cdr input)) (setq v (difference v (term))) (go loop))) (return v)))
(de main nil (prog (s) (setq s 0) (dotimes (i scale!*) (setq input (explode2 "12+3*(45-6*7)+89*(1+2*(3+4*(5+6)))-77*123+4*5*6*7;"))
  (setq s (plus2 s (expr)))) (return s)))
(main)

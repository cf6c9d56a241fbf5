% knapsack: the best load of a knapsack, by dynamic programming in a vector.
% value 48535 small 6851
(fluid '(scale!*))
(setq scale!* 5000)   % small 100
(de main nil (prog (best w v seed n cap x)
  (setq n 100) (setq cap scale!*) (setq seed 17)
  (setq best (mkvect cap)) (dotimes (i (add1 cap)) (putv best i 0))
  (dotimes (i n)
    (setq seed (remainder (plus2 (times2 seed 1103) 12345) 65536)) (setq w (add1 (remainder seed 97)))
    (setq seed (remainder (plus2 (times2 seed 1103) 12345) 65536)) (setq v (remainder seed 1000))
    (prog (c) (setq c cap) loop (cond ((lessp c w) (return nil)))
      (setq x (plus2 v (getv best (difference c w))))
      (cond ((greaterp x (getv best c)) (putv best c x)))
      (setq c (sub1 c)) (go loop)))
  (return (getv best cap))))
(main)

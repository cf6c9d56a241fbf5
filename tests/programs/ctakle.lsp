% ctakle: Takeuchi's function where each result is thrown to a catch of its own.
% value 3 small 3
(fluid '(scale!*))
(setq scale!* 3000)   % small 1
(de ctakle (x y z) (catch 'result (inner x y z)))
(de inner (x y z)
  (cond ((not (lessp y x)) (throw 'result z))
        (t (ctakle (ctakle (sub1 x) y z) (ctakle (sub1 y) z x) (ctakle (sub1 z) x y)))))
(de main nil (prog (a) (dotimes (i scale!*) (setq a (ctakle 8 4 2))) (return a)))
(main)

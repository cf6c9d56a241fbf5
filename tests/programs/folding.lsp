% folding: closures: folds, compositions and filters with functions that keep values of variables around them.
% value 559282600 small 2000015
(fluid '(scale!*))
(setq scale!* 400)   % small 2
(de adder (n) (function (lambda (x) (plus2 x n))))
(de foldf (f a l) (prog nil loop (cond ((null l) (return a))) (setq a (apply f (list a (car l)))) (setq l (cdr l)) (go loop)))
(de iota (n) (prog (l) (dotimes (i n) (setq l (cons i l))) (return l)))
(de compose (f g) (function (lambda (x) (apply f (list (apply g (list x)))))))
(de main nil (prog (s a l f) (setq s 0) (setq l (iota 1000)) (setq f (compose (adder 3) (adder 4)))
 (dotimes (k scale!*) (setq a (adder k)) (dotimes (i 1000) (setq s (plus2 s (apply a (list i)))))
   (setq s (foldf (function (lambda (a b) (plus2 (plus2 a b) k))) s l))
   (setq s (plus2 s (apply f (list k)))))
 (return s)))
(main)

% list: which of two lists is shorter, recursively, as in Takeuchi's function ("are we fast yet" has its like).
% value 10 small 10
(fluid '(scale!*))
(setq scale!* 500)   % small 1
(de make!-list (n) (cond ((zerop n) nil) (t (cons n (make!-list (sub1 n))))))
(de shorter (x y)
  (prog nil
   loop
    (cond ((null y) (return nil)) ((null x) (return t)))
    (setq x (cdr x)) (setq y (cdr y))
    (go loop)))
(de tail (x y z)
  (cond ((shorter y x) (tail (tail (cdr x) y z) (tail (cdr y) z x) (tail (cdr z) x y))) (t z)))
(de main nil
  (prog (n) (dotimes (i scale!*) (setq n (length (tail (make!-list 15) (make!-list 10) (make!-list 6))))) (return n)))
(main)

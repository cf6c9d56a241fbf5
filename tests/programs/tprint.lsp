% tprint: the text of a deep list, by explode (Gabriel prints it).
% value 4860000 small 324
(fluid '(scale!*))
(setq scale!* 15000)   % small 1
(de tree (n symbols)
  (cond ((zerop n) symbols) (t (list (tree (sub1 n) symbols) (car symbols) (tree (sub1 n) (cdr symbols))))))
(de text!-length (x)
  (cond ((null x) 2)
        ((atom x) (length (explode x)))
        (t (prog (n)
             (setq n 2)
            loop
             (setq n (plus2 n (text!-length (car x))))
             (setq x (cdr x))
             (cond (x (setq n (add1 n)) (go loop)))
             (return n)))))
(de main nil
  (prog (n)
    (setq n 0)
    (dotimes (i scale!*) (setq n (plus2 n (text!-length (tree 3 '(abc1 def2 12345 ghi3 1.5 jkl4 mno5 pqr6))))))
    (return n)))
(main)

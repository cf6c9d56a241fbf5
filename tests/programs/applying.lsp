% applying: functions that are passed, by name and as lambda expressions, mapped, folded and composed.
% value (338350 328350 101) small (338350 328350 101)
(fluid '(scale!*))
(setq scale!* 5000)   % small 2
(de fold (f l start)
  (prog nil
   loop
    (cond ((null l) (return start)))
    (setq start (apply f (list start (car l))))
    (setq l (cdr l))
    (go loop)))
(de add (a b) (plus2 a b))
(de square (x) (times2 x x))
(de up (n) (prog (r) (dotimes (i n) (setq r (cons (difference n i) r))) (return r)))
(de compose!-apply (f g x) (apply f (list (apply g (list x)))))
(de main nil
  (prog (a b c l)
    (setq l (up 100))
    (dotimes (i scale!*)
      (setq a (fold 'add (mapcar l (function square)) 0))
      (setq b (fold 'add (mapcar l (function (lambda (x) (square (sub1 x))))) 0))
      (setq c (compose!-apply 'add1 'abs -100)))
    (return (list a b c))))
(main)

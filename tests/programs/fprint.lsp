% fprint: an object as text and back, by explode and compress of its atoms (Gabriel writes and reads a file).
% value (t 60000) small (t 40)
(fluid '(scale!* text))
(setq scale!* 1500)   % small 1
(de emit (c) (setq text (cons c text)))
(de write (x)
  (cond ((atom x) (mapc (explode x) (function emit)))
        (t (prog nil
             (emit '!()
            loop
             (write (car x))
             (setq x (cdr x))
             (cond (x (emit '! ) (go loop)))
             (emit '!))))))
(de take!-form nil   % one form from the front of text
  (prog (l)
    (cond ((not (eq (car text) '!()) (return (take!-atom nil))))
    (setq text (cdr text))
   loop
    (cond ((eq (car text) '!)) (setq text (cdr text)) (return (reversip l)))
          ((eq (car text) '! ) (setq text (cdr text)) (go loop)))
    (setq l (cons (take!-form) l))
    (go loop)))
(de take!-atom (l)
  (prog nil
   loop
    (cond ((or (null text) (memq (car text) '(!( !) ! ))) (return (atom!-of (reversip l)))))
    (setq l (cons (car text) l))
    (setq text (cdr text))
    (go loop)))
(de atom!-of (l)
  (prog (x) (setq x (compress l)) (return (cond ((idp x) (intern x)) (t x)))))
(de main nil
  (prog (x y n)
    (setq n 0)
    (dotimes (i scale!*)
      (setq x (list 'alpha i (list 'beta 1.5 (list (times2 i 1000003) 'gamma "s") -2.25e10) 'delta (list i i i)))
      (setq text nil)
      (write (list x x))
      (setq text (reversip text))
      (setq y (take!-form))
      (cond ((not (equal y (list x x))) (return (list nil i))))
      (dolist (p y) (setq n (plus2 n 20))))
    (return (list t n))))
(main)

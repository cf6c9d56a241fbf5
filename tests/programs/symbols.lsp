% symbols: names are put together, interned, and carry values on their property lists.
% value (20000 199990000) small (20 190)
(fluid '(scale!*))
(setq scale!* 20000)   % small 20
(de name (i) (intern (compress (append '(n a m e) (explode2 i)))))
(de main nil
  (prog (n s)
    (dotimes (times 5)
      (setq n 0) (setq s 0)
      (dotimes (i scale!*) (put (name i) 'value i))
      (dotimes (i scale!*) (cond ((eq (name i) (name i)) (setq n (add1 n)) (setq s (plus2 s (get (name i) 'value)))))))
    (return (list n s))))
(main)

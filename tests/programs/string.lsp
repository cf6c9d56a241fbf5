% string: a text that grows by being put around itself in pieces, then cut down again.
% value (4915200 97) small (6144 97)
(fluid '(scale!*))
(setq scale!* 1600)   % small 2
(de half (l n) (cond ((zerop n) nil) (t (cons (car l) (half (cdr l) (sub1 n))))))
(de grow (s) (list2string (append (explode2 s) (append (explode2 s) (append (explode2 s) (explode2 s))))))
(de main nil
  (prog (s n)
    (setq n 0)
    (dotimes (i scale!*)
      (setq s "abc")
      (dotimes (j 5) (setq s (grow s)))
      (setq n (plus2 n (string!-length s)))
      (setq s (list2string (half (explode2 s) 600))))
    (return (list n (char!-code (car (explode2 s)))))))
(main)

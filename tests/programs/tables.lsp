% tables: hash tables with small integers, strings and lists as keys.
% value (20000 20000 20000 200010000) small (50 50 50 1275)
(fluid '(scale!*))
(setq scale!* 20000)   % small 50
(de main nil
  (prog (a b c n)
    (setq a (mkhash 10 0 1.5)) (setq b (mkhash 10 2 1.5)) (setq c (mkhash 10 2 1.5))
    (dotimes (times 2)
      (setq n 0)
      (dotimes (i scale!*)
        (puthash i a (add1 i))
        (puthash (list2string (explode2 i)) b (add1 i))
        (puthash (list i (remainder i 7) 'x) c (add1 i)))
      (dotimes (i scale!*)
        (cond ((and (eqn (gethash i a) (add1 i)) (eqn (gethash (list2string (explode2 i)) b) (add1 i)))
               (setq n (plus2 n (gethash (list i (remainder i 7) 'x) c)))))))
    (return (list (length (hashcontents a)) (length (hashcontents b)) (length (hashcontents c)) n))))
(main)

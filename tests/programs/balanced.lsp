% balanced: balanced trees, made anew on the way to what is put in.
% value 17 small 7
(fluid '(scale!*))
(setq scale!* 20000)   % small 50
(de ht (x) (cond ((null x) 0) (t (cadddr x))))
(de node (l k r) (list l k r (add1 (max (ht l) (ht r)))))
(de bal (l k r) (prog (d) (setq d (difference (ht l) (ht r)))
  (return (cond ((greaterp d 1) (cond ((lessp (ht (car l)) (ht (caddr l))) (node (node (car l) (cadr l) (car (caddr l))) (cadr (caddr l)) (node (caddr (caddr l)) k r)))
                  (t (node (car l) (cadr l) (node (caddr l) k r)))))
        ((lessp d -1) (cond ((lessp (ht (caddr r)) (ht (car r))) (node (node l k (car (car r))) (cadr (car r)) (node (caddr (car r)) (cadr r) (caddr r))))
                  (t (node (node l k (car r)) (cadr r) (caddr r)))))
        (t (node l k r))))))
(de insert (k tr) (cond ((null tr) (node nil k nil)) ((lessp k (cadr tr)) (bal (insert k (car tr)) (cadr tr) (caddr tr)))
   ((greaterp k (cadr tr)) (bal (car tr) (cadr tr) (insert k (caddr tr)))) (t tr)))
(de main nil (prog (tr seed) (setq seed 7) (dotimes (i scale!*) (setq seed (remainder (plus2 (times2 seed 1103) 12345) 1000003)) (setq tr (insert seed tr))) (return (ht tr))))
(main)

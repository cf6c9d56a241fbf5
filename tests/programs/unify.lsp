% unify: terms that are made equal, with what variables stand for in a list of pairs.
% value 240000 small 60
(fluid '(scale!*))
(setq scale!* 40000)   % small 10
(de walk (x s) (prog (p) loop (cond ((and (idp x) (setq p (atsoc x s))) (setq x (cdr p)) (go loop))) (return x)))
(de unify (a b s) (cond ((eq s 'fail) s) (t (setq a (walk a s)) (setq b (walk b s))
  (cond ((eq a b) s) ((idp a) (cons (cons a b) s)) ((idp b) (cons (cons b a) s)) ((or (atom a) (atom b)) (cond ((equal a b) s) (t 'fail)))
        (t (unify (cdr a) (cdr b) (unify (car a) (car b) s)))))))
(de main nil (prog (n) (setq n 0) (dotimes (i scale!*)
  (setq n (plus2 n (length (unify '((1 x 2 y) (z 3 w 4) (x y z w v u) ((1 2) (3 4))) '((1 5 2 6) (7 3 8 4) (5 6 7 8 9 10) ((1 2) (3 4))) nil))))) (return n)))
(main)

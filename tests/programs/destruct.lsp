% destruct: lists that are taken apart and joined again in place (Gabriel's kind); the number of cells never changes.
% value (1000 100 499500) small (1000 100 499500)
(fluid '(scale!*))
(setq scale!* 8000)   % small 2
(de fresh (groups size)
  (prog (r l k)
    (setq k (times2 groups size))
    (dotimes (i groups)
      (setq l nil)
      (dotimes (j size) (setq k (sub1 k)) (setq l (cons k l)))
      (setq r (cons l r)))
    (return r)))
(de half (l)   % cut a list behind its first half, which stays; the rest is the value
  (prog (slow fast r)
    (setq slow l)
    (setq fast (cdr l))
   loop
    (cond ((and fast (cdr fast)) (setq slow (cdr slow)) (setq fast (cddr fast)) (go loop)))
    (setq r (cdr slow))
    (rplacd slow nil)
    (return r)))
(de rotate (groups)   % the second half of each list goes to the end of the next one
  (prog (p carried cut)
    (setq p groups)
   loop
    (cond ((null p) (rplaca groups (nconc carried (car groups))) (return groups)))
    (setq cut (half (car p)))
    (rplaca p (nconc carried (car p)))
    (setq carried cut)
    (setq p (cdr p))
    (go loop)))
(de main nil
  (prog (g n s)
    (setq g (fresh 100 10))
    (dotimes (i scale!*) (rotate g))
    (setq n 0) (setq s 0)
    (dolist (l g) (dolist (x l) (setq n (add1 n)) (setq s (plus2 s x))))
    (return (list n (length g) s))))
(main)

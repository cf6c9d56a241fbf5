% regex: regular expressions as trees, matched by derivatives (Brzozowski's): how many words of two letters a few of them accept.
% value (89 170 64) small (8 5 2)
(fluid '(scale!*))
(setq scale!* 9)   % small 4
(de empty!-word (r)   % does it accept nothing at all?
  (cond ((eq r 'epsilon) t)
        ((atom r) nil)
        ((eq (car r) 'star) t)
        ((eq (car r) 'or) (or (empty!-word (cadr r)) (empty!-word (caddr r))))
        (t (and (empty!-word (cadr r)) (empty!-word (caddr r))))))
(de either (a b) (cond ((eq a 'none) b) ((eq b 'none) a) ((equal a b) a) (t (list 'or a b))))
(de after (a b) (cond ((or (eq a 'none) (eq b 'none)) 'none) ((eq a 'epsilon) b) ((eq b 'epsilon) a) (t (list 'then a b))))
(de derivative (r c)
  (cond ((eq r c) 'epsilon)
        ((atom r) 'none)
        ((eq (car r) 'star) (after (derivative (cadr r) c) r))
        ((eq (car r) 'or) (either (derivative (cadr r) c) (derivative (caddr r) c)))
        ((empty!-word (cadr r)) (either (after (derivative (cadr r) c) (caddr r)) (derivative (caddr r) c)))
        (t (after (derivative (cadr r) c) (caddr r)))))
(de accepts (r word)
  (prog nil
   loop
    (cond ((null word) (return (empty!-word r))))
    (setq r (derivative r (car word)))
    (setq word (cdr word))
    (go loop)))
(de words (n)
  (cond ((zerop n) (list nil))
        (t (prog (l r)
             (setq l (words (sub1 n)))
             (dolist (w l) (setq r (cons (cons 'a w) (cons (cons 'b w) r))))
             (return r)))))
(de count (r l) (prog (n) (setq n 0) (dolist (w l) (cond ((accepts r w) (setq n (add1 n))))) (return n)))
(de main nil
  (prog (l r)
    (setq l (words scale!*))
    (dotimes (i 20)
      (setq r (list (count '(then (star (or b (then a b))) (or a epsilon)) l)                           % no two a
                    (count '(then (star b) (star (then (then (then a (star b)) (then a (star b))) (then a (star b))))) l) % a three at a time
                    (count '(then a (then (star (or a b)) (then b b))) l))))                                   % from a to b b
    (return r)))
(main)

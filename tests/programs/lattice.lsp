% lattice: the number of monotone maps between finite lattices (subsets, ordered by inclusion), by trying all.
% value 168 small 20
(fluid '(scale!* maps))
(setq scale!* 4)   % small 3
(de below (a b) (eqn (land a b) a))
(de consistent (x fx l)   % are the images of comparable elements comparable the same way?
  (prog nil
   loop
    (cond ((null l) (return t))
          ((and (below (caar l) x) (not (below (cdar l) fx))) (return nil))
          ((and (below x (caar l)) (not (below fx (cdar l)))) (return nil)))
    (setq l (cdr l))
    (go loop)))
(de count (x size values so!-far)
  (cond ((eqn x size) 1)
        (t (prog (n v)
             (setq n 0) (setq v 0)
            loop
             (cond ((eqn v values) (return n)))
             (cond ((consistent x v so!-far) (setq n (plus2 n (count (add1 x) size values (cons (cons x v) so!-far))))))
             (setq v (add1 v))
             (go loop)))))
(de main nil
  (prog (n) (dotimes (times 200) (setq n (count 0 (expt 2 scale!*) 2 nil))) (return n)))
(main)

% closures: counters and streams without closures of the language: a function is kept with what it needs, and applied to it.
% value (41538 499979) small (25 97)
(fluid '(scale!*))
(setq scale!* 500000)   % small 100
(de delay (f a) (cons f a))
(de force (p) (cond ((pairp p) (apply (car p) (list (cdr p)))) (t p)))
(de from (n) (cons n (delay 'from (add1 n))))
(de odd!-from (n) (cons n (delay 'odd!-from (plus2 n 2))))
(de primep (n known)
  (prog nil
   loop
    (cond ((or (null known) (greaterp (times2 (car known) (car known)) n)) (return t))
          ((zerop (remainder n (car known))) (return nil)))
    (setq known (cdr known))
    (go loop)))
(de main nil
  (prog (s known tail n last)
    (setq s (odd!-from 3))
    (setq n 1) (setq last 2)
    (setq known (list 3)) (setq tail known)
   loop
    (cond ((greaterp (car s) scale!*) (return (list n last))))
    (cond ((primep (car s) known)
           (setq n (add1 n)) (setq last (car s))
           (cond ((not (eqn last 3)) (rplacd tail (list last)) (setq tail (cdr tail))))))
    (setq s (force (cdr s)))
    (go loop)))
(main)

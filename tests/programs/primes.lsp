% primes: a sieve of lists, where each prime filters the rest.
% value 5736396 small 328
(fluid '(scale!*))
(setq scale!* 10000)   % small 50
(de interval (a b)
  (prog (r)
   loop
    (cond ((greaterp a b) (return r)))
    (setq r (cons b r))
    (setq b (sub1 b))
    (go loop)))
(de without!-multiples (n l)
  (prog (r)
   loop
    (cond ((null l) (return (reversip r))))
    (cond ((not (zerop (remainder (car l) n))) (setq r (cons (car l) r))))
    (setq l (cdr l))
    (go loop)))
(de sift (l limit)
  (prog (r)
   loop
    (cond ((null l) (return (reversip r))))
    (setq r (cons (car l) r))
    (setq l (cond ((greaterp (times2 (car l) (car l)) limit) (cdr l)) (t (without!-multiples (car l) (cdr l)))))
    (go loop)))
(de sum (l)
  (prog (n)
    (setq n 0)
   loop
    (cond ((null l) (return n)))
    (setq n (plus2 n (car l)))
    (setq l (cdr l))
    (go loop)))
(de main nil
  (prog (n)
    (setq n 0)
    (dotimes (i 80) (setq n (sum (sift (interval 2 scale!*) scale!*))))
    (return n)))
(main)

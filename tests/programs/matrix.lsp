% matrix: powers of a matrix of integers modulo a prime, which hold Fibonacci's numbers.
% value 918091266 small 55
(fluid '(scale!* prime))
(setq scale!* 1000000)   % small 10
(setq prime 1000000007)
(de make (n) (prog (v) (setq v (mkvect (sub1 n))) (dotimes (i n) (putv v i (mkvect (sub1 n)))) (return v)))
(de product (a b n)
  (prog (c s)
    (setq c (make n))
    (dotimes (i n)
      (dotimes (j n)
        (setq s 0)
        (dotimes (k n) (setq s (remainder (plus2 s (times2 (getv (getv a i) k) (getv (getv b k) j))) prime)))
        (putv (getv c i) j s)))
    (return c)))
(de unit (n)
  (prog (a) (setq a (make n)) (dotimes (i n) (dotimes (j n) (putv (getv a i) j (cond ((eqn i j) 1) (t 0))))) (return a)))
(de step (n)   % the first two rows are those of Fibonacci, the rest the unit
  (prog (a)
    (setq a (unit n))
    (putv (getv a 0) 0 1) (putv (getv a 0) 1 1) (putv (getv a 1) 0 1) (putv (getv a 1) 1 0)
    (return a)))
(de power (a k n)
  (prog (r)
    (setq r (unit n))
   loop
    (cond ((zerop k) (return r)))
    (cond ((onep (remainder k 2)) (setq r (product r a n))))
    (setq a (product a a n))
    (setq k (quotient k 2))
    (go loop)))
(de main nil
  (prog (r) (dotimes (i 200) (setq r (getv (getv (power (step 8) scale!* 8) 0) 1))) (return r)))
(main)

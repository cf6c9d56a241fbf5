% decompose: a matrix of floats as a product of two triangular ones.
% value 12040 small 803
(fluid '(scale!*))
(setq scale!* 120)   % small 8
(de mat (n) (prog (m seed) (setq seed 5) (setq m (mkvect (sub1 n)))
  (dotimes (i n) (putv m i (mkvect (sub1 n)))
    (dotimes (j n) (setq seed (remainder (plus2 (times2 seed 75) 74) 65537))
      (putv (getv m i) j (plus2 (cond ((eqn i j) 100.0) (t 0.0)) (quotient (float seed) 65537.0)))))
  (return m)))
(de lu (m n) (prog (f ri rk)
  (dotimes (k n) (setq rk (getv m k))
    (prog (i) (setq i (add1 k)) loop (cond ((geq i n) (return nil)))
      (setq ri (getv m i)) (setq f (quotient (getv ri k) (getv rk k))) (putv ri k f)
      (prog (j) (setq j (add1 k)) inner (cond ((geq j n) (return nil)))
        (putv ri j (difference (getv ri j) (times2 f (getv rk j)))) (setq j (add1 j)) (go inner))
      (setq i (add1 i)) (go loop)))
  (return m)))
(de main nil (prog (m d) (setq m (lu (mat scale!*) scale!*)) (setq d 0.0) (dotimes (i scale!*) (setq d (plus2 d (getv (getv m i) i)))) (return (fix d))))
(main)

% subsequence: the longest common subsequence of two vectors of letters, row by row.
% value 529 small 15
(fluid '(scale!*))
(setq scale!* 1000)   % small 30
(de letters (n seed) (prog (v) (setq v (mkvect (sub1 n)))
  (dotimes (i n) (setq seed (remainder (plus2 (times2 seed 75) 74) 65537)) (putv v i (remainder seed 7))) (return v)))
(de lcs (a b) (prog (n m rows above row)
  (setq n (add1 (upbv a))) (setq m (add1 (upbv b)))
  (setq above (mkvect m)) (dotimes (j (add1 m)) (putv above j 0))
  (dotimes (i n)
    (setq row (mkvect m)) (putv row 0 0)
    (dotimes (j m)
      (putv row (add1 j)
        (cond ((eqn (getv a i) (getv b j)) (add1 (getv above j)))
              (t (max (getv above (add1 j)) (getv row j))))))
    (setq above row))
  (return (getv above m))))
(de main nil (lcs (letters scale!* 3) (letters scale!* 8)))
(main)

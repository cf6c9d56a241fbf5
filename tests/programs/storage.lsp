% storage: trees of vectors, made and dropped, with pseudo-random lengths of their leaves.
% value 5461 small 5461
(fluid '(scale!* seed count))
(setq scale!* 200)   % small 1
(de next nil (setq seed (land (plus2 (times2 seed 1309) 13849) 65535)))
(de tree (depth)
  (prog (v)
    (setq count (add1 count))
    (cond ((eqn depth 1) (return (mkvect (remainder (next) 10)))))
    (setq v (mkvect 3))
    (dotimes (i 4) (putv v i (tree (sub1 depth))))
    (return v)))
(de main nil
  (prog nil
    (dotimes (i scale!*) (setq seed 74755) (setq count 0) (tree 7))
    (return count)))
(main)

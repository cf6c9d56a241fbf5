% nqueens: the number of solutions of the n queens problem, columns and diagonals as bits of integers.
% value 14200 small 10
(fluid '(scale!*))
(setq scale!* 12)   % small 5
(de place (row columns left right all)
  (cond ((eqn columns all) 1)
        (t (prog (free bit n)
             (setq n 0)
             (setq free (land all (lnot (lor columns (lor left right)))))
            loop
             (cond ((zerop free) (return n)))
             (setq bit (land free (minus free)))
             (setq free (difference free bit))
             (setq n (plus2 n (place (add1 row) (lor columns bit) (lshift (lor left bit) 1) (lshift (lor right bit) -1) all)))
             (go loop)))))
(de main nil (place 0 0 0 0 (sub1 (expt 2 scale!*))))
(main)

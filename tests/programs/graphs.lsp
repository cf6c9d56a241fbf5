% graphs: how many undirected graphs with so many labelled vertices are connected, by closures of their rows of bits.
% value 26704 small 38
(fluid '(scale!*))
(setq scale!* 6)   % small 4
(de rows (code n v)
  (prog (i j)
    (dotimes (k n) (putv v k 0))
    (setq i 0) (setq j 1)
   loop
    (cond ((eqn j n) (setq i (add1 i)) (setq j (add1 i)) (cond ((eqn j n) (return v)))))
    (cond ((onep (land code 1))
           (putv v i (lor (getv v i) (lshift 1 j)))
           (putv v j (lor (getv v j) (lshift 1 i)))))
    (setq code (lshift code -1))
    (setq j (add1 j))
    (go loop)))
(de connected (v n)
  (prog (reached before)
    (setq reached 1)
   loop
    (setq before reached)
    (dotimes (i n) (cond ((not (zerop (land reached (lshift 1 i)))) (setq reached (lor reached (getv v i))))))
    (cond ((not (eqn before reached)) (go loop)))
    (return (eqn reached (sub1 (lshift 1 n))))))
(de main nil
  (prog (count v)
    (setq count 0)
    (setq v (mkvect scale!*))
    (dotimes (code (lshift 1 (quotient (times2 scale!* (sub1 scale!*)) 2)))
      (cond ((connected (rows code scale!* v) scale!*) (setq count (add1 count)))))
    (return count)))
(main)

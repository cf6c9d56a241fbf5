% mergesort: a list sorted by merging, in place.
% value 4 small 12468
(fluid '(scale!*))
(setq scale!* 100000)   % small 100
(de merge2 (a b) (prog (head last) (setq head (cons nil nil)) (setq last head)
  loop (cond ((null a) (rplacd last b) (return (cdr head))) ((null b) (rplacd last a) (return (cdr head))))
  (cond ((leq (car a) (car b)) (rplacd last a) (setq last a) (setq a (cdr a))) (t (rplacd last b) (setq last b) (setq b (cdr b))))
  (go loop)))
(de msort (l n) (prog (k b rest) (cond ((leq n 1) (return l))) (setq k (quotient n 2)) (setq rest l)
  (dotimes (i (sub1 k)) (setq rest (cdr rest))) (setq b (cdr rest)) (rplacd rest nil)
  (return (merge2 (msort l k) (msort b (difference n k))))))
(de main nil (prog (l seed) (setq seed 42)
  (dotimes (i scale!*) (setq seed (remainder (plus2 (times2 seed 1103) 12345) 1000003)) (setq l (cons seed l)))
  (return (car (msort l scale!*)))))
(main)

% xorshift: random numbers of 64 bits, whose steps leave the fixnums.
% value 451128 small 959
(fluid '(scale!*))
(setq scale!* 100000)   % small 200
(de next (x) (setq x (lxor x (land 18446744073709551615 (lshift x 13)))) (setq x (lxor x (lshift x -7))) (lxor x (land 18446744073709551615 (lshift x 17))))
(de main nil (prog (x s) (setq x 88172645463325252) (setq s 0) (dotimes (i scale!*) (setq x (next x)) (setq s (plus2 s (remainder x 10)))) (return s)))
(main)

% mbrot: iterations of all points of a square of the Mandelbrot set, with floats.
% value 1769419 small 2451
(fluid '(scale!*))
(setq scale!* 200)   % small 8
(de iterations (cr ci limit)
  (prog (zr zi r2 i2 n)
    (setq zr cr) (setq zi ci) (setq n 0)
   loop
    (setq r2 (times2 zr zr))
    (setq i2 (times2 zi zi))
    (cond ((or (eqn n limit) (greaterp (plus2 r2 i2) 16.0)) (return n)))
    (setq zi (plus2 (times2 2.0 (times2 zr zi)) ci))
    (setq zr (plus2 (difference r2 i2) cr))
    (setq n (add1 n))
    (go loop)))
(de main nil
  (prog (n step)
    (setq n 0)
    (setq step (quotient 0.5 scale!*))
    (dotimes (i scale!*)
      (dotimes (j scale!*)
        (setq n (plus2 n (iterations (plus2 -1.0 (times2 step i)) (plus2 -0.5 (times2 step j)) 64)))))
    (return n)))
(main)

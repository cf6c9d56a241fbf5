% bounce: balls in a box, moved in steps, and how often they meet its walls.
% value 212863 small 268
(fluid '(scale!* seed))
(setq scale!* 8000)   % small 10
(de next nil (setq seed (land (plus2 (times2 seed 1309) 13849) 65535)))
(de ball nil
  (prog (v)
    (setq v (mkvect 3))
    (putv v 0 (remainder (next) 500)) (putv v 1 (remainder (next) 500))
    (putv v 2 (difference (remainder (next) 300) 150)) (putv v 3 (difference (remainder (next) 300) 150))
    (return v)))
(de bounce (b)
  (prog (hit)
    (putv b 0 (plus2 (getv b 0) (getv b 2)))
    (putv b 1 (plus2 (getv b 1) (getv b 3)))
    (cond ((greaterp (getv b 0) 500) (putv b 0 500) (putv b 2 (minus (abs (getv b 2)))) (setq hit t)))
    (cond ((lessp (getv b 0) 0) (putv b 0 0) (putv b 2 (abs (getv b 2))) (setq hit t)))
    (cond ((greaterp (getv b 1) 500) (putv b 1 500) (putv b 3 (minus (abs (getv b 3)))) (setq hit t)))
    (cond ((lessp (getv b 1) 0) (putv b 1 0) (putv b 3 (abs (getv b 3))) (setq hit t)))
    (return hit)))
(de main nil
  (prog (balls n)
    (setq seed 74755)
    (setq n 0)
    (dotimes (i 100) (setq balls (cons (ball) balls)))
    (dotimes (i scale!*) (dolist (b balls) (cond ((bounce b) (setq n (add1 n))))))
    (return n)))
(main)

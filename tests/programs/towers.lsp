% towers: discs on three pegs, with a check of every move.
% value 1048575 small 31
(fluid '(scale!* pegs moves))
(setq scale!* 20)   % small 5
(de push (disc peg)
  (cond ((and (getv pegs peg) (geq disc (car (getv pegs peg)))) (error 1 "a disc on a smaller one"))
        (t (putv pegs peg (cons disc (getv pegs peg))))))
(de pop (peg)
  (prog (l) (setq l (getv pegs peg)) (putv pegs peg (cdr l)) (return (car l))))
(de move (n from to)
  (prog (other)
    (cond ((eqn n 1) (push (pop from) to) (setq moves (add1 moves)) (return nil)))
    (setq other (difference (difference 3 from) to))
    (move (sub1 n) from other)
    (move 1 from to)
    (move (sub1 n) other to)))
(de main nil
  (prog (i)
    (setq pegs (mkvect 2))
    (setq moves 0)
    (setq i scale!*)
   loop
    (cond ((greaterp i 0) (push i 0) (setq i (sub1 i)) (go loop)))
    (move scale!* 0 1)
    (return moves)))
(main)

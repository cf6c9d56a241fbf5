% json: a parser of JSON over characters of a list, with floats, and what it found written out again.
% value (t 1160000) small (t 2320)
(fluid '(scale!* in))
(setq scale!* 1000)   % small 2
(de space nil (prog nil loop (cond ((eq (car in) '! ) (setq in (cdr in)) (go loop)))))
(de value nil
  (prog (c)
    (space)
    (setq c (car in))
    (return (cond ((eq c '![) (setq in (cdr in)) (array nil))
                  ((eq c '!{) (setq in (cdr in)) (object nil))
                  ((eq c '!") (setq in (cdr in)) (text nil))
                  ((or (digit c) (eq c '!-)) (number nil))
                  (t (word nil))))))
(de array (l)
  (prog nil
   loop
    (space)
    (cond ((eq (car in) '!]) (setq in (cdr in)) (return (cons 'array (reversip l))))
          ((eq (car in) '!,) (setq in (cdr in)) (go loop)))
    (setq l (cons (value) l))
    (go loop)))
(de object (l)
  (prog (key)
   loop
    (space)
    (cond ((eq (car in) '!}) (setq in (cdr in)) (return (cons 'object (reversip l))))
          ((eq (car in) '!,) (setq in (cdr in)) (go loop)))
    (setq key (value))
    (space)
    (setq in (cdr in))
    (setq l (cons (cons key (value)) l))
    (go loop)))
(de text (l)
  (prog (c)
   loop
    (setq c (car in))
    (setq in (cdr in))
    (cond ((eq c '!") (return (list2string (reversip l)))))
    (setq l (cons c l))
    (go loop)))
(de number (l)
  (prog nil
   loop
    (cond ((and in (or (digit (car in)) (memq (car in) '(!- !. !+ e)))) (setq l (cons (car in) l)) (setq in (cdr in)) (go loop)))
    (return (compress (reversip l)))))
(de word (l)
  (prog nil
   loop
    (cond ((and in (liter (car in))) (setq l (cons (car in) l)) (setq in (cdr in)) (go loop)))
    (return (compress (reversip l)))))
(de sample nil
  (explode2 "{""name"": ""csl"", ""numbers"": [1, 2.5, -3, 1.25e-7, 1e10, 123456789012], ""deep"": [[[[1]]], {""a"": [true, false, null]}]}"))
(de main nil
  (prog (x s n)
    (setq n 0)
    (setq s (sample))
    (dotimes (i (times2 10 scale!*))
      (setq in s)
      (setq x (value))
      (setq n (plus2 n (length s))))
    (return (list (equal x '(object ("name" . "csl") ("numbers" array 1 2.5 -3 1.25e-7 1.0e10 123456789012)
                                    ("deep" array (array (array (array 1))) (object ("a" array true false null)))))
                  n))))
(main)

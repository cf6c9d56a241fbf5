% paraffins: how many radicals (alkyls, planted trees with three branches) of so many carbon atoms there are, made one by one.
% value (1 1 1 2 4 8 17 39 89 211 507 1238 3057) small (1 1 1 2 4 8)
(fluid '(scale!*))
(setq scale!* 12)   % small 5
(de generate (n radicals)
  (prog (m p q r out)
    (setq m (sub1 n))
    (setq p 0)
   first
    (cond ((greaterp (times2 3 p) m) (return out)))
    (setq q p)
   second
    (setq r (difference (difference m p) q))
    (cond ((lessp r q) (setq p (add1 p)) (go first)))
    (setq out (combine (getv radicals p) (getv radicals q) (getv radicals r) (eqn p q) (eqn q r) out))
    (setq q (add1 q))
    (go second)))
(de combine (a b c ab bc out)
  (prog (x y z)
    (setq x a)
   as
    (cond ((null x) (return out)))
    (setq y (cond (ab x) (t b)))
   bs
    (cond ((null y) (setq x (cdr x)) (go as)))
    (setq z (cond (bc y) (t c)))
   cs
    (cond ((null z) (setq y (cdr y)) (go bs)))
    (setq out (cons (list (car x) (car y) (car z)) out))
    (setq z (cdr z))
    (go cs)))
(de main nil
  (prog (v r)
    (dotimes (times 200)
      (setq v (mkvect scale!*))
      (putv v 0 (list 'h))
      (setq r (list 1))
      (dotimes (i scale!*)
        (putv v (add1 i) (generate (add1 i) v))
        (setq r (cons (length (getv v (add1 i))) r))))
    (return (reverse r))))
(main)

% takr: Takeuchi's function as one of many copies that call each other, so that no cache holds them (Gabriel's kind).
% value (7 3) small (7 3)
(fluid '(scale!*))
(setq scale!* 150)   % small 1
(de tak0 (x y z) (cond ((not (lessp y x)) z) (t (tak1 (tak7 (sub1 x) y z) (tak5 (sub1 y) z x) (tak3 (sub1 z) x y)))))
(de tak1 (x y z) (cond ((not (lessp y x)) z) (t (tak2 (tak4 (sub1 x) y z) (tak6 (sub1 y) z x) (tak8 (sub1 z) x y)))))
(de tak2 (x y z) (cond ((not (lessp y x)) z) (t (tak3 (tak9 (sub1 x) y z) (tak1 (sub1 y) z x) (tak5 (sub1 z) x y)))))
(de tak3 (x y z) (cond ((not (lessp y x)) z) (t (tak4 (tak2 (sub1 x) y z) (tak0 (sub1 y) z x) (tak6 (sub1 z) x y)))))
(de tak4 (x y z) (cond ((not (lessp y x)) z) (t (tak5 (tak8 (sub1 x) y z) (tak3 (sub1 y) z x) (tak9 (sub1 z) x y)))))
(de tak5 (x y z) (cond ((not (lessp y x)) z) (t (tak6 (tak1 (sub1 x) y z) (tak7 (sub1 y) z x) (tak2 (sub1 z) x y)))))
(de tak6 (x y z) (cond ((not (lessp y x)) z) (t (tak7 (tak0 (sub1 x) y z) (tak4 (sub1 y) z x) (tak8 (sub1 z) x y)))))
(de tak7 (x y z) (cond ((not (lessp y x)) z) (t (tak8 (tak6 (sub1 x) y z) (tak2 (sub1 y) z x) (tak0 (sub1 z) x y)))))
(de tak8 (x y z) (cond ((not (lessp y x)) z) (t (tak9 (tak5 (sub1 x) y z) (tak0 (sub1 y) z x) (tak1 (sub1 z) x y)))))
(de tak9 (x y z) (cond ((not (lessp y x)) z) (t (tak0 (tak3 (sub1 x) y z) (tak8 (sub1 y) z x) (tak7 (sub1 z) x y)))))
(de main nil
  (prog (a)
    (dotimes (i scale!*) (setq a (tak0 18 12 6)))
    (return (list a (tak0 9 3 4)))))
(main)

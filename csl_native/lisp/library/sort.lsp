% Stable merge sort of lists, bottom-up by halves; vectors are sorted as lists.

(de stable!-sort (l f)
  (cond ((vectorp l) (list!-to!-vector (stable!-sort (vector!-to!-list l) f)))
        ((or (atom l) (atom (cdr l))) l)
        (t (sort!-part!* l (length l) f))))

% The first n elements of l (n > 0) as a new sorted list.
(de sort!-part!* (l n f)
  (prog (half)
    (cond ((onep n) (return (ncons (car l))))
          ((eqn n 2)
           (return (cond ((funcall f (cadr l) (car l)) (list2 (cadr l) (car l)))
                         (t (list2 (car l) (cadr l)))))))
    (setq half (quotient (add1 n) 2))
    (return (merge!* (sort!-part!* l half f)
                     (sort!-part!* (nthcdr!* l half) (difference n half) f)
                     f))))

(de nthcdr!* (l n)
  (prog nil
   loop
    (cond ((zerop n) (return l)))
    (setq l (cdr l))
    (setq n (sub1 n))
    (go loop)))

% Elements of b go first only when they are strictly before those of a.
(de merge!* (a b f)
  (prog (first last)
    (setq first (setq last (ncons nil)))
   loop
    (cond ((null a) (rplacd last b) (return (cdr first)))
          ((null b) (rplacd last a) (return (cdr first)))
          ((funcall f (car b) (car a)) (rplacd last b) (setq last b) (setq b (cdr b)))
          (t (rplacd last a) (setq last a) (setq a (cdr a))))
    (go loop)))

(de sort (l f) (stable!-sort l f))
(de sortip (l f) (stable!-sort l f))
(de stable!-sortip (l f) (stable!-sort l f))

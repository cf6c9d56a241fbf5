% Stable merge sort of lists, bottom-up by halves; vectors are sorted as lists.

% The elements of a list or vector in order; f says whether the first of two comes strictly before the second, and
% what f does not order stays as it was.
% (stable!-sort '(3 1 2) 'lessp) => (1 2 3)
(de stable!-sort (l f)
  (cond ((vectorp l) (list!-to!-vector (stable!-sort (vector!-to!-list l) f)))
        ((atom l) nil)
        ((atom (cdr l)) (ncons (car l)))
        (t (sort!-part!* l (length l) f))))

% The first n elements of a list as a new sorted one; a part of `stable-sort`.
% (sort!-part!* '(3 1 2) 2 'lessp) => (1 3)
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

% A list without its first n elements.  (nthcdr!* '(a b c) 2) => (c)
(de nthcdr!* (l n)
  (prog nil
   loop
    (cond ((zerop n) (return l)))
    (setq l (cdr l))
    (setq n (sub1 n))
    (go loop)))

% Two sorted lists merged in place; an element of b goes first only where it comes strictly before that of a.
% (merge!* (list 1 3) (list 2) 'lessp) => (1 2 3)
(de merge!* (a b f)
  (prog (first last)
    (setq first (setq last (ncons nil)))
   loop
    (cond ((null a) (rplacd last b) (return (cdr first)))
          ((null b) (rplacd last a) (return (cdr first)))
          ((funcall f (car b) (car a)) (rplacd last b) (setq last b) (setq b (cdr b)))
          (t (rplacd last a) (setq last a) (setq a (cdr a))))
    (go loop)))

% The elements of a list or vector in order, as `stable-sort` gives them.  (sort '(3 1 2) 'lessp) => (1 2 3)
(de sort (l f) (stable!-sort l f))
% The elements of a list in order; the list itself may be kept.  (sortip (list 3 1 2) 'lessp) => (1 2 3)
(de sortip (l f) (stable!-sort l f))
% The elements of a list in order; the list itself may be kept.  (stable!-sortip (list 3 1 2) 'lessp) => (1 2 3)
(de stable!-sortip (l f) (stable!-sort l f))

% The operations of the core, and which package has the others.

(deftable operation
  (sub    nil . operation!-sub)
  (df     nil . operation!-df)
  (num    1 . operation!-num)
  (den    1 . operation!-den)
  (lhs    1 . operation!-lhs)
  (rhs    1 . operation!-rhs)
  (first  1 . operation!-first)
  (rest   1 . operation!-rest)
  (length 1 . operation!-length)
  (append 2 . operation!-append)
  (gcd    2 . operation!-gcd)
  (lcm    2 . operation!-lcm)
  (degree 2 . operation!-degree)
  (coefficient 3 . operation!-coefficient))

(de operation!-num (v) (q!-polynomial (car (v!-scalar v))))
(de operation!-den (v) (q!-polynomial (cdr (v!-scalar v))))
(de operation!-lhs (v) (cadr (v!-of!-kind 'equal v)))
(de operation!-rhs (v) (caddr (v!-of!-kind 'equal v)))
(de operation!-first (v) (car (v!-nonempty v)))
(de operation!-rest (v) (v!-list (cdr (v!-nonempty v))))
(de operation!-length (v) (v!-number (length (v!-items v))))
(de operation!-append (a b) (v!-list (append (v!-items a) (v!-items b))))
(de operation!-gcd (a b) (q!-polynomial (p!-gcd (v!-polynomial a) (v!-polynomial b))))
(de operation!-lcm (a b) (q!-polynomial (p!-lcm (v!-polynomial a) (v!-polynomial b))))

(de v!-polynomial (v) (q!-as!-polynomial (v!-scalar v)))

(de v!-of!-kind (kind v)
  (cond ((eq (car v) kind) v)
        (t (complain (list "Something else expected instead of" v)))))

(de v!-nonempty (v)
  (or (v!-items v) (complain '("The list is empty"))))

% A polynomial in one variable: with this as the first of all kernels it is the main one.

(de operation!-degree (v x)
  (let ((order!* (list (v!-name x))))
    (v!-number (p!-degree!-in (p!-reorder (v!-polynomial v)) (car order!*)))))

(de operation!-coefficient (v x n)
  (q!-reorder (coefficient!-in (v!-polynomial v) (v!-name x) (v!-integer n))))

(de coefficient!-in (p x n)
  (let ((order!* (list x)))
    (let ((found (assoc n (p!-terms!-in (p!-reorder p) x))))
      (q!-polynomial (cond (found (cdr found)) (t 0))))))

% The package of each operation that is not of the core, and of each kind of value; what a package needs.

(deftable autoload
  (matrix . matrix) (det . matrix) (rank . matrix) (inverse . matrix) (transpose . matrix) (trace . matrix)
  (element . matrix) (identity . matrix) (charpoly . matrix)
  (factorize . factor) (resultant . factor)
  (solve . solve) (int . integrate) (groebner . groebner) (normalform . groebner)
  (primep . numbers) (nextprime . numbers) (ifactor . numbers) (totient . numbers) (mod . numbers))

(deftable needs
  (solve matrix factor)
  (integrate solve)
  (groebner integrate)
  (display matrix))

% Matrices: lists of rows of quotients, behind the word matrix.

(deftable plus  (matrix . matrix!-plus))
(deftable times (matrix . matrix!-times))
(deftable expt  (matrix . matrix!-expt))

(de rows!-of (v)
  (cond ((eq (car v) 'matrix) (cdr v))
        (t (complain (list "A matrix expected instead of" v)))))

(de matrix!-size (v) (cons (length (rows!-of v)) (length (cadr v))))

(de square!-rows (v)
  (let ((size (matrix!-size v)))
    (unless (eqn (car size) (cdr size)) (complain '("A square matrix expected")))
    (cdr v)))

(de row!-with (f r s) (mapcar (pair r s) (function (lambda (p) (funcall f (car p) (cdr p))))))

(de matrix!-plus (a b)
  (unless (equal (matrix!-size a) (matrix!-size b)) (complain '("Matrices of different sizes")))
  (cons 'matrix (row!-with (function (lambda (r s) (row!-with (function q!-plus) r s))) (cdr a) (cdr b))))

(de matrix!-times (a b)
  (cond ((v!-scalarp a) (matrix!-scale b a))
        ((v!-scalarp b) (matrix!-scale a b))
        ((eqn (cdr (matrix!-size a)) (car (matrix!-size b))) (cons 'matrix (rows!-times (cdr a) (cdr b))))
        (t (complain '("These matrices cannot be multiplied")))))

(de matrix!-scale (m q)
  (cons 'matrix (mapcar (cdr m) (function (lambda (row) (mapcar row (function (lambda (x) (q!-times q x)))))))))

(de rows!-times (a b)
  (let ((columns (rows!-transposed b)))
    (mapcar a (function (lambda (row) (mapcar columns (function (lambda (column) (inner!-product row column)))))))))

(de inner!-product (r s)
  (fold (pair r s) (q!-number 0) (function (lambda (sum p) (q!-plus sum (q!-times (car p) (cdr p)))))))

(de rows!-transposed (rows)
  (cond ((null (car rows)) nil)
        (t (cons (mapcar rows (function car)) (rows!-transposed (mapcar rows (function cdr)))))))

(de matrix!-expt (a n)
  (let ((rows (square!-rows a)) (n (v!-integer n)))
    (cond ((minusp n) (matrix!-expt (operation!-inverse a) (v!-number (minus n))))
          (t (cons 'matrix (rows!-expt rows n))))))

(de rows!-expt (rows n)
  (cond ((zerop n) (unit!-rows (length rows)))
        ((evenp n) (let ((root (rows!-expt rows (quotient n 2)))) (rows!-times root root)))
        (t (rows!-times rows (rows!-expt rows (sub1 n))))))

(de unit!-rows (n)
  (mapcar (numbers!-from!-to 1 n)
          (function (lambda (k)
            (mapcar (numbers!-from!-to 1 n) (function (lambda (j) (q!-number (cond ((eqn k j) 1) (t 0))))))))))

% --- Determinants and inverses, by elimination.

(de operation!-det (m)
  (let ((rows (square!-rows m)) (d (q!-number 1)))
    (dolist (row rows) (setq d (q!-times d (q!-polynomial (row!-denominator row)))))
    (echelon (mapcar rows (function row!-without!-denominators)) (length rows))
    (cond ((lessp (length echelon!-columns!*) (length rows)) (q!-number 0))
          (t (q!-over (q!-times (q!-number echelon!-sign!*) echelon!-pivot!*) d)))))

(de operation!-rank (m)
  (echelon (mapcar (rows!-of m) (function row!-without!-denominators)) (cdr (matrix!-size m)))
  (v!-number (length echelon!-columns!*)))

(de operation!-inverse (m)
  % Of [m | 1] to [p | p times the inverse].
  (let ((rows (square!-rows m)))
    (echelon (mapcar (pair rows (unit!-rows (length rows)))
                     (function (lambda (p) (row!-without!-denominators (append (car p) (cdr p))))))
             (length rows))
    (when (lessp (length echelon!-columns!*) (length rows)) (complain '("The matrix is singular")))
    (cons 'matrix (mapcar (pair echelon!-rows!* echelon!-columns!*)
                          (function (lambda (p) (inverse!-row (car p) (cdr p) (length rows))))))))

(de inverse!-row (row column n)
  (let ((pivot (element row column)))
    (mapcar (nthcdr row n) (function (lambda (q) (q!-over q pivot))))))

% --- Smaller operations.

(de operation!-transpose (m) (cons 'matrix (rows!-transposed (rows!-of m))))

(de operation!-trace (m)
  (let ((column -1))
    (fold (square!-rows m) (q!-number 0)
          (function (lambda (sum row) (setq column (add1 column)) (q!-plus sum (element row column)))))))

(de operation!-element (m k j)
  (element (element (rows!-of m) (sub1 (v!-integer k))) (sub1 (v!-integer j))))

(de operation!-identity (n) (cons 'matrix (unit!-rows (v!-integer n))))

(de operation!-matrix (f n m)
  % The n by m matrix of f(k, j).
  (cons 'matrix (mapcar (numbers!-from!-to 1 (v!-integer n))
    (function (lambda (k)
      (mapcar (numbers!-from!-to 1 (v!-integer m))
              (function (lambda (j) (v!-scalar (v!-apply (v!-name f) (list (v!-number k) (v!-number j))))))))))))

(de operation!-charpoly (m x)
  (operation!-det (matrix!-plus (matrix!-scale (operation!-identity (v!-number (length (square!-rows m)))) x)
                                (matrix!-scale m (q!-number -1)))))

(deftable operation
  (det 1 . operation!-det) (rank 1 . operation!-rank) (inverse 1 . operation!-inverse)
  (transpose 1 . operation!-transpose) (trace 1 . operation!-trace) (element 3 . operation!-element)
  (identity 1 . operation!-identity) (matrix 3 . operation!-matrix) (charpoly 2 . operation!-charpoly))

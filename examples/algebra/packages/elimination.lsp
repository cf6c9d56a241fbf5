% Elimination in systems of linear equations and matrices, without fractions.
%
% A row is a list of polynomials.  The method is E. Bareiss's, "Sylvester's identity and multistep integer-preserving
% Gaussian elimination" (Math. Comp. 22, 1968), in the form of Gauss and Jordan: after step k all rows but the pivot's
% have a 0 in the pivot's column, all pivots so far are the same minor of order k, and what each step divides by, the
% minor of the step before, is known to divide.  With square roots among the kernels that is not so, as there are
% relations; then the rows are of quotients.

(fluid '(echelon!-rows!* echelon!-columns!* echelon!-pivot!* echelon!-sign!*))

(de echelon (rows columns)
  % Bring rows of quotients into this form, looking for pivots in the first columns: what comes out is in the
  % variables echelon!-...!*, where the rows with pivots stand first, in the order of their columns.
  (setq echelon!-columns!* nil)
  (setq echelon!-pivot!* (q!-number 1))
  (setq echelon!-sign!* 1)
  (setq echelon!-rows!* rows)
  (let ((done 0) (exact (not (with!-roots rows))))
    (dotimes (column columns)
      (let ((pivot (pivot!-row (nthcdr echelon!-rows!* done) column)))
        (when pivot
          (bring!-forward pivot done)
          (clear!-column pivot column exact)
          (push column echelon!-columns!*)
          (increase done)))))
  (setq echelon!-columns!* (reversip echelon!-columns!*)))

(de with!-roots (rows)
  (first!-such rows (function (lambda (row)
    (first!-such row (function (lambda (q) (first!-such (q!-kernels q) (function k!-square)))))))))

(de pivot!-row (rows column)
  (first!-such rows (function (lambda (row) (not (q!-zerop (element row column)))))))

(de bring!-forward (row place)
  % Rows are known by eq; each transposition of neighbours changes the sign of the determinant.
  (let ((before nil) (after echelon!-rows!*))
    (dotimes (k place) (push (car after) before) (setq after (cdr after)))
    (let ((between (ahead!-of row after)))
      (when (oddp (length between)) (setq echelon!-sign!* (minus echelon!-sign!*)))
      (setq echelon!-rows!* (reversip2 before (cons row (deleq row after)))))))

(de clear!-column (pivot column exact)
  (let ((p (element pivot column)) (before echelon!-pivot!*))
    (setq echelon!-rows!*
      (mapcar echelon!-rows!*
              (function (lambda (row)
                (cond ((eq row pivot) row)
                      (t (combine!-rows p row (element row column) pivot before exact)))))))
    (setq echelon!-pivot!* p)))

(de combine!-rows (p row q pivot before exact)
  % (p row - q pivot) / before
  (let ((l nil))
    (while row
      (let ((x (q!-difference (q!-times p (car row)) (q!-times q (car pivot)))))
        (push (cond (exact (q!-polynomial (p!-exact (car x) (car before)))) (t (q!-over x before))) l))
      (setq row (cdr row))
      (setq pivot (cdr pivot)))
    (reversip l)))

% --- Rows of polynomials from rows of quotients.

(de row!-denominator (row)
  (fold row 1 (function (lambda (d q) (p!-lcm d (cdr q))))))

(de row!-without!-denominators (row)
  (let ((d (q!-polynomial (row!-denominator row))))
    (mapcar row (function (lambda (q) (q!-times q d))))))

% --- The solution of a system: its rows are the coefficients and the right side.

(de solve!-rows (rows unknowns)
  % List of (unknown . value), nil where there is none.  Unknowns without a pivot are free, and may be in the values.
  (echelon (mapcar rows (function row!-without!-denominators)) (length unknowns))
  (cond ((inconsistent!-row (nthcdr echelon!-rows!* (length echelon!-columns!*))) nil)
        (t (mapcar (pair echelon!-columns!* (first!-rows)) (function (lambda (p) (solved!-row p unknowns)))))))

(de first!-rows ()
  (let ((l nil) (rows echelon!-rows!*))
    (dolist (column echelon!-columns!*) (push (car rows) l) (setq rows (cdr rows)))
    (reversip l)))

(de inconsistent!-row (rows)
  (first!-such rows (function (lambda (row) (not (q!-zerop (lastcar row)))))))

(de solved!-row (place unknowns)
  % (unknown . value), where the value has the free unknowns in it.
  (let ((row (cdr place)) (value (lastcar (cdr place))) (column 0))
    (dolist (unknown unknowns)
      (unless (memq column echelon!-columns!*)
        (setq value (q!-difference value (q!-times (element row column) (q!-kernel unknown)))))
      (increase column))
    (cons (element unknowns (car place)) (q!-over value (element row (car place))))))

% --- One solution only: free unknowns are 0.

(de particular!-solution (rows count)
  % List of count quotients, or nil.
  (echelon (mapcar rows (function row!-without!-denominators)) count)
  (cond ((inconsistent!-row (nthcdr echelon!-rows!* (length echelon!-columns!*))) nil)
        (t (let ((places (pair echelon!-columns!* (first!-rows))))
             (mapcar (numbers!-from!-to 0 (sub1 count))
                     (function (lambda (column) (particular!-value (atsoc column places)))))))))

(de particular!-value (place)
  (cond (place (q!-over (lastcar place) (element (cdr place) (car place))))
        (t (q!-number 0))))

% Values in two dimensions: fractions with a line, exponents above, matrices in brackets.
%
% A box is (width base line ...): lines are strings of that width, the one of number base is on the line of writing.

(de box!-of!-text (x)
  (let ((text (list2string (explode2 x)))) (list (string!-length text) 0 text)))

(de box!-width (b) (car b))
(de box!-base (b) (cadr b))
(de box!-lines (b) (cddr b))
(de box!-height (b) (length (cddr b)))

(de copies (text n)
  (let ((l nil))
    (dotimes (k n) (push text l))
    l))

(de repeated!-text (text n) (fold (copies text n) "" (function concat)))
(de blank!-text (n) (repeated!-text " " n))

(de make!-box (base lines) (cons (string!-length (car lines)) (cons base lines)))

% --- Boxes of boxes.

(de box!-with!-height (b above below)
  % With so many lines above and below the line of writing.
  (append (copies (blank!-text (box!-width b)) (difference above (box!-base b)))
          (append (box!-lines b)
                  (copies (blank!-text (box!-width b)) (difference below (box!-depth b))))))

(de box!-depth (b) (difference (sub1 (box!-height b)) (box!-base b)))

(de beside (a b)
  (let ((above (max (box!-base a) (box!-base b))) (below (max (box!-depth a) (box!-depth b))))
    (make!-box above (mapcar (pair (box!-with!-height a above below) (box!-with!-height b above below))
                             (function (lambda (p) (concat (car p) (cdr p))))))))

(de all!-beside (boxes) (fold (cdr boxes) (car boxes) (function beside)))

(de centred (b width)
  (let ((left (quotient (difference width (box!-width b)) 2)))
    (let ((right (difference width (plus2 left (box!-width b)))))
      (mapcar (box!-lines b)
              (function (lambda (line) (concat (blank!-text left) (concat line (blank!-text right)))))))))

(de fraction!-box (n d)
  (let ((width (plus2 2 (max (box!-width n) (box!-width d)))))
    (make!-box (box!-height n)
               (append (centred n width) (cons (repeated!-text "-" width) (centred d width))))))

(de power!-box (a n)
  (make!-box (plus2 (box!-height n) (box!-base a))
             (append (mapcar (box!-lines n) (function (lambda (line) (concat (blank!-text (box!-width a)) line))))
                     (mapcar (box!-lines a) (function (lambda (line) (concat line (blank!-text (box!-width n)))))))))

(de fence (text top bottom b)
  % A parenthesis or bracket as high as b.
  (let ((n (box!-height b)))
    (cond ((onep n) (box!-of!-text text))
          (t (make!-box (box!-base b) (cons top (append (copies "|" (difference n 2)) (list bottom))))))))

(de parenthesised!-box (b)
  (all!-beside (list (fence "(" "/" "\" b) b (fence ")" "\" "/" b))))

(de sequence!-box (boxes)
  (let ((l nil))
    (while boxes
      (push (car boxes) l)
      (when (setq boxes (cdr boxes)) (push (box!-of!-text ", ") l)))
    (cond (l (all!-beside (reversip l)))
          (t (box!-of!-text "")))))

(de matrix!-box (rows)
  % Columns have one width, and there is a blank line between rows.
  (let ((widths (mapcar (rows!-transposed rows)
                        (function (lambda (column) (fold column 0 (function (lambda (n b) (max n (box!-width b))))))))))
    (let ((lines (cdr (mapcan rows (function (lambda (row) (cons nil (box!-lines (row!-box row widths)))))))))
      (let ((width (string!-length (car lines))))
        (let ((b (make!-box (quotient (length lines) 2)
                            (mapcar lines (function (lambda (line) (or line (blank!-text width))))))))
          (all!-beside (list (fence "[" "[" "[" b) b (fence "]" "]" "]" b))))))))

(de row!-box (row widths)
  (all!-beside (mapcar (pair row widths)
    (function (lambda (p) (make!-box (box!-base (car p)) (centred (car p) (plus2 2 (cdr p)))))))))

% --- Boxes of trees, as in write!-tree: in parentheses if the operator does not hold more strongly than power.

(de tree!-box (tree power)
  (cond ((atom tree) (box!-of!-text tree))
        ((get (car tree) 'boxer) (funcall (get (car tree) 'boxer) tree power))
        ((get (car tree) 'written)
         (boxed!-if (geq power (car (get (car tree) 'powers))) (infix!-box tree)))
        (t (beside (box!-of!-text (car tree)) (parenthesised!-box (arguments!-box (cdr tree)))))))

(deftable boxer
  (list . list!-box) (mat . mat!-box) (minus . minus!-box) (quotient . quotient!-box) (expt . expt!-box))

(de boxed!-if (needed b)
  (cond (needed (parenthesised!-box b))
        (t b)))

(de arguments!-box (trees)
  (sequence!-box (mapcar trees (function (lambda (tree) (tree!-box tree 0))))))

(de list!-box (tree power)
  (let ((b (arguments!-box (cdr tree))))
    (all!-beside (list (fence "{" "/" "\" b) b (fence "}" "\" "/" b)))))

(de mat!-box (tree power)
  (matrix!-box (mapcar (cdr tree) (function (lambda (row)
    (mapcar (cdr row) (function (lambda (x) (tree!-box x 0)))))))))

(de minus!-box (tree power)
  (boxed!-if (greaterp power 60)
             (beside (box!-of!-text (cond ((eqcar (cadr tree) 'quotient) "- ") (t "-"))) (tree!-box (cadr tree) 69))))

(de quotient!-box (tree power)
  (boxed!-if (geq power 71) (fraction!-box (tree!-box (cadr tree) 0) (tree!-box (caddr tree) 0))))

(de expt!-box (tree power)
  (boxed!-if (geq power 90) (power!-box (tree!-box (cadr tree) 90) (tree!-box (caddr tree) 0))))

(de infix!-box (tree) (all!-beside (infix!-pieces tree)))

(de infix!-pieces (tree)
  % The operands, each with the operator before it.
  (let ((powers (get (car tree) 'powers)))
    (cons (tree!-box (cadr tree) (sub1 (car powers)))
          (mapcar (cddr tree) (function (lambda (operand) (piece!-box (car tree) operand (sub1 (cdr powers)))))))))

(de piece!-box (operator operand power)
  (cond ((and (eq operator 'plus) (eqcar operand 'minus)) (beside (box!-of!-text " - ") (tree!-box (cadr operand) 61)))
        (t (beside (box!-of!-text (get operator 'written)) (tree!-box operand power)))))

% --- Results.  A sum goes over several lines; what has no place on a line otherwise is written in one dimension.

(de display!-result (tree v)
  (let ((pieces (pieces!-of!-result (v!-tree v)))
        (name (cond ((eqcar tree '!:!=) (beside (tree!-box (cadr tree) 0) (box!-of!-text " := ")))
                    (t (box!-of!-text "")))))
    (let ((lines (filled!-lines (cons name pieces) (difference (linelength nil) 2))))
      (cond (lines (dolist (line lines) (show!-box (all!-beside line))))
            (t (write!-value v) (terpri))))))

(de pieces!-of!-result (tree)
  (cond ((eqcar tree 'plus) (infix!-pieces tree))
        (t (list (tree!-box tree 0)))))

(de filled!-lines (boxes width)
  % Lists of boxes that have a place beside each other, or nil where one is too wide.
  (let ((lines nil) (line nil) (left width))
    (dolist (b boxes)
      (when (and line (greaterp (box!-width b) left))
        (push (reversip line) lines)
        (setq line nil)
        (setq left width))
      (push b line)
      (setq left (difference left (box!-width b))))
    (and (not (first!-such boxes (function (lambda (b) (greaterp (box!-width b) width)))))
         (reversip (cons (reversip line) lines)))))

(de show!-box (b)
  (terpri)
  (dolist (line (box!-lines b))
    (prin2 (without!-blanks!-behind line))
    (terpri)))

(de without!-blanks!-behind (line)
  (let ((l (reverse (explode2 line))))
    (while (eqcar l '! ) (setq l (cdr l)))
    (list2string (reverse l))))

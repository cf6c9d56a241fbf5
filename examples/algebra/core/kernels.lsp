% Kernels: what a polynomial is a polynomial in.  A kernel is a name, or a list of an operator and values, as (sin v).
%
% Equal kernels are eq: those of an operator are on its property kernels, with their arguments.

(fluid '(order!*))      % kernels that stand before all others for a while

(de k!-unique (operator arguments)
  (let ((found (assoc arguments (get operator 'kernels))))
    (cond (found (cdr found))
          (t (k!-new operator arguments)))))

(de k!-new (operator arguments)
  (let ((kernel (cons operator arguments)))
    (put operator 'kernels (cons (cons arguments kernel) (get operator 'kernels)))
    kernel))

% The order of kernels decides which is the main variable of a polynomial: those of order!* first, then composed
% ones, then names; these by the alphabet.

(de k!-before (a b)
  (cond ((eq a b) nil)
        ((memq a order!*) (not (memq b (ahead!-of a order!*))))
        ((memq b order!*) nil)
        ((atom a) (and (atom b) (orderp a b)))
        ((atom b) t)
        (t (ordp a b))))

(de ahead!-of (a l)
  (cond ((eq a (car l)) nil)
        (t (cons (car l) (ahead!-of a (cdr l))))))

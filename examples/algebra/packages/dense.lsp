% Polynomials in one variable modulo m!*: lists of all coefficients, 0 to m!* - 1, the highest first and not 0.

(fluid '(m!*))

(de d!-strip (l)
  (while (and l (zerop (car l))) (setq l (cdr l)))
  l)

(de d!-reduce (l) (d!-strip (mapcar l (function (lambda (n) (mod n m!*))))))
(de d!-degree (a) (sub1 (length a)))
(de d!-constantp (a) (or (null a) (null (cdr a))))

(de d!-combine (a b f)
  % f of the coefficients of a and b, where the shorter one has 0.
  (let ((n (difference (length a) (length b))) (l nil))
    (while a
      (cond ((plusp n) (push (funcall f (car a) 0) l))
            (t (push (funcall f (car a) (car b)) l) (setq b (cdr b))))
      (setq a (cdr a))
      (setq n (sub1 n)))
    (d!-reduce (reversip l))))

(de d!-plus (a b)
  (cond ((lessp (length a) (length b)) (d!-combine b a (function plus2)))
        (t (d!-combine a b (function plus2)))))

(de d!-difference (a b)
  (cond ((lessp (length a) (length b)) (d!-combine b a (function (lambda (x y) (difference y x)))))
        (t (d!-combine a b (function difference)))))

(de d!-scale (a n)
  (d!-strip (mapcar a (function (lambda (x) (mod (times2 n x) m!*))))))

(de d!-times (a b)
  % All products of coefficients are added up in a vector; each sum is reduced once.
  (cond ((or (null a) (null b)) nil)
        (t (let ((v (mkvect (plus2 (d!-degree a) (d!-degree b)))) (i 0))
             (for!-each!-index v (function (lambda (j) (putv v j 0))))
             (dolist (x a)
               (d!-add!-multiple v i x b)
               (increase i))
             (d!-reduce (vector!-to!-list v))))))

(de for!-each!-index (v f)
  (dotimes (j (add1 (upbv v))) (funcall f j)))

(de d!-add!-multiple (v i x b)
  (while b
    (putv v i (plus2 (getv v i) (times2 x (car b))))
    (increase i)
    (setq b (cdr b))))

(de d!-divide (a b)
  % (quotient . remainder); the leading coefficient of b has an inverse (Knuth 4.6.1, Algorithm D).
  (let ((inverse (inverse!-modulo (car b) m!*)) (n (difference (length a) (length b))) (q nil))
    (while (not (minusp n))
      (let ((c (mod (times2 (car a) inverse) m!*)))
        (push c q)
        (setq a (d!-subtract!-multiple (cdr a) c (cdr b))))
      (setq n (sub1 n)))
    (cons (d!-strip (reversip q)) (d!-strip a))))

(de d!-subtract!-multiple (a c b)
  % a - c b, where both begin with the same power.
  (cond ((zerop c) a)
        (t (let ((l nil))
             (while b
               (push (mod (difference (car a) (times2 c (car b))) m!*) l)
               (setq a (cdr a))
               (setq b (cdr b)))
             (reversip2 l a)))))

(de d!-quotient (a b) (car (d!-divide a b)))
(de d!-remainder (a b) (cdr (d!-divide a b)))

(de d!-monic (a)
  (cond ((null a) nil)
        (t (d!-scale a (inverse!-modulo (car a) m!*)))))

(de d!-gcd (a b)
  (while b (psetq a b b (d!-remainder a b)))
  (d!-monic a))

(de d!-cofactors (a b)
  % (s . t) with s a + t b = 1, for a and b without a common factor.
  (let ((s '(1)) (s1 nil) (u nil) (u1 '(1)))
    (while b
      (let ((qr (d!-divide a b)))
        (psetq a b b (cdr qr))
        (psetq s s1 s1 (d!-difference s (d!-times (car qr) s1)))
        (psetq u u1 u1 (d!-difference u (d!-times (car qr) u1)))))
    (let ((inverse (inverse!-modulo (car a) m!*)))
      (cons (d!-scale s inverse) (d!-scale u inverse)))))

(de d!-times!-modulo (a b f) (d!-remainder (d!-times a b) f))

(de d!-power!-modulo (a n f)
  % a^n modulo f, bit by bit from the left.
  (cond ((zerop n) '(1))
        (t (let ((root (d!-power!-modulo a (quotient n 2) f)))
             (let ((square (d!-times!-modulo root root f)))
               (cond ((evenp n) square)
                     (t (d!-times!-modulo square a f))))))))

(de d!-derivative (a)
  (let ((n (d!-degree a)) (l nil))
    (while (plusp n)
      (push (mod (times2 n (car a)) m!*) l)
      (setq a (cdr a))
      (setq n (sub1 n)))
    (d!-strip (reversip l))))

% --- From and to polynomials.

(de d!-of!-polynomial (p)
  % In its one variable.
  (d!-reduce (p!-list p)))

(de p!-list (p)
  (cond ((numberp p) (list p))
        (t (let ((l nil) (degree (p!-degree p)))
             (dolist (term (cdr p))
               (while (greaterp degree (car term)) (push 0 l) (setq degree (sub1 degree)))
               (push (cdr term) l)
               (setq degree (sub1 degree)))
             (while (not (minusp degree)) (push 0 l) (setq degree (sub1 degree)))
             (reversip l)))))

(de p!-of!-list (l x)
  (let ((degree (sub1 (length l))) (terms nil))
    (dolist (c l)
      (unless (zerop c) (push (cons degree c) terms))
      (setq degree (sub1 degree)))
    (p!-make x (reversip terms))))

(de symmetric (n)
  % The representative of least size.
  (cond ((greaterp (times2 2 n) m!*) (difference n m!*))
        (t n)))

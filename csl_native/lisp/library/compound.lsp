% Arithmetic of ratios and of complex numbers: what plus, times and the others call when one of two numbers is one.

% n/d in lowest terms; an integer when it is one.
% (ratio 6 4) => 3/2
(de ratio (n d)
  (prog (g)
    (setq g (gcdn n d))
    (cond ((minusp d) (setq g (minus g))))
    (setq n (quotient n g))
    (setq d (quotient d g))
    (return (cond ((onep d) n) (t (ratio!* n d))))))

% The complex number of two real parts, of one type; the first one alone when the other is the integer 0.
% (complex!-of 1 2) => #C(1 2)
(de complex!-of (a b)
  (cond ((and (floatp a) (not (floatp b))) (complex!* a (float b)))
        ((and (floatp b) (not (floatp a))) (complex!* (float a) b))
        ((and (eqn b 0) (not (floatp b))) a)
        (t (complex!* a b))))

% A number with the other sign of its imaginary part; a real number is its own.
% (conjugate (complex 1 2)) => #C(1 -2)
(de conjugate (x)
  (cond ((complexp x) (complex!* (realpart x) (minus (imagpart x))))
        (t (realpart x))))

% The sum of two numbers of which one is a ratio or complex.
% (compound!-plus (ratio 1 2) 1) => 3/2
(de compound!-plus (a b)
  (cond ((or (complexp a) (complexp b))
         (complex!-of (plus2 (realpart a) (realpart b)) (plus2 (imagpart a) (imagpart b))))
        ((or (floatp a) (floatp b)) (plus2 (float a) (float b)))
        (t (ratio (plus2 (times2 (numerator a) (denominator b)) (times2 (numerator b) (denominator a)))
                  (times2 (denominator a) (denominator b))))))

% The difference of two such numbers.
% (compound!-difference (ratio 1 2) 1) => -1/2
(de compound!-difference (a b)
  (cond ((or (complexp a) (complexp b))
         (complex!-of (difference2 (realpart a) (realpart b)) (difference2 (imagpart a) (imagpart b))))
        ((or (floatp a) (floatp b)) (difference2 (float a) (float b)))
        (t (ratio (difference2 (times2 (numerator a) (denominator b)) (times2 (numerator b) (denominator a)))
                  (times2 (denominator a) (denominator b))))))

% The product of two such numbers.
% (compound!-times (ratio 1 2) 3) => 3/2
(de compound!-times (a b)
  (cond ((and (complexp a) (complexp b))
         (complex!-of (difference2 (times2 (realpart a) (realpart b)) (times2 (imagpart a) (imagpart b)))
                      (plus2 (times2 (realpart a) (imagpart b)) (times2 (imagpart a) (realpart b)))))
        ((complexp a) (complex!-of (times2 (realpart a) b) (times2 (imagpart a) b)))
        ((complexp b) (complex!-of (times2 a (realpart b)) (times2 a (imagpart b))))
        ((or (floatp a) (floatp b)) (times2 (float a) (float b)))
        (t (ratio (times2 (numerator a) (numerator b)) (times2 (denominator a) (denominator b))))))

% A quotient of which nothing is lost: of integers a ratio, where they do not divide each other.
% (exact!-quotient 1 2) => 1/2
(de exact!-quotient (a b)
  (cond ((and (fixp a) (fixp b) (not (zerop b))) (ratio a b))
        (t (quotient a b))))

% The quotient of two numbers of which one is a ratio or complex.
% (compound!-quotient (ratio 1 2) 3) => 1/6
(de compound!-quotient (a b)
  (prog (d)
    (cond ((complexp b)
           (setq d (plus2 (times2 (realpart b) (realpart b)) (times2 (imagpart b) (imagpart b))))
           (setq a (times2 a (conjugate b)))
           (return (complex!-of (exact!-quotient (realpart a) d) (exact!-quotient (imagpart a) d))))
          ((complexp a)
           (return (complex!-of (exact!-quotient (realpart a) b) (exact!-quotient (imagpart a) b))))
          ((or (floatp a) (floatp b)) (return (quotient (float a) (float b))))
          ((eqn b 0) (return (quotient 1 0))))
    (return (ratio (times2 (numerator a) (denominator b)) (times2 (denominator a) (numerator b))))))

% A ratio or complex number with the other sign.
% (compound!-minus (ratio 1 2)) => -1/2
(de compound!-minus (a)
  (cond ((complexp a) (complex!* (minus (realpart a)) (minus (imagpart a))))
        (t (ratio!* (minus (numerator a)) (denominator a)))))

% The size of a ratio or complex number.
% (compound!-abs (complex 3 4)) => 5.0
(de compound!-abs (a)
  (cond ((complexp a) (hypot (realpart a) (imagpart a)))
        ((minusp a) (compound!-minus a))
        (t a)))

% One more than a ratio or complex number.
% (compound!-add1 (ratio 1 2)) => 3/2
(de compound!-add1 (a) (compound!-plus a 1))
% One less than a ratio or complex number.
% (compound!-sub1 (ratio 1 2)) => -1/2
(de compound!-sub1 (a) (compound!-difference a 1))

% -1, 0 or 1 as a ratio is less than a number, equal or greater; 2 beside what is no number.
% A float is compared by its exact value.
% (compound!-compare (ratio 1 2) 0.5) => 0
(de compound!-compare (a b)
  (prog (d)
    (cond ((and (floatp a) (fp!-finite a)) (setq a (rational a))))
    (cond ((and (floatp b) (fp!-finite b)) (setq b (rational b))))
    (cond ((or (floatp a) (floatp b))
           (setq a (float a))
           (setq b (float b))
           (return (cond ((lessp a b) -1) ((greaterp a b) 1) ((eqn a b) 0) (t 2)))))
    (setq d (difference2 (times2 (numerator a) (denominator b)) (times2 (numerator b) (denominator a))))
    (return (cond ((minusp d) -1) ((zerop d) 0) (t 1)))))

% A power of numbers of which one is a ratio or complex.
% (compound!-expt (ratio 1 2) 2) => 1/4
(de compound!-expt (a n)
  (cond ((and (fixp n) (minusp n)) (exact!-quotient 1 (compound!-expt a (minus n))))
        ((and (fixp n) (not (complexp a))) (ratio (expt (numerator a) n) (expt (denominator a) n)))
        ((fixp n) (compound!-power a n))
        ((or (complexp a) (complexp n)) (exp (times2 n (log a))))
        (t (expt (float a) (float n)))))

% A power of a complex number, the exponent an integer that is not negative.
% (compound!-power (complex 0 1) 2) => -1
(de compound!-power (a n)
  (prog (r)
    (setq r 1)
   loop
    (cond ((zerop n) (return r)))
    (cond ((not (evenp n)) (setq r (times2 r a))))
    (setq n (quotient n 2))
    (cond ((not (zerop n)) (setq a (times2 a a))))
    (go loop)))

% The float nearest to a ratio.
% (compound!-float (ratio 1 2)) => 0.5
(de compound!-float (a)
  (prog (n d k q)
    % a quotient of 66 bits or more, whose last bit says whether anything was left out
    (setq n (abs (numerator a)))
    (setq d (denominator a))
    (setq k (difference2 (plus2 (msd d) 66) (msd n)))
    (cond ((minusp k) (setq d (ash d (minus k)))) (t (setq n (ash n k))))
    (setq q (divide n d))
    (setq q (cond ((zerop (cdr q)) (car q)) (t (lor (car q) 1))))
    (setq q (scale!-float (float q) (minus k)))
    (return (cond ((minusp (numerator a)) (minus q)) (t q)))))

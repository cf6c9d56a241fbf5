% Factors of polynomials over the integers and modulo primes.
on echo;

procedure product!-of(l); for each f in l product first(f)^first(rest(f));

factorize(x^2 - 1); factorize(6*x^2 - 6); factorize(-4); factorize(0*x + 7);
p := x^8 + x^7 - x^5 - x^4 - x^3 + x + 1;
l := factorize(p); p - product!-of(l);
factorize(x^15 - 1);
factorize(x^4 + 4);
factorize(x^12 - 3*x^10 + 2);
% Irreducible, though reducible modulo every prime.
factorize(x^4 + 1); factorize(x^4 - 10*x^2 + 1);
factorize(x^8 - 40*x^6 + 352*x^4 - 960*x^2 + 576);
% Powers.
p := (2*x + 3)^3*(x^2 + x + 1)^2*(x - 5)*(7*x^3 - 2)$
l := factorize(p); p - product!-of(l);
% Large coefficients.
p := (123456789*x^3 - 987654321*x + 1)*(1000003*x^2 + 3*x - 999983)$
l := factorize(p); p - product!-of(l);
% Chebyshev's polynomials: of order 2 k + 1 they have x as a factor.
procedure chebyshev(n);
  if n = 0 then 1
  else if n = 1 then x
  else 2*x*chebyshev(n - 1) - chebyshev(n - 2);
for each n in {6, 7, 9, 10} collect factorize(chebyshev(n));
for n := 1:9 sum (chebyshev(n) - product!-of(factorize(chebyshev(n))))^2;

% Several variables.
factorize(x^2 - y^2); factorize(x^3 - y^3); factorize(a^2*x^2 + 2*a*b*x + b^2);
p := (x + y + z)*(x*y - z^2 + 1)*(x - 2*z)^2$
l := factorize(p); p - product!-of(l);
factorize(x^3 + y^3 + z^3 - 3*x*y*z);

% Modulo primes.
modulus 2;
p := x^8 + x^7 + x^4 + x^3 + x + 1$
l := factorize(p); p - product!-of(l);
modulus 13;
l := factorize(x^8 + x^6 + 10*x^4 + 10*x^3 + 8*x^2 + 2*x + 8);
product!-of(l);
factorize(x^13 - x);
factorize((x + 1)^26*(x^2 + 2)^13);
modulus 1000003;
l := factorize(x^6 + 3*x + 7); product!-of(l);
modulus 0;

% Resultants and discriminants.
resultant(x^2 - 2, x^3 - 3, x); resultant(a*x + b, c*x + d, x);
resultant(a*x^2 + b*x + c, df(a*x^2 + b*x + c, x), x);
resultant(x^3 + p1*x + q1, 3*x^2 + p1, x);
end;

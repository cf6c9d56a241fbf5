% A tour in ten examples.
on echo;

% 1. Polynomials and their quotients are exact, and always in lowest terms.
(x^3 - y^3)/(x^2 - y^2); 2^100/6^20;

% 2. Derivatives, of functions that are not known as well.
df(x^2*sin(x)/log(x), x); df(x*f(x), x);

% 3. Integrals, tested by differentiation.
g := int((x^3 + 1)/(x^4 - x^2), x); df(g, x) - (x^3 + 1)/(x^4 - x^2);

% 4. Factors over the integers, and modulo a prime.
factorize(x^12 - y^12);
modulus 7; factorize(x^6 + x^3 + 2); modulus 0;

% 5. Equations.
solve({x + a*y = 1, x - y = b}, {x, y}); solve(x^3 = 8, x);

% 6. Matrices.
m := mat((1, a), (a, 1))$ m^-1; m*m^-1; charpoly(m, t);

% 7. Groebner bases: where a circle and a parabola meet.
groebner({x^2 + y^2 - 1, y - x^2}, {x, y});

% 8. Procedures are compiled.
procedure binomial(n, k);
  if k = 0 then 1 else binomial(n - 1, k - 1)*n/k;
for k := 0:6 collect binomial(6, k);

% 9. Rules for operators of one's own.
let gamma(1) = 1, double(~x) = 2*x;
double(gamma(1) + gamma(z));

% 10. Two dimensions.
on nat; (1 + x)^2/(1 - 1/x); off nat;
end;

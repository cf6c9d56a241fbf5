% Polynomials, their quotients, modular numbers, roots, derivatives.
on echo;

(x + 1)^3; (x + y)^2*(x - y); (a + b)*(a - b) - a^2 + b^2;
(x^2 - 1)/(x - 1); 1/(x + 1) + 1/(x - 1);
(x^4 - y^4)/(x^3 - y^3);
(x + y + z)^10 - (x + y + z)^9*(x + y + z);

% Greatest common divisors; the first two have none (Knuth 4.6.1).
gcd(x^8 + x^6 - 3*x^4 - 3*x^3 + 8*x^2 + 2*x - 5,
    3*x^6 + 5*x^4 - 4*x^2 - 9*x + 21);
p := (x^3 + y*x + 7)^2*(x - y*z)$
q := (x^3 + y*x + 7)*(x + y + z)^3$
gcd(p, q);
lcm(p, q) - p*q/gcd(p, q);
gcd((x^5 - 1)*(y^2 - z)^2, (x^3 - 1)*(y^4 - z^2));
gcd(12*x^2 - 12, 18*x + 18);
clear p, q;

% Continued fraction of the golden ratio: its parts are Fibonacci's polynomials.
r := x$
for k := 1:8 do r := x + 1/r;
num(r); den(r); sub(x = 1, r);
clear r;

% Parts.
degree(a*x^2 + b*x^3 + 1, x);
coefficient(a*x^2 + b*x^3 + c*x^2 + 1, x, 2);
order z, y; (x + y + z)^2; order x;
sub(x = y, y = x, x^2 - y); sub({x = 1/t, y = t}, x/y);

% Modulo primes: Fermat, Wilson, Frobenius.
modulus 7;
1/2; 3^6;
for k := 1:6 product k;
(x + y)^7; (x^2 - 1)/(x + 6);
gcd(x^4 + 1, x^2 + 3*x + 1);
modulus 0;
modulus 6;

% Square roots and the imaginary unit.
(1 + i)^4; 1/(1 + i); sqrt(-12); sqrt(2)*sqrt(6);
1/(1 + sqrt(2) + sqrt(3));
s := sqrt(x + sqrt(y))$ s^4 - 2*x*s^2 + x^2;
phi := (1 + sqrt(5))/2$ phi^2 - phi - 1; 
procedure binet(n); (phi^n - (1 - phi)^n)/sqrt(5);
for n := 1:10 collect binet(n);

% Elementary functions.
sin(-x) + sin(x); cos(-x) - cos(x); cos(pi);
exp(2*x)/exp(x); exp(log(x)); e^(x + y) - e^x*e^y; log(e);
sqrt(x^2); sqrt(12*x + 12); sqrt(-8*x^3*y^2*(x + 1)^2);

% Derivatives.
df(x^5, x); df(x^5*y^3, x, 2, y); df(sin(x)*cos(x), x); df(exp(x^2), x);
df(log(log(x)), x); df(x^n, x); df(x^x, x);
df(atan(1/x), x); df(sqrt(1 + x^2), x);
df(u(x), x); df(tan(x) - sin(x)/cos(x), x);
% Of a product: the rule of Leibniz.
f := x^3/(x^2 + 1)$ h := sin(x)*x$
df(f*h, x) - f*df(h, x) - df(f, x)*h;
df(f*h, x, 3) - (f*df(h, x, 3) + 3*df(f, x)*df(h, x, 2)
                 + 3*df(f, x, 2)*df(h, x) + df(f, x, 3)*h);
% Legendre's polynomials by the formula of Rodrigues, and his equation.
procedure legendre(n);
  df((x^2 - 1)^n, x, n)/(2^n*(for k := 1:n product k));
for n := 0:4 collect legendre(n);
for n := 0:6 collect
  df((1 - x^2)*df(legendre(n), x), x) + n*(n + 1)*legendre(n);
end;

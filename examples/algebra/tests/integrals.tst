% Integrals; each is tested by its derivative.
on echo;

procedure test(f); df(int(f, x), x) - f;

% Rational functions.
int(x^3 - 2*x + 1, x); int((a*x + b)^2, x); int(1/x, x); int(1/(x + 1)^3, x);
int((x^2 + 1)/(x^3 - x), x);
int(1/(x^3 + 1), x);
int(x/(x^2 + x + 1)^2, x);
int(1/(x^2 - 2), x);
int(1/(x^4 + 1), x);
int(1/(x^4 - 10*x^2 + 1), x);
int(1/(x^5 + x + 3), x);
% Two well-known ones.
f := (x^7 - 24*x^4 - 4*x^2 + 8*x - 8)/(x^8 + 6*x^6 + 12*x^4 + 8*x^2)$
int(f, x); test(f);
f := (36*x^6 + 126*x^5 + 183*x^4 + 13807/6*x^3
      - 407*x^2 - 3242/5*x + 3044/15)
     /((x^2 + 7/6*x + 1/3)^2*(x - 2/5)^3)$
int(f, x); test(f);
for each g in {x^5, 1/(x^3 + 1), x/(x^2 + x + 1)^2, 1/(x^2 - 2), 1/(x^4 + 1),
               (x^3 + 1)/(x^4 - 10*x^2 + 1), 1/(x^6 - 1), x^7/(x^4 - 1)^2,
               (2*x + 1)/(x^5 + x + 3), 1/(x*(x + 1)*(x + 2)*(x + 3))}
  collect test(g);
% With parameters.
int(1/(x^2 + a^2), x); int(1/((x - a)*(x - b)), x); test(x^2/((x + a)^2*(x - b)));
int(1/(a*x^2 + b*x + c), x); test(1/(a*x^2 + b*x + c));

% Other functions.
int(exp(2*x)*x^2, x); int(x*sin(x), x); int(log(x), x); int(x^2*log(x), x);
int(log(x)^2, x); int(log(x)/x, x); int(atan(x), x); int(x^n, x);
int(1/(x*log(x)), x); int(cos(x)*sin(x)^2, x); int(tan(x)^2, x);
int(1/(exp(x) + 1), x); int(x*sqrt(x^2 + 1), x); int(g(x), x);
df(int(g(x, y), x), y);
for each f in {exp(2*x)*x^2, x^3*sin(a*x + 1), x^2*log(x), log(x)^3,
               x*atan(x), x^n*(1 + x)^2, 1/(x*log(x)), exp(x)/x,
               x*cos(3*x) + 1/(x^2 + 1), log(x)/x^2, 1/(exp(2*x) - 1)}
  collect test(f);
% By the limits.
procedure definite(f, x, a, b);
  begin scalar g;
    g := int(f, x);
    return sub(x = b, g) - sub(x = a, g)
  end;
definite(x^2, x, 0, 1); definite(1/(1 + x^2), x, 0, 1);
definite(1/x, x, 1, e); definite(sin(x), x, 0, pi);
end;

% Matrices and systems of equations.
on echo;

m := mat((1, 2), (3, 4));
m^2; m^-1; m*m^-1; 2*m - m; det(m); trace(m); transpose(m); m/2;
% Hilbert's matrix and its inverse, which has integers only.
procedure h(k, j); 1/(k + j - 1);
h4 := matrix(h, 4, 4)$ inverse(h4); h4*inverse(h4) - identity(4); det(h4);
for n := 1:8 collect 1/det(matrix(h, n, n));
% Vandermonde's determinant is the product of all differences.
procedure v(k, j); part!-of({a, b, c, d}, k)^(j - 1);
procedure part!-of(l, k);
  if k = 1 then first(l) else part!-of(rest(l), k - 1);
det(matrix(v, 4, 4)) - (b - a)*(c - a)*(d - a)*(c - b)*(d - b)*(d - c);
% Cayley and Hamilton: a matrix is a zero of its characteristic polynomial.
c3 := mat((a, 1, 0), (b, 0, 1), (c, 0, 0))$
p := charpoly(c3, x);
c3^3 - a*c3^2 - b*c3 - c*identity(3);
inverse(mat((x, 1), (1, x)));
mat((x, 1), (1, x))*inverse(mat((x, 1), (1, x)));
r := mat((sqrt(2), 1), (1, sqrt(3)))$ inverse(r)*r;
rank(mat((1, 2, 3), (4, 5, 6), (7, 8, 9)));
det(mat((1, 2), (2, 4))); inverse(mat((1, 2), (2, 4)));
df(mat((x^2, sin(x)), (1, x)), x); sub(x = 2, mat((x, x^2), (1, y)));
% Fibonacci's numbers as powers of a matrix.
element(mat((1, 1), (1, 0))^100, 1, 2);

% Linear systems.
solve({x + y = 3, x - y = 1}, {x, y});
solve({2*x + a*y = 1, x - b*y = c}, {x, y});
s := solve({x + y + z = 6, x + 2*y + 3*z = 14, x + 4*y + 9*z = 36},
           {x, y, z});
sub(s, {x + y + z, x + 2*y + 3*z, x + 4*y + 9*z});
solve({x + y + z = 1, x - y = 2}, {x, y, z});
solve({x + y = 1, x + y = 2}, {x, y});
solve({x*y = 1, x = 2}, {x, y});
% A polynomial through five points.
f := for k := 0:4 sum part!-of({q0, q1, q2, q3, q4}, k + 1)*t^k$
s := solve(for k := 0:4 collect sub(t = k, f) = k^4 - 2*k,
           {q0, q1, q2, q3, q4});
sub(s, f);

% Single equations.
solve(a*x + b = 0, x); solve(x^2 - 5*x + 6, x); solve(x^2 = 2, x);
solve(x^2 + x + 1 = 0, x); solve(x^3 - 1 = 0, x); solve(x^5 - x + 1, x);
solve(1/x + 1/(x + 1) = 1, x);
s := solve(a*x^2 + b*x + c, x); for each e in s sum sub(e, a*x^2 + b*x + c)^2;
end;

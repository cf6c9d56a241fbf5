% Groebner bases.
on echo;

procedure zero(l, basis, variables);    % are all of l in the ideal?
  for each p in l collect normalform(p, basis, variables);

% A circle and a hyperbola.
l := {x^2 + y^2 - 4, x*y - 1};
g := groebner(l, {x, y}); zero(l, g, {x, y});
groebner(l, {x, y}, total);
factorize(first(rest(g)));

% From the theory of Buchberger.
l := {x^3*y*z - x*z^2, x*y^2*z - x*y*z, x^2*y^2 - z};
g := groebner(l, {x, y, z}); zero(l, g, {x, y, z});
g := groebner(l, {x, y, z}, total);

% Cyclic roots.
l := {a + b + c, a*b + b*c + c*a, a*b*c - 1};
g := groebner(l, {a, b, c}); zero(l, g, {a, b, c});
l := {a + b + c + d, a*b + b*c + c*d + d*a,
      a*b*c + b*c*d + c*d*a + d*a*b, a*b*c*d - 1};
g := groebner(l, {a, b, c, d}, total)$ length(g);

% The equation of a curve from its parameter; no common zero; a parameter in
% the coefficients.
groebner({x - t^2, y - t^3}, {t, x, y});
groebner({x^2 + 1, x^2 + 2}, {x});
groebner({x^2 - p*y, x*y - q}, {x, y});

% Heron: the square of the area of a triangle by its sides.
l := {2*a1*x1 - (b1^2 - c1^2 + a1^2), x1^2 + y1^2 - b1^2, 2*s1 - a1*y1}$
h := groebner(l, {x1, y1, s1}, total)$
normalform(16*s1^2 - (2*a1^2*b1^2 + 2*b1^2*c1^2 + 2*c1^2*a1^2
                      - a1^4 - b1^4 - c1^4), h, {x1, y1, s1}, total);
end;

% The language: expressions, statements, procedures, errors.
on echo;

% Expressions, by the powers of their operators.
-x^2; (-x)^2; 2^3^2; a - (b - c); a/b/c; a/(b/c); -1/2*x; x^-1;
2^100; 100/6;
1 = 1; not (1 = 2) and 3 > 2; a <> b;
{1, {2, a}, x = 3}; "A string; with % and $";
!A + !x!-y;          % capital letters and others in names

% Statements.
if 1 < 2 then "yes" else "no";
for i := 1:10 sum i^2;
for i := 10 step -3 until 1 collect i;
for each k in {a, b, c} product k + 1;
k := 0$
while k < 3 do k := k + 1;
k;
repeat k := 2*k until k > 100;
k;
<< a1 := 1; a2 := 2; a1 + a2 >>;
begin scalar s, n;
  s := 0;
  for each n in {3, 4, 5} do for j := 1:9 do if n*j = 8 then return {n, j};
  return "nothing"
end;
comment A comment up to the semicolon; 17;

% Procedures.
procedure fib(n);
  if n < 2 then n else fib(n - 1) + fib(n - 2);
fib(15);
procedure newton(f, x, start, n);
  begin scalar root;
    root := start;
    for k := 1:n do root := sub(x = root, x - f/df(f, x));
    return root
  end;
newton(x^2 - 2, x, 1, 5);
procedure ackermann(m, n);
  if m = 0 then n + 1
  else if n = 0 then ackermann(m - 1, 1)
  else ackermann(m - 1, ackermann(m, n - 1));
ackermann(2, 3);
procedure t(nil); nil + 1;       % any name will do
t(t);

% Variables stand for values, also for those that they get later.
y := z + 1; z := 3; y; clear z; y; clear y; y;
x := x + 1;

% Operators that are not known stand for themselves; rules.
g(x, 1);
g(1) := 10; g(1) + g(2);
let h(~x) = x^2 + 1, h(sin(~x)) = sine(x);
h(3) + h(y);
let f(~x, ~x) = same(x), f(~x, 0) = f(x);
f(a, a) + f(a, 0) + f(a, b);
clear f; f(a, a);

% Mistakes.
y y;
foo(;
1/0;
fib(1, 2);
on nonsense;
for k := 1:3 d;
if 1 then;
begin; end);
{1, 2} + {3};
3 := 4;
mat((1, 2), (3));
first({});
17;
end;

% Two dimensions, and number theory.
on echo, nat;

x^2; x^2 + 2*x*y + y^10; 1/x; -1/2; (x + 1)^2/(y - 1)^3; x^(n + 1); x^(1/3);
y := (a + b)^2/c;
clear y;
{1/x, x^2, "text", x = 1/2};
mat((1/x, x^2), (a + b, 0)); m := mat((1, 2), (3, 4))^-1;
sin(x/2)^2; f(1/(1 + x)); e^(-x^2/2);
(x + y + z)^6;
1/(x + y + z)^6;
df(x^3/(1 + x), x);
off nat;
x^2/y;

% Numbers.
for n := 1:30 sum primep(n); nextprime(1000); ifactor(2^32 + 1);
primep(2^61 - 1); ifactor(1000000007*998244353); ifactor(2^3*3^5*10007);
totient(36); mod(-7, 5); ifactor(0);
% Carmichael's numbers are composite.
for each n in {561, 1105, 41041, 825265} collect primep(n);
% The sum of totients of the divisors of n is n.
for n := 1:60 sum if mod(60, n) = 0 then totient(n) else 0;
end;

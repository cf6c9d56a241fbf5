"""What some architectures have in common: IR of 64-bit division for those that have none, and LLVM's options for those
of Intel.
"""

from __future__ import annotations

# Jumps that touch a boundary of 32 bytes are slow on processors from Skylake to Cascade Lake (Intel, "Mitigations for
# Jump Conditional Code Erratum", 2019), so calls and loops take up to half as long again by chance.  Stencils go
# anywhere, where no padding helps.
PADDED_JUMPS, COPIED_JUMPS = ("-x86-branches-within-32B-boundaries=1",), ("-x86-branches-within-32B-boundaries=0",)

# unsigned_division(n, d) gives {n // d, n % d} by shifting and subtracting, one round for each bit of the quotient; d
# is not 0.
DIVISION = """
define internal {i64, i64} @unsigned_division(i64 %n, i64 %d) nounwind noinline "no-builtins" {
entry:
  %less = icmp ult i64 %n, %d
  br i1 %less, label %done, label %begin
begin:
  %zeros_d = call i64 @llvm.ctlz.i64(i64 %d, i1 false)
  %zeros_n = call i64 @llvm.ctlz.i64(i64 %n, i1 false)
  %rounds = sub i64 %zeros_d, %zeros_n
  %top = shl i64 %d, %rounds
  br label %loop
loop:
  %r = phi i64 [%n, %begin], [%r2, %loop]
  %q = phi i64 [0, %begin], [%q2, %loop]
  %t = phi i64 [%top, %begin], [%t2, %loop]
  %i = phi i64 [%rounds, %begin], [%i2, %loop]
  %fits = icmp uge i64 %r, %t
  %rest = sub i64 %r, %t
  %r2 = select i1 %fits, i64 %rest, i64 %r
  %bit = zext i1 %fits to i64
  %twice = shl i64 %q, 1
  %q2 = or i64 %twice, %bit
  %t2 = lshr i64 %t, 1
  %i2 = sub i64 %i, 1
  %more = icmp sge i64 %i2, 0
  br i1 %more, label %loop, label %done
done:
  %quotient = phi i64 [0, %entry], [%q2, %loop]
  %remainder = phi i64 [%n, %entry], [%r2, %loop]
  %one = insertvalue {i64, i64} poison, i64 %quotient, 0
  %both = insertvalue {i64, i64} %one, i64 %remainder, 1
  ret {i64, i64} %both
}
define internal {i64, i64} @signed_division(i64 %n, i64 %d) nounwind "no-builtins" {
  %sign_n = ashr i64 %n, 63
  %sign_d = ashr i64 %d, 63
  %n1 = xor i64 %n, %sign_n
  %d1 = xor i64 %d, %sign_d
  %n2 = sub i64 %n1, %sign_n
  %d2 = sub i64 %d1, %sign_d
  %both = call {i64, i64} @unsigned_division(i64 %n2, i64 %d2)
  %q = extractvalue {i64, i64} %both, 0
  %r = extractvalue {i64, i64} %both, 1
  %sign = xor i64 %sign_n, %sign_d
  %q1 = xor i64 %q, %sign
  %q2 = sub i64 %q1, %sign
  %r1 = xor i64 %r, %sign_n
  %r2 = sub i64 %r1, %sign_n
  %one = insertvalue {i64, i64} poison, i64 %q2, 0
  %result = insertvalue {i64, i64} %one, i64 %r2, 1
  ret {i64, i64} %result
}
"""

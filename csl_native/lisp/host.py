"""What the kernel asks of the host: one method for each request code of ``kernel/host.py``."""

from __future__ import annotations

import math
import os

from ..heap.objects import SYM_SPARE
from ..heap.vm import VM
from ..heap.words import FLOAT, OTHER, STRING, SYMBOL, UNWIND, VECTOR
from ..instructions.layout import CODE_COMPILED
from ..kernel.host import (
    BAD_MODULUS,
    H_COLLECT,
    H_DEEP,
    H_FATAL_MEMORY,
    H_INTERRUPT,
    H_NO_MEMORY,
    H_PASSED,
    HOST_CODES,
    O_SETQ,
    OPERATIONS,
    P_GETENV,
    PASSED,
    TEXT_FUNCTIONS,
    TRIG,
)
from ..kernel.memory import NIL, NO_LIMIT, UNSET, T
from ..runtime.machine import MOST_LIMBS, Unwinding, WrongType
from ..system import gmp
from .errors import INTERNAL, CompileError
from .handles import weak_table
from .leaving import Leave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lisp import Lisp
    from .registry import Builtin


# What Python's library says of arguments that it cannot take.
PYTHONS = (ValueError, OverflowError, ZeroDivisionError, UnicodeEncodeError, UnicodeDecodeError)
BELIEVED = 1000  # times that a name is believed to be absent from the environment, which other threads may change
INDEFINITE = "~indefinite-value~"  # what compiled code finds in a variable that is unset, as in the original
# What is calculated with ratios and complex numbers, in lisp/library/compound.lsp.
COMPARED = frozenset(["lessp", "greaterp", "leq", "geq", "max", "min"])
COMPOUND = frozenset(["plus", "difference", "times", "quotient", "add1", "sub1", "minus", "abs", "expt", "compare"])
# Requests that come while memory is taken or freed, or from polls, at which nothing is collected
# (``kernel/memory.py``).
AS_IT_IS = (H_COLLECT, H_FATAL_MEMORY, H_NO_MEMORY, H_INTERRUPT, H_DEEP)


class Host:
    """Answers requests of the kernel for one Lisp."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.m, self.hints = lisp, lisp.machine, lisp.hints
        self.table = [getattr(self, "on_" + name, self.on_none) for name in HOST_CODES]
        self.absent = VM["absent_left"] >> 3

    def __call__(self, code: int, a: int, b: int, c: int) -> int:
        lisp, m = self.lisp, self.m
        mark = len(m.met)
        m.met.extend((a, b, c))
        result: int | None
        try:
            if m.stressed:
                result = m.under_stress(self.table[code], (a, b, c), code not in AS_IT_IS)
            else:
                result = self.table[code](a, b, c)
            return NIL if result is None else result
        except Unwinding:
            return UNWIND if lisp.errors.opens is None else self.failed(code, a, b, c)
        except CompileError as error:
            self.lisp.compile_error(error)
            return self.failed(code, a, b, c)
        except INTERNAL as error:
            lisp.errors.internal(error)
            return self.failed(code, a, b, c)
        except Leave as error:
            lisp.leave(error)
            return UNWIND
        except SystemExit as error:
            lisp.stop(int(error.code or 0))
            return UNWIND
        except Exception as error:
            if os.environ.get("CSL_NATIVE_DEBUG"):
                import traceback
                traceback.print_exc()
            lisp.errors.internal(RuntimeError(f"internal error ({type(error).__name__}: {error})"))
            return UNWIND
        finally:
            del m.met[mark:]
            if code != H_PASSED:  # Python may have changed the environment
                m.words[self.absent] = 0

    def failed(self, code: int, a: int, b: int, c: int) -> int:
        """A request has failed: a break level may give a value for it."""
        opens = self.lisp.errors.opens
        try:
            return UNWIND if opens is None else opens.failed(code, a, b, c)
        except Unwinding:
            return UNWIND
        except Leave as leave:  # from a level inside of this one
            self.lisp.leave(leave)
            return UNWIND

    def on_none(self, a: int, b: int, c: int) -> int:
        raise self.lisp.errors.loud("internal error: unknown request of the kernel")

    def on_fatal_memory(self, a: int, b: int, c: int) -> int:
        """The kernel made more between two safepoints than the reserve has, which no loop of it can: its heap is not to
        be used any more.
        """
        self.table = [self.on_broken] * len(self.table)
        self.m.stop()
        return NIL

    def on_broken(self, a: int, b: int, c: int) -> int:
        raise self.lisp.errors.loud("internal error: memory ran out between two safepoints; this session cannot go on")

    def on_stack_overflow(self, a: int, b: int, c: int) -> int:
        raise self.lisp.errors.loud("Stack overflow")

    def on_deep(self, a: int, b: int, c: int) -> int:
        """The machine stack has come to its limit, or to where more of it is taken."""
        if not self.m.deepen():
            raise self.lisp.errors.loud("Stack overflow")
        return NIL

    def on_float_trap(self, a: int, b: int, c: int) -> int:
        raise self.lisp.errors.bare("bad args for exception with double float")

    def on_memory_full(self, a: int, b: int, c: int) -> int:
        """A safepoint found the heap full.
        What the error lets go is collected at the next one: where it is caught there may be room again.
        """
        cage = self.m.cage
        cage["gc_request"], cage["stack_limit"] = 2, NO_LIMIT
        return self.on_no_memory(a, b, c)

    def on_no_memory(self, a: int, b: int, c: int) -> int:
        raise self.lisp.errors.loud("Memory exhausted: the heap limit is reached (-k gives more)")

    def on_interrupt(self, a: int, b: int, c: int) -> int:
        opens = self.lisp.errors.opens
        if opens is None or not opens.defer():
            self.m.stop_here()
        if self.lisp.jit is not None:
            self.lisp.jit.take_ready()
        return NIL

    def on_hot(self, env: int, at: int, calls: int) -> int:
        """T when the frame that counted goes on natively."""
        debugger = self.lisp.debugger
        if debugger is not None:
            return int(debugger.adopt(env, at >> 3))
        return int(self.lisp.session.hardcode.jit().hot(env, at >> 3, calls >> 3))

    def on_bailout(self, env: int, at: int, c: int) -> int:
        """Optimised code goes on as bytecode, because it assumed too much or a debugger is attached."""
        if self.lisp.jit is not None and self.lisp.debugger is None:
            self.lisp.jit.bailed_out(env, at >> 3)
        return NIL

    def on_compile(self, env: int, b: int, c: int) -> int:
        """The first call of a function that jit was asked for; the symbol to call."""
        return int(self.lisp.session.hardcode.jit().first_call(env))

    def on_left(self, env: int, fp: int, c: int) -> int:
        """An error leaves a function."""
        self.lisp.errors.inside(env, fp)
        return NIL

    def on_bad_car(self, a: int, b: int, c: int) -> int:
        raise self.of_an_atom("car", a)

    def on_bad_cdr(self, a: int, b: int, c: int) -> int:
        raise self.of_an_atom("cdr", a)

    def of_an_atom(self, what: str, a: int) -> Unwinding:
        error = self.lisp.errors.loud(f"attempt to take {what} of an atom:", a)
        if a & 7 == SYMBOL and self.lisp.is_defined(a):
            self.hints.mapped()
        return error

    def on_bad_rplac(self, operation: int, a: int, b: int) -> int:
        raise self.lisp.errors.loud("bad rplaca/rplacd:", a)

    def on_bad_arith(self, operation: int, a: int, b: int) -> int:
        name = OPERATIONS[operation]
        if (found := self.compound(name, a, b)) is not None:
            return found
        error = self.bad_arith(name, a, b)
        self.hints.number(name, a, b)
        raise error

    def compound(self, name: str, *numbers: int) -> int | None:
        """What an operation gives of numbers of which one is a ratio or a complex number; None where it does not take
        them.
        """
        m = self.m
        if not any(m.is_ratio(x) or m.is_complex(x) for x in numbers) or not all(map(self.lisp.is_number, numbers)):
            return None
        if name in COMPARED:
            if any(map(m.is_complex, numbers)):
                return None
            name = "compare"
        return m.apply(m.intern("compound-" + name), numbers) if name in COMPOUND else None

    def bad_arith(self, name: str, a: int, b: int) -> Unwinding:
        errors = self.lisp.errors
        if name == "max":
            name = "lessp"
        if name == "min":
            name, a, b = "lessp", b, a
        if name in ("greaterp", "leq"):
            name, a, b = {"greaterp": "lessp", "leq": "geq"}[name], b, a
        if name == "expt" and b & 7 == 0 and (b < 0 or b > 8):  # the quotient or product that the original begins with
            name, b = "quotient" if b < 0 else "times", 8
        if name in ("times", "quotient", "divide", "remainder"):
            if name == "remainder" and self.lisp.is_number(a) and self.lisp.is_number(b):
                return errors.plain("bad arg for remainder", a, b)
            bad = b if self.lisp.is_number(a) else a
            return errors.plain({"divide": "bad arg for quotient",
                                 "remainder": "Bad arg for remainder"}.get(name, f"bad arg for {name}"), bad)
        if name == "ashift":
            if not self.lisp.is_number(a):
                return errors.plain("Bad arg for minusp", a)
            return errors.bare("bad args for ash1")
        return errors.plain(f"bad arg for {'gcd' if name == 'gcdn' else name}", a, b)

    def on_bad_compare(self, operation: int, a: int, b: int) -> int:
        """Compare an integer of any size with a float, exactly."""
        x, y = (self.lisp.to_number(n) if n & 7 != OTHER or self.m.limb_count(n) <= MOST_LIMBS
                else (-1) ** self.m.is_minus(n) << 64 * MOST_LIMBS
                for n in (a, b))  # an integer beyond all floats, which is no infinity
        return (-1 if x < y else 1 if x > y else 0 if x == y else 2) << 3

    def on_divide_zero(self, operation: int, a: int, b: int) -> int:
        if OPERATIONS[operation] == "quotient" and FLOAT in (a & 7, b & 7):  # as IEEE 754 says
            x, y = self.lisp.to_double(a), self.lisp.to_double(b)
            return self.m.float(math.nan if x == 0 or x != x else math.copysign(math.inf, x) * math.copysign(1, y))
        error = self.lisp.errors.plain(f"bad arg for {OPERATIONS[operation]}", a, b)
        self.hints.zero(OPERATIONS[operation], a, b)
        raise error

    def on_bad_op(self, operation: int, a: int, b: int) -> int:
        name = OPERATIONS[operation]
        if (found := self.compound(name, a)) is not None:
            return found
        if name == "length":
            data = self.m.raw(a)
            kind = int.from_bytes(data[:8], "little") >> 3
            return ((len(data) - 8) // (kind & 15) - 1) << 3
        if name == "mkvect":
            raise self.lisp.errors.plain("mkvect", a)
        if name in ("word64", "divide64"):  # functions of machine numbers (asm/integers.py)
            raise self.lisp.errors.plain("div, mod: division by zero" if name == "divide64"
                                         else "a number of 64 bits expected", a)
        if name in ("msd", "lsd"):
            error = self.lisp.errors.plain(f"{'negative' if self.m.is_integer(a) else 'bad'} arg for {name}", a)
            if not self.m.is_integer(a):
                self.hints.expected(name, "an integer", a)
            raise error
        if name in ("add1", "sub1"):
            error = self.lisp.errors.plain("bad arg for plus", a, 8 if name == "add1" else -8)
        else:
            error = self.lisp.errors.plain(f"bad arg for {name}", a)
        self.hints.number(name, a)
        raise error

    def on_unset_variable(self, a: int, env: int, c: int) -> int:
        if self.m.bytes[self.m.field(env, 8 - VECTOR) + CODE_COMPILED]:
            return self.m.intern(INDEFINITE)
        error = self.lisp.errors.loud("unset variable:", a)
        self.hints.unknown(a, function=False)
        raise error

    def on_undefined_function(self, env: int, n: int, a: int) -> int:
        if env & 7 == SYMBOL and self.lisp.is_form(env) and (n != 1 or env == self.lisp.s_quote):
            if n == 1:
                raise self.lisp.errors.bare("bad args for quote")
            raise self.lisp.errors.plain("bad special function", env)
        count = "4 or more args" if n > 3 else f"{n} arg{'' if n == 1 else 's'}"
        error = self.lisp.errors.loud(f"undefined function ({count}):", env)
        if env & 7 == SYMBOL:
            self.hints.unknown(env, function=True)
        raise error

    def on_wrong_count(self, env: int, n: int, a: int) -> int:
        error = self.lisp.errors.wrong_count(env, n)
        self.hints.count(env, n)
        raise error

    def on_bad_vector(self, operation: int, v: int, i: int) -> int:
        name = OPERATIONS[operation]
        if v & 7 != VECTOR:
            error = self.lisp.errors.plain(name, v)
            self.hints.expected(name, "a vector", v)
        else:
            error = self.lisp.errors.plain(f"{name} {'offset not fixnum' if i & 7 else 'index range'}", i)
            self.hints.index(name, v, i)
        raise error

    def on_big_product(self, a: int, b: int, r: int) -> int:
        """Multiply long magnitudes into ``r``; nil when no library is there for that, and it is not asked again."""
        m = self.m
        if gmp.library() is None:
            m.cage["long_limbs"] = NO_LIMIT
            return NIL
        if (found := m.long("product", *((a, b) if a != b else (a,)))) is not None:
            m.bytes[r + 8 - OTHER:r + 8 - OTHER + len(found[0])] = found[0]
            return T
        gmp.multiply(m.magnitude(r)[0], *m.magnitude(a), *m.magnitude(b))
        return T

    def on_big_quotient(self, a: int, b: int, want: int) -> int:
        """Quotient (want 0), remainder (1) or a pair of both (2) of long magnitudes; nil without a library."""
        m = self.m
        if gmp.library() is None:
            m.cage["long_divisor"] = NO_LIMIT
            return NIL
        (x, n), (y, k) = m.magnitude(a), m.magnitude(b)
        minus = m.is_minus(a)
        if (found := m.long("quotient", a, b)) is not None:
            q, r = m.from_magnitude(found[0], minus ^ m.is_minus(b)), m.from_magnitude(found[1], minus)
        else:
            q, r = m.kernel.make_bignum(n - k + 1, minus ^ m.is_minus(b)), m.kernel.make_bignum(k, minus)
            gmp.divide(m.magnitude(q)[0], m.magnitude(r)[0], x, n, y, k)
            q, r = m.kernel.normalise(q), m.kernel.normalise(r)
        return (q, r, m.cons(q, r))[want >> 3]

    def on_big_gcd(self, a: int, b: int, c: int) -> int:
        m = self.m
        if m.is_big(a) and m.is_big(b):
            if (found := m.long("gcd", a, b)) is not None:
                return m.from_magnitude(found[0], 0)
            if gmp.library() is None:
                m.cage["long_divisor"] = NO_LIMIT
                return NIL
            return m.from_magnitude(gmp.gcd(*m.magnitude(a), *m.magnitude(b)), 0)
        return m.integer(math.gcd(m.number(a), m.number(b)))

    def on_long_shift(self, operation: int, a: int, b: int) -> int:
        raise self.lisp.errors.plain(f"bad arg for {OPERATIONS[operation]}", a, b)

    def on_integer_power(self, a: int, n: int, c: int) -> int:
        """expt, and what sqrt, fix and float could not do (marked by their second argument)."""
        m, errors = self.m, self.lisp.errors
        if n == NIL:
            if m.is_ratio(a):
                return int(m.kernel.entry_square_root(0, m.float(self.lisp.to_double(a))))
            if m.is_complex(a):
                return self.complex_function("sqrt", a)
            if self.lisp.is_number(a):
                raise errors.plain("Arg for sqrt out of range", a)
            error = errors.plain("bad arg for trig function", a)
            self.hints.number("sqrt", a)
            raise error
        if n == T:
            if a & 7 == FLOAT and math.isfinite(m.double(a)):
                return m.integer(int(m.double(a)))
            if m.is_ratio(a):
                return int(m.kernel.entry_quotient(0, *m.parts(a)))
            if a & 7 == FLOAT:
                raise errors.bare(f"bad args for {'NaN' if math.isnan(m.double(a)) else 'infinity'} in fix")
            raise errors.plain("fix", a)
        if n == UNSET:
            if m.is_ratio(a):
                return m.float(self.lisp.to_double(a))
            raise errors.plain("bad arg for float", a)
        x, y = self.lisp.to_number(a), self.lisp.to_number(n)
        if isinstance(x, int) and isinstance(y, int):
            if y >= 0:
                if x not in (0, 1, -1) and y * x.bit_length() > 1 << 33:
                    raise errors.plain("bad arg for expt", a, n)
                m.need((x.bit_length() - 1) * y >> 3 if x else 0)
                return m.integer(x ** y)
            if x in (1, -1):
                return m.integer(x ** (y & 1))
            if x == 0:
                raise errors.plain("expt", a, n)
            return 0
        base, power = self.lisp.to_double(a), self.lisp.to_double(n)
        if base < 0 and math.isfinite(power) and isinstance(y, float):
            return self.complex_root(base, power)
        try:
            return m.float(base ** power)
        except (OverflowError, ZeroDivisionError):
            odd = power % 2 == 1 if isinstance(y, float) else y % 2 == 1
            return m.float(-math.inf if base < 0 and odd
                           else math.inf) if not m.cage["float_trap"] else self.on_float_trap(a, n, c)

    def complex_root(self, base: float, power: float) -> int:
        """A power of a negative number: a complex number, also when the power is whole.
        Quarter turns are exact, as in the original.
        """
        quarters = round(2 * math.fmod(power, 2))
        angle = math.pi * (math.fmod(power, 2) - quarters / 2)
        x, y = math.cos(angle), math.sin(angle)
        for _ in range(quarters % 4):
            x, y = -y, x
        try:
            size = (-base) ** power
        except OverflowError:
            size = math.inf
        return self.lisp.from_complex(complex(size * x, size * y))

    def complex_function(self, name: str, a: int) -> int:
        """A function of a complex number."""
        import cmath
        return self.lisp.from_complex(getattr(cmath, name)(self.lisp.to_complex(a)))

    def on_bad_trig(self, a: int, b: int, c: int) -> int:
        """A function of the kernel's (``c`` says which) of what is no integer or float, or not in its range (b is 1).
        """
        name = TRIG[c >> 3]
        if self.m.is_ratio(a):
            return int(getattr(self.m.kernel, f"entry_{name}_of")(0, self.m.float(self.lisp.to_double(a))))
        if self.m.is_complex(a):
            return self.complex_function(name, a)
        if b and self.lisp.to_number(a) == 0:
            return self.m.float(-math.inf)
        error = self.lisp.errors.plain("Arg for ln out of range" if b else "bad arg for trig function", a)
        self.hints.number("ln" if b else "a function of numbers", a)
        raise error

    def on_bad_throw(self, tag: int, value: int, c: int) -> int:
        raise self.lisp.errors.bare("bad args for throw: tag not found")

    def on_bad_symbol(self, operation: int, s: int, v: int) -> int:
        name = OPERATIONS[operation]
        if name == "put":
            return v
        if operation == O_SETQ:
            raise self.lisp.errors.plain(name, s)
        error = (self.lisp.errors.bare("bad args for set") if name == "set" else
                 self.lisp.errors.plain("plist" if name == "get" else name, s))
        self.hints.expected(name, "a variable" if name == "set" else "a symbol", s)
        raise error

    def on_bad_hash(self, operation: int, h: int, c: int) -> int:
        """A table operation on what is no table of the kernel: a weak one, or an error.
        ``c`` is the key, or a pair of key and value.
        """
        weak = weak_table(self.lisp.handles, h)
        if weak is not None:
            if operation >> 3 == 1:
                return weak.put(self.m.car(c), self.m.cdr(c))
            if operation >> 3 == 3:
                weak.clear()
                return h
            if operation >> 3 == 5:
                return weak.get(self.m.car(c), self.m.cdr(c))
            return weak.contents() if operation >> 3 == 4 else weak.get(c, NIL) if operation == 0 else weak.remove(c)
        names = ("gethash", "puthash", "remhash", "clrhash", "hashcontents", "gethash")
        error = self.lisp.errors.plain(names[operation >> 3], h)
        self.hints.expected(names[operation >> 3], "a hash table", h)
        raise error

    def on_useful(self, operation: int, a: int, b: int) -> int:
        """What hand-made code asks for by the original's numbers of entries."""
        from ..kernel.handmade import USEFUL_CALLS
        name, lisp = USEFUL_CALLS[operation >> 3], self.lisp
        if name == "rational":
            return lisp.builtins.named("rational").function(lisp, a) or NIL
        if name == "aerror":
            raise lisp.errors.plain(self.m.text(a) if a & 7 in (STRING, SYMBOL) else lisp.printer.text(a))
        return self.m.apply(self.m.intern(name), [a, b] if name == "error" else [a])

    def on_bad_function(self, f: int, b: int, c: int) -> int:
        return self.lisp.bad_function(f)

    def on_debug(self, env: int, fp: int, pc: int) -> int:
        """Before an instruction in the engine ``debug``; T when the frame goes on in the session's own, because the
        debugger was detached.
        """
        debugger = self.lisp.debugger  # another thread may detach it now
        if debugger is not None:
            return int(debugger.hook(env, fp, pc))
        return NIL if self.lisp.session.engine == "debug" else T

    def on_opcode(self, op: int, b: int, c: int) -> int:
        raise self.lisp.errors.loud(f"invalid opcode {op}")

    def on_bad_residue(self, operation: int, a: int, c: int) -> int:
        errors, m = self.lisp.errors, self.m
        modulus = m.cage["modulus"]
        if operation == 4:
            raise errors.plain("Bad arg for remainder", a)
        if operation == BAD_MODULUS:
            raise errors.plain("set-small-modulus" if a & 7 else "set!-small!-modulus", a)
        if operation == 5 and a & 7 == 0 and a != 0:
            raise errors.plain("non-prime modulus in modular-reciprocal", modulus, a)
        if operation == 6 and m.is_integer(a) and m.is_integer(c):
            try:
                if (found := m.long("power", a % modulus if a & 7 == 0 else a, c, modulus)
                    if not m.is_minus(a) | m.is_minus(c) else None) is not None:
                    return m.from_magnitude(found[0], 0)
                return pow(m.number(a), m.number(c), modulus >> 3) << 3
            except ValueError:
                raise errors.plain("non-prime modulus in modular-reciprocal", modulus, a) from None
        raise errors.plain("modular-" + ("plus", "difference", "times", "minus", "number", "reciprocal",
                                         "expt")[operation], a)

    def on_name(self, symbol: int, b: int, c: int) -> int:
        return self.m.name(symbol)

    def on_readch(self, a: int, b: int, c: int) -> int:
        """The next character of the current input; the rest of its line is laid out for the kernel."""
        lisp = self.lisp
        character = lisp.input.next()
        if lisp.spooled is None and (not lisp.echoes() or lisp.page.open()):
            lisp.window.open(lisp.input)
        return lisp.reader.character(character)

    def on_collect(self, full: int, wanted: int, c: int) -> int:
        """Collect; ``wanted`` 0: only the stress asks for it."""
        if wanted or self.m.due():
            self.lisp.collect(bool(full))
        if self.lisp.watch is not None:
            self.lisp.watch.measure()
        opens = self.lisp.errors.opens
        return NIL if opens is None or opens.interrupted is None else opens.stands()

    def on_evaluate(self, x: int, depth: int, c: int) -> int:
        return self.lisp.eval_apart(x, depth)

    def on_evaluating(self, form: int, b: int, c: int) -> None:
        self.lisp.errors.evaluating(form)

    def on_errorset(self, form: int, level: int, backtrace: int) -> int:
        return self.lisp.errors.caught(form, level >> 3, backtrace)

    def on_apply_other(self, f: int, arguments: int, c: int) -> int:
        """Call what is no symbol: a lambda expression, a funarg or a closure."""
        return self.lisp.apply(f, list(self.m.items(arguments)))

    def on_text_function(self, number: int, x: int, y: int) -> int | None:
        """Finish a text function that met more than ASCII."""
        row = self.lisp.builtins.named("text " + TEXT_FUNCTIONS[number])
        arguments = [x, y][:row.least]
        bad = row.bad(self.m, arguments)
        if bad is not None:
            raise self.refusal(row, bad, arguments)
        return row.function(self.lisp, *arguments)

    def refusal(self, row: Builtin, bad: int, arguments: list[int]) -> Unwinding:
        error = row.refusal(self.lisp, bad)
        self.hints.refused(row, arguments)
        return error

    def on_passed(self, request: int, x: int, y: int) -> int | None:
        """A function that the kernel has for what is simple: that of the registry, with so many arguments as the
        lowest two bits say.
        """
        lisp, cage, number = self.lisp, self.m.cage, request >> 2
        result = self.called(lisp.builtins.named(PASSED[number]), [x, y][:request & 3])
        if number < P_GETENV:
            cage["absent_left"] = 0
            lisp.page.open()
        elif number == P_GETENV and x & 7 == STRING:
            cage["absent_name"], cage["absent_hash"] = x, self.m.kernel.hash_string(x)
            cage["absent_left"] = BELIEVED if result == NIL else 0
        return result

    def on_string_store(self, s: int, i: int, a: int) -> int | None:
        """string-store of a character that is no number, or an error."""
        return self.lisp.builtins.named("string-store").function(self.lisp, s, i, a)

    def on_call_function(self, env: int, n: int, fp: int) -> int | None:
        """Call a function of the registry; its arguments lie at ``fp``."""
        m = self.m
        builtins, number = self.lisp.builtins, m.words[env + SYM_SPARE >> 3] >> 3
        row = builtins[number] or builtins.get(number)
        if n < row.least or (n > row.most >= 0):
            return self.on_wrong_count(env, n, 0)
        at = fp >> 3
        arguments = m.words[at:at + n].tolist()
        return self.called(row, arguments)

    def called(self, row: Builtin, arguments: list[int]) -> int | None:
        """What a function of the registry makes of its arguments."""
        bad = row.bad(self.m, arguments)
        if bad is not None:
            raise self.refusal(row, bad, arguments)
        try:
            return row.function(self.lisp, *arguments)
        except WrongType as error:  # what a value that it was given has inside of it
            raise self.lisp.errors.plain(row.name, error.value) from None
        except PYTHONS as error:
            if type(error) not in PYTHONS:  # in words of this project
                raise
            raise self.lisp.errors.bare(f"bad arg{'' if len(arguments) == 1 else 's'} for {row.name}") from None

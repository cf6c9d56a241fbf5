"""The restricted language: what kernel code may say, and what it means.

Kernel code is ordinary Python text.  It is never run as Python wrote it:
``checker.py`` reads it with ``ast`` and types it, then ``cpython.py`` turns it
into plain Python over a memoryview and ``llvm.py`` turns it into LLVM IR.  Both
executions mean the same; a test suite holds them to it.

The subset
----------
* Three types: ``word`` (64 bits, signed, wraps), ``double`` (IEEE 754 binary64)
  and ``bool``.  A parameter without an annotation is a ``word``, and so is a
  result; the kernel writes them all, so that type checkers read it too.
* A function is a top-level ``def`` with positional parameters and at most the
  decorators below.  Its local variables have the type of their first value.
* Statements: ``=``, ``+=`` and the like to a local name, ``if``/``elif``/``else``,
  ``while``, ``break``, ``continue``, ``return``, ``pass``, a call as a statement.
* Expressions: integer, float and bool constants; module-level constants;
  ``+ - * & | ^ ~ << >>`` on words (``>>`` is arithmetic, shift counts are taken
  modulo 64); ``+ - * /`` on doubles; one comparison at a time; ``and or not`` on
  bools; ``a if c else b``; calls of restricted functions and of the intrinsics.
* A word may be UNWIND, a failure; a double or a bool cannot.  The result of a
  function that may fail is returned, or compared with UNWIND before it is used;
  where it is one, the function returns one, or says ``handled`` (``failures.py``).
* A loop whose length comes from data polls on every way round, and a recursion
  before every call (``poll``, ``safepoint`` of the kernel), or the function is
  ``@bounded("why")``, or its module is, by a constant ``BOUNDED``.  What goes once
  over one object, and does not divide, call the host or call what has a loop, is
  ``@onepass("of what")``.
* A Lisp function tests the tag of a parameter, and of what it reads there, before
  it reads or writes through it (``tags.py``); what it cannot follow stands in
  ``kernel/vouched.py`` with a reason.
* Nothing else: no attribute, subscript, string, exception, closure or default.

Addresses are byte offsets from the base of the memory that the program runs
over (the cage), so the same program runs over many heaps side by side.
"""

from __future__ import annotations

from collections.abc import Callable

from ..system.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from .intrinsics import *  # noqa: F403  (their names are made below, from the rows)

    F = TypeVar("F", bound=Callable[..., Any])

WORD, DOUBLE, BOOL, VOID = "word", "double", "bool", "void"
TYPES = (WORD, DOUBLE, BOOL)

# What a parameter of an instruction may be annotated with besides: an operand, which is a word.
OPERAND_KINDS = ("u8", "i8", "i16", "i32", "w8", "w16", "local8", "read64", "update64", "update32", "write64",
                 "write32", "write16", "write8")

word = int
double = float

u8 = int
i8 = int
i16 = int
i32 = int
w8 = int
w16 = int
local8 = int
read64 = int
update64 = int
update32 = int
write64 = int
write32 = int
write16 = int
write8 = int

MASK = (1 << 64) - 1
SIGN = 1 << 63


def wrap(value: int) -> int:
    """The signed 64-bit word that has the low 64 bits of ``value``."""
    return ((value + SIGN) & MASK) - SIGN


def inline(function: F) -> F:
    """Mark a restricted function whose body is put in place of each call."""
    return function


def noinline(function: F) -> F:
    """Mark a restricted function that is kept out of its callers (slow paths)."""
    return function


def threaded(function: F) -> F:
    """Mark an interpreter whose one loop is a dispatch: going on with the loop is a jump through a table of its cases.
    """
    return function


def bounded(reason: str) -> Callable[[F], F]:
    """The loops and recursions of this function need no poll, because their length is bounded; says why."""
    return lambda function: function


def onepass(what: str) -> Callable[[F], F]:
    """Each loop of this function goes once over one object, at the speed of memory; says what of.
    Nothing in it divides or has a loop.
    """
    return lambda function: function


def lisp(name: str, cells: str = "") -> Callable[[F], F]:
    """Mark a kernel function that is also the Lisp function ``name``.

    Cells are "also" for a function that others are, too, with other numbers of arguments, and "rest" for one that is
    called as all cells for many arguments are: with what was called, their number, and the first three.
    """
    return lambda function: function


class Intrinsic(Record):
    """One primitive of the language, with its meaning in both executions.

    ``python`` and ``llvm`` are templates over ``{0}``, ``{1}``...: a Python
    expression, and LLVM lines that leave the result in ``{r}`` (``{t}`` and
    ``{u}`` are fresh names).
    """

    name: str
    arguments: tuple[str, ...]
    result: str
    python: str
    llvm: str
    meaning: str


def _rows() -> list[Intrinsic]:
    w, d, b, v = WORD, DOUBLE, BOOL, VOID
    at = "{t} = getelementptr i8, ptr %base, i64 {0}\n"
    wide = "".join(f"{{t}}.{k} = zext i64 {{{k}}} to i128\n" for k in range(1, 5))
    rows: list[tuple[str, tuple[str, ...], str, str, str, str]] = [
        ("load", (w,), w, "MEM.load({0})", at + "{r} = load i64, ptr {t}, align 8", "the aligned word at an address"),
        ("store", (w, w), v, "MEM.store({0}, {1})", at + "store i64 {1}, ptr {t}, align 8", "store an aligned word"),
        ("loadf", (w,), d, "MEM.loadf({0})", at + "{r} = load double, ptr {t}, align 8", "the double at an address"),
        ("storef", (w, d), v, "MEM.storef({0}, {1})", at + "store double {1}, ptr {t}, align 8", "store a double"),
    ]
    for bits in (8, 16, 32):
        rows.append((f"load{bits}", (w,), w, f"MEM.load{bits}({{0}})",
                     at + f"{{u}} = load i{bits}, ptr {{t}}, align 1\n{{r}} = zext i{bits} {{u}} to i64",
                     f"{bits} bits, little-endian, any alignment, extended with zeros"))
        rows.append((f"store{bits}", (w, w), v, f"MEM.store{bits}({{0}}, {{1}})",
                     at + f"{{u}} = trunc i64 {{1}} to i{bits}\nstore i{bits} {{u}}, ptr {{t}}, align 1",
                     f"store the low {bits} bits, any alignment"))
    rows += [
        ("load64", (w,), w, "MEM.load64({0})", at + "{r} = load i64, ptr {t}, align 1", "64 bits, any alignment"),
        ("store64", (w, w), v, "MEM.store64({0}, {1})", at + "store i64 {1}, ptr {t}, align 1",
         "store 64 bits, any alignment"),
    ]
    for op, text in (("add", "+"), ("sub", "-"), ("mul", "*")):
        rows.append((f"{op}_overflows", (w, w), b, f"not -{SIGN} <= ({{0}}) {text} ({{1}}) < {SIGN}",
                     f"{{t}} = call {{{{i64, i1}}}} @llvm.s{op}.with.overflow.i64(i64 {{0}}, i64 {{1}})\n"
                     "{r} = extractvalue {{i64, i1}} {t}, 1", f"does {text} of two signed words overflow?"))
    rows += [
        ("ult", (w, w), b, f"(({{0}}) & {MASK}) < (({{1}}) & {MASK})", "{r} = icmp ult i64 {0}, {1}", "unsigned <"),
        ("ule", (w, w), b, f"(({{0}}) & {MASK}) <= (({{1}}) & {MASK})", "{r} = icmp ule i64 {0}, {1}", "unsigned <="),
        ("lshr", (w, w), w, f"wrap((({{0}}) & {MASK}) >> (({{1}}) & 63))",
         "{t} = and i64 {1}, 63\n{r} = lshr i64 {0}, {t}", "logical shift right"),
        ("mulhi", (w, w), w, f"wrap(((({{0}}) & {MASK}) * (({{1}}) & {MASK})) >> 64)",
         "{t} = zext i64 {0} to i128\n{u} = zext i64 {1} to i128\n{v} = mul i128 {t}, {u}\n{x} = lshr i128 {v}, 64\n"
         "{r} = trunc i128 {x} to i64", "high word of the unsigned product"),
        ("multiply_add", (w,) * 5, w, "MEM.multiply_add({0}, {1}, {2}, {3}, {4})",
         wide + "{u} = mul i128 {t}.1, {t}.2\n{v} = add i128 {u}, {t}.3\n{x} = add i128 {v}, {t}.4\n"
         "{v}.low = trunc i128 {x} to i64\n{t} = getelementptr i8, ptr %base, i64 {0}\n"
         "store i64 {v}.low, ptr {t}, align 8\n{v}.high = lshr i128 {x}, 64\n{r} = trunc i128 {v}.high to i64",
         "store the low word of the unsigned product of two words plus two others; its high word"),
        ("multiply_subtract", (w,) * 5, w, "MEM.multiply_subtract({0}, {1}, {2}, {3}, {4})",
         wide + "{u} = mul i128 {t}.1, {t}.2\n{v} = add i128 {u}, {t}.4\n{v}.low = trunc i128 {v} to i64\n"
         "{x} = sub i64 {3}, {v}.low\n{t} = getelementptr i8, ptr %base, i64 {0}\nstore i64 {x}, ptr {t}, align 8\n"
         "{v}.shift = lshr i128 {v}, 64\n{v}.high = trunc i128 {v}.shift to i64\n{x}.less = icmp ult i64 {3}, {v}.low\n"
         "{x}.borrow = zext i1 {x}.less to i64\n{r} = add i64 {v}.high, {x}.borrow",
         "store a word less the low word of the unsigned product of two others plus a fourth; what is still to be "
         "subtracted from the word behind it"),
        ("udiv", (w, w), w, f"wrap((({{0}}) & {MASK}) // (({{1}}) & {MASK}))", "{r} = udiv i64 {0}, {1}",
         "unsigned quotient; the divisor is not 0"),
        ("urem", (w, w), w, f"wrap((({{0}}) & {MASK}) % (({{1}}) & {MASK}))", "{r} = urem i64 {0}, {1}",
         "unsigned remainder; the divisor is not 0"),
        ("sdiv", (w, w), w, "sdiv({0}, {1})", "{r} = sdiv i64 {0}, {1}",
         "signed quotient, truncating; the divisor is not 0 and the quotient fits"),
        ("srem", (w, w), w, "srem({0}, {1})", "{r} = srem i64 {0}, {1}",
         "signed remainder, sign of the dividend; the divisor is not 0 and the quotient fits"),
        ("ctz", (w,), w, "ctz({0})", "{r} = call i64 @llvm.cttz.i64(i64 {0}, i1 false)",
         "trailing zero bits (64 for 0)"),
        ("clz", (w,), w, f"64 - (({{0}}) & {MASK}).bit_length()", "{r} = call i64 @llvm.ctlz.i64(i64 {0}, i1 false)",
         "leading zero bits (64 for 0)"),
        ("itof", (w,), d, "float({0})", "{r} = sitofp i64 {0} to double", "nearest double"),
        ("ftoi", (d,), w, "ftoi({0})", "{r} = call i64 @llvm.fptosi.sat.i64.f64(double {0})",
         "truncate; saturates, 0 for a NaN"),
        ("fbits", (d,), w, "fbits({0})", "{r} = bitcast double {0} to i64", "the bits of a double"),
        ("bitsf", (w,), d, "bitsf({0})", "{r} = bitcast i64 {0} to double", "the double with these bits"),
        ("callf", (w, d), d, "ENTRIES[({0}) >> 3]({1})",
         "{t} = getelementptr i8, ptr %base, i64 {0}\n{u} = load ptr, ptr {t}, align 8\n"
         "{r} = call double {u}(double {1}, ptr %base)",
         "call the C function from double to double whose address stands at an address; it gets the base of the memory "
         "behind the double, where no function of C's library looks"),
        ("fsqrt", (d,), d, "fsqrt({0})", "{r} = call double @llvm.sqrt.f64(double {0})", "square root (NaN below 0)"),
        ("stack_pointer", (), w, f"{SIGN - 2}", "{t} = call ptr @llvm.stacksave.p0()\n{r} = ptrtoint ptr {t} to i64",
         "the machine stack pointer; under CPython a value above every limit"),
        ("change_stack", (w,), w, "0",
         "{t} = call ptr @llvm.stacksave.p0()\n{r} = ptrtoint ptr {t} to i64\n{u} = icmp eq i64 {0}, 0\n"
         "{v} = select i1 {u}, i64 {r}, i64 {0}\n"
         # A block of a size that LLVM does not know (0 bytes) makes it find everything else by the frame pointer.
         "{x}.size = lshr i64 {0}, 63\n{x}.block = alloca i8, i64 {x}.size\n"
         "call void asm sideeffect \"\", \"r\"(ptr {x}.block)\n"
         "{x} = inttoptr i64 {v} to ptr\ncall void @llvm.stackrestore.p0(ptr {x})",
         "go on with this machine stack pointer (0: stay) and give the one before, to which the function must return "
         "before it ends"),
        ("load_address", (w,), w, "MEM.load({0})", at + "{u} = load ptr, ptr {t}\n{r} = ptrtoint ptr {u} to i64",
         "an address in the machine's own size and byte order: what its stack holds"),
        ("address_size", (), w, "8", "{r} = ptrtoint ptr getelementptr (ptr, ptr null, i32 1) to i64",
         "bytes of an address of the machine"),
        ("base_address", (), w, "0", "{r} = ptrtoint ptr %base to i64", "address of the memory; 0 under CPython"),
        ("spill", (), v, "None", "call void asm sideeffect \"\", \"{CLOBBER}\"()",
         "force the callee-saved registers into this function's frame"),
        ("known_fixnum", (w,), w, "({0})", "{t} = and i64 {0}, 7\n{u} = icmp eq i64 {t}, 0\n"
                                           "call void @llvm.assume(i1 {u})\n{r} = add i64 {0}, 0",
         "the word itself, whose low three bits the program knows to be 0"),
        ("defined", (w,), w, "({0})", "{t} = icmp ne i64 {0}, 7\ncall void @llvm.assume(i1 {t})\n{r} = add i64 {0}, 0",
         "the word itself, which the program knows not to be UNWIND"),
        ("handled", (w,), w, "({0})", "{r} = add i64 {0}, 0",
         "the word itself; the failure that it may be is dealt with here"),
        ("likely", (b,), b, "({0})", "{r} = call i1 @llvm.expect.i1(i1 {0}, i1 true)", "a hint"),
        ("unlikely", (b,), b, "({0})", "{r} = call i1 @llvm.expect.i1(i1 {0}, i1 false)", "a hint"),
    ]
    rows.append(("jump4", (w,) * 6, w, "ENTRIES[({0}) >> 3]({1}, {2}, {3}, {4}, {5})",
                 "{t} = getelementptr i8, ptr %base, i64 {0}\n{u} = load ptr, ptr {t}, align 8\n"
                 "{r} = musttail call i64 {u}(ptr %base, i64 {1}, i64 {2}, i64 {3}, i64 {4}, i64 {5})",
                 "as invoke4, but a jump: the value of the calling function, which has the same parameters"))
    for count in range(1, 6):
        names = ", ".join(f"{{{k}}}" for k in range(1, count + 2))
        args = ", ".join(f"i64 {{{k}}}" for k in range(1, count + 2))
        rows.append((f"invoke{count}", (w,) * (count + 2), w, f"ENTRIES[({{0}}) >> 3]({names})",
                     "{t} = getelementptr i8, ptr %base, i64 {0}\n{u} = load ptr, ptr {t}, align 8\n"
                     f"{{r}} = {{TAIL}}call i64 {{u}}(ptr %base, {args})",
                     f"call the entry in a slot with an environment and {count} word(s)"))
    rows.append(("hole", (w,), w, "hole({0})", "{HOLE}",
                 "in a stencil: a number that is filled in when the stencil is copied"))
    rows.append(("anything", (), w, "0", "poison", "in a stencil: a word that nobody looks at"))
    for count in range(3, 6):
        args = ", ".join(f"i64 {{{k}}}" for k in range(1, count + 1))
        names = ", ".join(f"{{{k}}}" for k in range(count + 1))
        rows.append((f"go{count}", (w,) * (count + 1), w, f"go({names})",
                     f"{{r}} = musttail call i64 @go{{0}}(ptr %base, {args})",
                     f"in a stencil: jump to the place of a number, which is filled in, with {count} words"))
        rows.append((f"enter{count}", (w,) * (count + 1), w, f"go({names})",
                     f"{{r}} = {{TAIL}}call i64 @go{{0}}(ptr %base, {args})",
                     f"as go{count}, from a function with other parameters"))
    return [Intrinsic(name, arguments, result, python if result == v else f"({python})", llvm, meaning)
            for name, arguments, result, python, llvm, meaning in rows]


INTRINSICS: dict[str, Intrinsic] = {row.name: row for row in _rows()}


def _stub(name: str) -> Callable[..., Any]:
    def stub(*_arguments: Any) -> Any:
        raise TypeError(f"{name} is an intrinsic of the restricted language; it runs inside a Program, not by itself")
    stub.__name__ = name
    return stub


globals().update({_name: _stub(_name) for _name in INTRINSICS})

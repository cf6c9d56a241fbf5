"""Calls from the kernel to the host: what is rare, and what a library does better.

A request is a code and up to three words; the host answers with a Lisp value or
UNWIND.  Codes are rows here; ``csl_native/lisp/host.py`` has one method for each.
"""

from __future__ import annotations

from ..heap.vm import ANSWER, CALLBACK, UNWIND_ERROR, UNWIND_KIND, UNWIND_TAG, UNWIND_VALUE
from ..heap.words import NO_ANSWER, UNWIND
from ..restricted.language import handled, inline, invoke4, load, noinline, stack_pointer, store, word
from .memory import HOST_SLOT, NIL

HOST_CODES = (
    "none", "fatal_memory", "stack_overflow", "memory_full", "interrupt",
    "bad_car", "bad_cdr", "bad_arith", "bad_compare", "unset_variable", "undefined_function", "wrong_count",
    "bad_vector", "big_float", "call_function", "bad_function", "big_gcd", "bad_op", "no_memory", "divide_zero",
    "long_shift", "bad_throw", "bad_rplac", "integer_power", "bad_symbol", "opcode", "bad_hash", "text_function",
    "bad_trig", "apply_other", "bad_residue", "collect", "debug", "hot", "compile", "bailout", "left", "big_product",
    "big_quotient", "readch", "float_trap", "useful", "run", "deep", "name", "string_store", "evaluate", "evaluating",
    "errorset", "passed",
)
(H_NONE, H_FATAL_MEMORY, H_STACK_OVERFLOW, H_MEMORY_FULL, H_INTERRUPT, H_BAD_CAR, H_BAD_CDR, H_BAD_ARITH, H_BAD_COMPARE,
 H_UNSET,
 H_UNDEFINED, H_WRONG_COUNT, H_BAD_VECTOR, H_BIG_FLOAT, H_CALL, H_BAD_FUNCTION, H_BIG_GCD, H_BAD_OP, H_NO_MEMORY,
 H_DIVIDE_ZERO,
 H_LONG_SHIFT, H_BAD_THROW, H_BAD_RPLAC, H_POWER, H_BAD_SYMBOL, H_OPCODE, H_BAD_HASH, H_TEXT,
 H_BAD_TRIG, H_APPLY, H_BAD_RESIDUE, H_COLLECT, H_DEBUG, H_HOT, H_COMPILE, H_BAILOUT, H_LEFT, H_BIG_PRODUCT,
 H_BIG_QUOTIENT, H_READCH, H_FLOAT_TRAP, H_USEFUL, H_RUN, H_DEEP, H_NAME, H_STRING_STORE, H_EVALUATE, H_EVALUATING,
 H_ERRORSET, H_PASSED) = range(len(HOST_CODES))

# Names of operations in error messages, by number.
OPERATIONS = ("plus", "difference", "times", "quotient", "remainder", "minus", "add1", "sub1", "lessp", "greaterp",
              "leq", "geq", "max", "min", "abs", "zerop", "minusp", "getv", "putv", "upbv", "rplaca", "rplacd",
              "divide", "logand", "logior", "logxor", "lnot", "gcdn", "expt", "ashift", "lshift", "get", "put",
              "puthash", "gethash", "remprop", "length", "set", "setv", "fix", "evenp", "iplus2", "idifference",
              "itimes2", "mkvect", "eqcar", "string-length", "lcmn", "plusp", "onep", "lastcar", "fluid", "msd",
              "lsd", "flag", "id2int", "variable", "word64", "divide64", "numerator", "denominator", "realpart",
              "imagpart", "ratio", "complex", "vector2list", "setq (bad variable)")
OP = {name: k for k, name in enumerate(OPERATIONS)}
(O_PLUS, O_DIFFERENCE, O_TIMES, O_QUOTIENT, O_REMAINDER, O_MINUS, O_ADD1, O_SUB1, O_LESSP, O_GREATERP, O_LEQ, O_GEQ,
 O_MAX, O_MIN, O_ABS,
 O_ZEROP, O_MINUSP, O_GETV, O_PUTV, O_UPBV, O_RPLACA, O_RPLACD, O_DIVIDE, O_LAND, O_LOR, O_LXOR, O_LNOT, O_GCDN, O_EXPT,
 O_ASHIFT,
 O_LSHIFT, O_GET, O_PUT, O_PUTHASH, O_GETHASH, O_REMPROP, O_LENGTH, O_SET, O_SETV, O_FIX, O_EVENP, O_IPLUS2,
 O_IDIFFERENCE, O_ITIMES2,
 O_MKVECT) = range(45)
O_FLAG, O_ID2INT, O_VECTOR2LIST, O_SETQ, O_MSD, O_LSD, O_LCMN = (
    OP[name] for name in ("flag", "id2int", "vector2list", "setq (bad variable)", "msd", "lsd", "lcmn"))

TRIG = ("sin", "cos", "tan", "atan", "exp", "log")  # functions of floats, by number
BAD_MODULUS = 7  # among the operations of which the host signals an error

# Functions that the host finishes when they meet more than ASCII, or what is rare, by number.
TEXT_FUNCTIONS = ("liter", "digit", "seprp", "char-code", "code-char", "explode2", "list2string", "string2list",
                  "intern", "string-length", "schar", "explode", "compress", "explode2lc", "explode2uc", "id2string",
                  "allocate-string", "widelengthc", "mkhash")
(X_LITER, X_DIGIT, X_SEPRP, X_CHAR_CODE, X_CODE_CHAR, X_EXPLODE2, X_LIST2STRING, X_STRING2LIST, X_INTERN,
 X_STRING_LENGTH,
 X_SCHAR, X_EXPLODE, X_COMPRESS, X_EXPLODE2LC, X_EXPLODE2UC, X_ID2STRING, X_ALLOCATE_STRING, X_WIDELENGTHC,
 X_MKHASH) = range(19)
# Functions that the kernel passes on to Python's of the same name, with what it cannot do itself, by number.
PASSED = ("prin2", "terpri", "spaces", "posn", "linelength", "getenv", "mod", "iremainder", "iquotient", "gcd", "oddp",
          "signum", "ash", "ash1", "irightshift", "logbitp", "logcount", "integer-length", "isqrt", "floor", "ceiling",
          "truncate", "round", "char-upcase", "char-downcase", "upper-case-p", "lower-case-p", "alpha-char-p", "scharn",
          "concat", "string-upcase", "string-downcase", "lengthc", "symbol-value", "macro-function", "endp",
          "getd")
(P_PRIN2, P_TERPRI, P_SPACES, P_POSN, P_LINELENGTH, P_GETENV, P_MOD, P_IREMAINDER, P_IQUOTIENT, P_GCD, P_ODDP,
 P_SIGNUM, P_ASH, P_ASH1, P_IRIGHTSHIFT, P_LOGBITP, P_LOGCOUNT, P_INTEGER_LENGTH, P_ISQRT, P_FLOOR, P_CEILING,
 P_TRUNCATE, P_ROUND, P_CHAR_UPCASE, P_CHAR_DOWNCASE, P_UPPER_CASE_P, P_LOWER_CASE_P, P_ALPHA_CHAR_P, P_SCHARN,
 P_CONCAT, P_STRING_UPCASE, P_STRING_DOWNCASE, P_LENGTHC, P_SYMBOL_VALUE, P_MACRO_FUNCTION, P_ENDP,
 P_GETD) = range(len(PASSED))


@inline
def host(code: word, a: word, b: word, c: word) -> word:
    """Ask the host."""
    return invoke4(HOST_SLOT, code, a, b, c, 0)


@noinline
def pass_none(number: word) -> word:
    """A call of Python's function of the same name (``PASSED``), without arguments."""
    return host(H_PASSED, number << 2, NIL, NIL)


@noinline
def pass_one(number: word, a: word) -> word:
    """The same with one argument."""
    return host(H_PASSED, number << 2 | 1, a, NIL)


@noinline
def pass_two(number: word, a: word, b: word) -> word:
    """The same with two."""
    return host(H_PASSED, number << 2 | 2, a, b)


def ask_host(code: word, a: word, b: word, c: word, d: word) -> word:
    """What the slot of the host has in native code: the answer is where Python leaves it, because a callback of C's
    that Python cannot enter, or that an exception leaves, has any value; that is an error.  What lies below the stack
    pointer that it is told is not Lisp's."""
    store(ANSWER, NO_ANSWER)
    handled(invoke4(CALLBACK, code, a, b, c, stack_pointer()))
    r = load(ANSWER)
    store(ANSWER, NO_ANSWER)
    if r == NO_ANSWER:
        store(UNWIND_KIND, UNWIND_ERROR)
        store(UNWIND_TAG, NIL)
        store(UNWIND_VALUE, NIL)
        return UNWIND
    return r


@inline
def tell(code: word, a: word, b: word, c: word) -> None:
    """Tell the host; what becomes of that is not looked at: a notice, or an error whose UNWIND the caller returns."""
    handled(host(code, a, b, c))


@noinline
def bad_arith(operation: word, a: word, b: word) -> word:
    """Signal ``bad arg for operation a b``."""
    return host(H_BAD_ARITH, operation, a, b)


@noinline
def bad_op(operation: word, a: word) -> word:
    """Signal an error of an operation with one offending value."""
    return host(H_BAD_OP, operation, a, 0)

"""Defining functions: de df dm, putd getd copyd remd, compile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..heap.objects import (
    CODE_HEADER,
    F_CODE,
    F_FEXPR,
    F_FLUID,
    F_FORM,
    F_GLOBAL,
    F_KEYWORD,
    F_MACRO,
    F_SPECIAL,
    SYM_ENV,
    SYM_FN1,
    SYM_FN2,
    SYM_FNN,
    SYM_SPARE,
)
from ..heap.words import CONS, OTHER, SYMBOL, VECTOR
from ..instructions.table import CodeError
from ..kernel.memory import NIL, T
from ..lisp.errors import CompileError
from ..lisp.registry import Checked, Fixnum, Pair, Symbol, Value, builtin
from ..lisp.transcript import Transcript
from ..runtime.machine import Unwinding
from ..saving.verifying import private_env
from ..system.records import Record

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


KINDS = {"de": 0, "df": F_FEXPR, "dm": F_MACRO}


def defining(lisp: Lisp, kind: int) -> str:
    """What defines functions of a kind: de of expr, df of fexpr, dm of macro."""
    return {lisp.s_macro: "dm", lisp.s_fexpr: "df"}.get(kind, "de")


def free(lisp: Lisp, name: int) -> bool:
    """Is a name one that programs of the original, which has nothing of this name, may define without a word being
    said?
    """
    m = lisp.machine
    spare = m.field(name, SYM_SPARE)
    return (m.field(name, SYM_ENV) == name and spare & 7 == 0 and spare >= 0
            and lisp.builtins.modules[spare >> 3] == "asking")


def define(lisp: Lisp, kind: str, name: int, parameters: int, body: list[int]) -> int:
    """Define a function from a lambda; the source is kept unless *comp is set."""
    m = lisp.machine
    if name & 7 != SYMBOL or name in (NIL, T):
        error = lisp.errors.bare("bad args for defun")
        lisp.hints.expected(kind, "a name", name)
        raise error
    if m.flags(name) & F_SPECIAL:
        raise lisp.errors.plain("symbol-set-definition", name)
    if Transcript(lisp).protected(name):
        return NIL
    compiled, words = m.value(lisp.s_comp) not in (None, NIL), lisp.words
    if words is not None:
        if m.value(lisp.s_redefmsg) not in (None, NIL) and lisp.is_defined(name) and not free(lisp, name):
            lisp.output.write(f"\n+++ {lisp.printer.text(name)} redefined\n")
        if compiled:
            words.begin()
    lisp.hints.definition(kind, name, parameters)
    try:
        lisp.define(name, parameters, body, KINDS[kind], compiled)
    except CompileError as error:
        if compiled or error.value is None or not error.message.startswith(("Attempt to bind", "bad item")):
            raise lisp.compile_error(error) from None
        # a call is the error, as in interpreted functions
        failing = m.list([m.intern("unbindable"), m.list([lisp.s_quote, error.value])])
        lisp.define(name, m.list([m.intern("&rest"), m.make_symbol("rest")]), [failing], KINDS[kind])
    source = m.cons(lisp.s_lambda, m.cons(parameters, m.list(body)))
    if not compiled:
        m.set_field(name, SYM_SPARE, source)
        return name
    if m.value(lisp.s_savedef) not in (None, NIL):
        m.kernel.put(name, lisp.s_savedef, source)
    if words is not None:
        words.compiled(name, parameters, body, m.field(name, SYM_ENV))
    return name


class Definition(Record):
    """What a defining form says: ``kind`` is de, df or dm."""

    kind: str
    name: int
    parameters: int
    body: list[int]


def flagged(lisp: Lisp, x: int, flag: str) -> bool:
    return x & 7 == SYMBOL and lisp.machine.kernel.flagp(x, lisp.machine.intern(flag)) != NIL


def definition_of(lisp: Lisp, form: int) -> Definition | None:
    """The definition that a form is: de, df, dm, defun, defmacro, or putd of a quoted lambda expression; None for
    others.
    """
    m = lisp.machine
    parts = list(m.items(form))
    kind = m.text(parts[0]) if parts and parts[0] & 7 == SYMBOL else ""
    if kind == "putd" and len(parts) == 4:
        quoted = [m.car(m.cdr(p)) if p & 7 == CONS and m.car(p) in (lisp.s_quote, m.intern("function")) else NIL
                  for p in parts[1:4]]
        name, what, f = quoted
        if (name & 7 != SYMBOL or what not in (lisp.s_expr, lisp.s_macro, lisp.s_fexpr) or f & 7 != CONS
            or m.car(f) != lisp.s_lambda):
            return None
        return Definition(defining(lisp, what), name, m.car(m.cdr(f)), list(m.items(m.cdr(m.cdr(f)))))
    if kind not in ("de", "df", "dm", "defun", "defmacro"):
        return None
    if len(parts) < 2:
        raise lisp.errors.bare(f"bad args for {'defmacro' if kind in ('dm', 'defmacro') else 'defun'}")
    parameters = parts[2] if len(parts) > 2 else NIL
    body = parts[3:]
    if kind == "dm":
        if (parameters & 7 == CONS and m.cdr(parameters) & 7 == CONS
            and m.car(m.cdr(parameters)) != m.intern("&optional")):
            parameters = m.cons(m.car(parameters), m.cons(m.intern("&optional"), m.cdr(parameters)))
    if kind == "defmacro":
        whole = m.make_symbol("whole")
        name = m.make_symbol("macro-body")
        lisp.define(name, parameters, body)
        body = [m.list([m.intern("apply"), m.list([lisp.s_quote, name]), m.list([m.intern("cdr"), whole])])]
        return Definition("dm", parts[1], m.list([whole]), body)
    return Definition({"defun": "de"}.get(kind, kind), parts[1], parameters, body)


@builtin("define-function", 1)
def define_function(lisp: Lisp, form: Pair) -> int:
    """Evaluate a defining form, such as (de name parameters form...); the name.
    (define!-function '(de example!-g (x) (add1 x))) => example!-g
    """
    definition = definition_of(lisp, form)
    if definition is None:
        raise lisp.errors.plain("define-function", form)
    return define(lisp, *definition)


@builtin("putd", 3, wrong="bad args for putd")
def putd(lisp: Lisp, name: Symbol, kind: Value, f: Value) -> int:
    """Give a name a function of a kind (expr, macro, fexpr): a lambda expression, or the function of another symbol.
    (progn (putd 'example!-h 'expr '(lambda (x) (add1 x))) (example!-h 4)) => 5
    """
    m = lisp.machine
    if Transcript(lisp).protected(name):
        return NIL
    if f & 7 == CONS and m.car(f) == lisp.s_lambda:
        return define(lisp, defining(lisp, kind), name, m.car(m.cdr(f)), list(m.items(m.cdr(m.cdr(f)))))
    if f & 7 == SYMBOL:
        copy_definition(lisp, name, f)
        lisp.set_flags(name, KINDS[defining(lisp, kind)])
        return name
    if kind == lisp.machine.intern("expr"):
        raise lisp.errors.plain("symbol-set-definition", f)
    from .control import error
    return error(lisp, lisp.machine.string("Bad type ~S in putd"), kind)


def copy_definition(lisp: Lisp, to: int, source: int) -> None:
    lisp.on_redefine(to)
    copy_function(lisp, to, source)


def copy_function(lisp: Lisp, to: int, source: int) -> None:
    m = lisp.machine
    for field in (SYM_ENV, SYM_SPARE, SYM_FN1, SYM_FN2, SYM_FNN):
        m.set_field(to, field, m.field(source, field))
    lisp.set_flags(to, m.flags(source) & F_FORM, F_FORM)
    if m.field(to, SYM_ENV) == source:  # a builtin is found through its own symbol, which may be redefined later
        m.set_field(to, SYM_ENV, to)
    if lisp.is_bytecoded(source):
        m.kernel.bytecode_cells(to, m.field(m.field(source, SYM_ENV), 8 - VECTOR))


@builtin("getd", 1)
def getd(lisp: Lisp, name: Value) -> int:
    """The kind and the definition of a function, or nil: a lambda expression, or a symbol that stands for compiled
    code.
    (progn (de example!-i (x) x) (getd 'example!-i)) => (expr lambda (x) x)
    """
    m = lisp.machine
    if name & 7 != SYMBOL:
        return NIL
    if m.flags(name) & F_SPECIAL:
        return m.cons(lisp.s_fexpr, name)
    if not lisp.is_defined(name):
        return NIL
    kind = lisp.s_macro if m.flags(name) & F_MACRO else lisp.s_fexpr if m.flags(name) & F_FEXPR else lisp.s_expr
    source = m.field(name, SYM_SPARE)
    if source & 7 == CONS:
        if kind == lisp.s_macro:
            rest = m.list([m.intern("&optional"), m.make_symbol("G0000")])
            head = m.cdr(source)
            source = m.cons(lisp.s_lambda, m.cons(m.list([*m.items(m.car(head))], rest), m.cdr(head)))
        return m.cons(kind, source)
    return m.cons(kind, code_pointer(lisp, name))


def code_pointer(lisp: Lisp, name: int) -> int:
    """The compiled function of a symbol as a value, which later definitions of the symbol leave alone: a symbol of its
    own with that function.
    """
    m = lisp.machine
    if m.flags(name) & F_CODE and not m.is_interned(name):
        return name
    pointer = m.make_symbol(m.text(name) + "#code")
    m.met.append(pointer)
    copy_function(lisp, pointer, name)  # nothing knows the new symbol, so nothing is redefined
    lisp.set_flags(pointer, F_CODE)
    return pointer


@builtin("codep", 1)
def codep(lisp: Lisp, x: Value) -> int:
    """Is it a compiled function?  (codep 'nobody!-defined!-this) => nil"""
    m = lisp.machine
    if x & 7 == SYMBOL:
        return lisp.truth(bool(m.flags(x) & F_CODE) or lisp.is_bytecoded(x) and not m.flags(x) & F_FORM
                          and m.field(x, SYM_SPARE) & 7 != CONS)
    return lisp.truth(x & 7 == OTHER and m.header(x) & 255 == CODE_HEADER)


@builtin("bpsp", 1)
def bpsp(lisp: Lisp, x: Value) -> int:
    """Is it a vector of bytes for bytecode, as `make-bps` makes them?  (bpsp (make!-bps 4)) => t"""
    return lisp.truth(is_bps(lisp, x))


@builtin("remd", 1)
def remd(lisp: Lisp, name: Symbol) -> int:
    """Remove the function of a symbol; what `getd` gave for it.
    (progn (de example!-j (x) x) (remd 'example!-j) (getd 'example!-j)) => nil
    """
    old = getd(lisp, name)
    if old != NIL:
        lisp.undefine(name)
    return old


@builtin("copyd", 2)
def copyd(lisp: Lisp, to: Symbol, source: Checked) -> int:
    """Give a symbol the function of another one; the symbol.
    (progn (copyd 'example!-first 'car) (example!-first '(a b))) => a
    """
    if source & 7 != SYMBOL or not lisp.is_defined(source):
        raise lisp.errors.plain("undefined function passed to copyd", source)
    copy_definition(lisp, to, source)
    return to


@builtin("compile", 1)
def compile_(lisp: Lisp, names: Value) -> int:
    """Compile functions whose source is kept anew, with what is declared now; the source goes.
    (progn (de example!-k (x) x) (compile '(example!-k))) => (example!-k)
    """
    for name in lisp.machine.items(names):
        if name & 7 == SYMBOL and lisp.machine.field(name, SYM_SPARE) & 7 == CONS:
            compile_again(lisp, name)
    return names


def compile_again(lisp: Lisp, name: int) -> None:
    m = lisp.machine
    source = m.cdr(m.field(name, SYM_SPARE))
    parameters, body = m.car(source), list(m.items(m.cdr(source)))
    if lisp.words is not None:
        lisp.words.begin()
    try:
        lisp.define(name, parameters, body, m.flags(name) & F_FORM, compiled=True)
    except CompileError as error:
        raise lisp.compile_error(error) from None
    if lisp.words is not None:
        lisp.words.compiled(name, parameters, body, m.field(name, SYM_ENV))


@builtin("compile-all", 0)
def compile_all(lisp: Lisp) -> int:
    """Compile every function whose source is kept; the list of them.
    (listp (compile!-all)) is not run: it compiles what other examples define
    """
    m = lisp.machine
    return compile_(lisp, m.list([s for s in m.steps(m.interned()) if m.field(s, SYM_SPARE) & 7 == CONS]))


@builtin("symbol-argcount", 1, 1, "symbol-argcode")
def symbol_argcount(lisp: Lisp, name: Value) -> int:
    """The number of arguments that a function takes; nil when it takes various numbers, or is none.
    (symbol!-argcount 'cons) => 2
    """
    m = lisp.machine
    if name & 7 != SYMBOL or not lisp.is_defined(name) or m.flags(name) & F_FORM:
        return NIL
    if not lisp.is_bytecoded(name):
        wanted = lisp.arity(m.field(name, SYM_ENV))[1]
        return NIL if wanted is None else wanted << 3
    data = m.raw(m.field(m.field(name, SYM_ENV), 8 - VECTOR))
    return data[0] << 3 if data[0] == data[1] and not data[2] else NIL


@builtin("symbol-bytelength", 1)
def symbol_bytelength(lisp: Lisp, name: Symbol) -> int:
    """How many bytes of bytecode a function has; 0 when it has none.  (symbol!-bytelength 'car) => 0"""
    m = lisp.machine
    return m.header(m.field(m.field(name, SYM_ENV), 8 - VECTOR)) >> 8 << 3 if lisp.is_bytecoded(name) else 0


@builtin("symbol-protect", 2)
def symbol_protect(lisp: Lisp, name: Symbol, protect: Value) -> int:
    """Keep a function from being defined anew, as the flag lose does, or allow it again; how it was.
    (symbol!-protect 'example!-l nil) => nil
    """
    m = lisp.machine
    lose = m.intern("lose")
    old = m.kernel.flagp(name, lose)
    if protect == NIL:
        m.kernel.remprop(name, lose)
    else:
        m.kernel.put(name, lose, T)
    return lisp.truth(old != NIL)


@builtin("symbol-env", 1)
def symbol_env(lisp: Lisp, name: Symbol) -> int:
    """The literal vector of a function with bytecode, of which the first element is the bytecode; of others the
    symbol.
    (symbol!-env 'car) => car
    """
    lisp.reach_out("symbol-env")
    if lisp.is_bytecoded(name):
        lisp.give_out(name)
    return lisp.machine.field(name, SYM_ENV)


@builtin("symbol-set-env", 2)
def symbol_set_env(lisp: Lisp, name: Symbol, env: Value) -> int:
    """Give a function with bytecode another literal vector, which must have its bytecode; for functions of the
    kernel and of Python nothing happens.
    (symbol!-set!-env 'car 'car) => car
    """
    lisp.reach_out("symbol-set-env")
    m = lisp.machine
    if not lisp.is_bytecoded(name) and m.field(name, SYM_ENV) == name:
        return env
    if not lisp.is_bytecoded(name) or env & 7 != VECTOR:
        raise lisp.errors.plain("symbol-set-env", name)
    code, old = m.field(name, SYM_ENV), m.field(env, 8 - VECTOR)
    if old != m.field(code, 8 - VECTOR) or m.vector_length(env) != m.vector_length(code):
        raise lisp.errors.plain("symbol-set-env: not a literal vector of this function", env)
    lisp.give_out(name)
    m.set_field(name, SYM_ENV, env)
    return env


@builtin("special-form-p", 1)
def special_form_p(lisp: Lisp, name: Value) -> int:
    """Is it the name of a special form?  (special!-form!-p 'cond) => t"""
    return lisp.truth(name & 7 == SYMBOL and bool(lisp.machine.flags(name) & F_SPECIAL))


@builtin("macro-function", 1)
def macro_function(lisp: Lisp, name: Value) -> int:
    """The expander of a macro, or nil.  (macro!-function 'car) => nil"""
    if name & 7 != SYMBOL or not lisp.machine.flags(name) & F_MACRO:
        return NIL
    return lisp.machine.cdr(getd(lisp, name))


# How a variable can be declared: its flag, and what the original says when it is declared otherwise already.
DECLARATIONS = {"special": (F_FLUID, "Variable is global or keyword so can not become fluid"),
                "global": (F_GLOBAL, "Variable is fluid or keyword so can not become global"),
                "keyword": (F_KEYWORD, "Variable is fluid or global so can not become keyword")}


def declaring(kind: str) -> None:
    """make-KIND and unmake-KIND."""
    flag, message = DECLARATIONS[kind]

    plural = "fluid" if kind == "special" else kind
    called = {"special": "fluid, that is, dynamically bound", "global": "global, so that nothing can bind it",
              "keyword": "keyword: it is its own constant value"}[kind]

    @builtin(f"make-{kind}", 1, meaning=f"Declare a variable {called}; its name.  (make!-{kind} 'example!-{kind}!-a) "
                                        f"=> example!-{kind}!-a")
    def make(lisp: Lisp, name: Checked) -> int:
        m = lisp.machine
        if name & 7 != SYMBOL:
            raise lisp.errors.bare(f"bad args for make-{kind}") if kind == "keyword" else lisp.errors.plain(
                f"make-{kind}", name)
        if m.flags(name) & (F_FLUID | F_GLOBAL | F_KEYWORD) & ~flag:
            raise lisp.errors.plain(message, name)
        if flag == F_KEYWORD and not m.flags(name) & F_KEYWORD:
            m.set_value(name, name)  # before it is a constant
        lisp.set_flags(name, flag)
        return name

    @builtin(f"unmake-{kind}", 1,
             meaning=f"Take away how a variable is declared; its name.  (unmake!-{kind} 'example!-b) => example!-b")
    def unmake(lisp: Lisp, name: Value) -> int:
        if name & 7 != SYMBOL or name in (NIL, T):  # which stay constants
            return NIL
        lisp.set_flags(name, 0, F_FLUID | F_GLOBAL | F_KEYWORD)
        return name

    def make_all(lisp: Lisp, names: Value) -> int:
        m = lisp.machine
        for name in m.items(names):
            try:
                make(lisp, name)
            except Unwinding:
                if m.cage["tracing"]:
                    lisp.errors.leave(m.intern(plural), [names])
                raise
            if m.value(name) is None:
                m.set_value(name, NIL)
        return NIL

    def unmake_all(lisp: Lisp, names: Value) -> int:
        for name in lisp.machine.items(names):
            unmake(lisp, name)
        return NIL
    builtin(plural, 1, meaning=f"Declare the variables of a list {called}, and give those that have no value nil; "
                               "nil.  "
                               f"({plural} '(example!-{kind}!-c)) => nil")(make_all)
    builtin(f"un{plural}", 1, meaning="Take away how the variables of a list are declared; nil.  "
                                      f"(un{plural} '(example!-d)) => nil")(unmake_all)


for _kind in DECLARATIONS:
    declaring(_kind)


@builtin("fluidp", 1)
def fluidp(lisp: Lisp, name: Value) -> int:
    return lisp.truth(name & 7 == SYMBOL and bool(lisp.machine.flags(name) & F_FLUID))


@builtin("globalp", 1)
def globalp(lisp: Lisp, name: Value) -> int:
    return lisp.truth(name & 7 == SYMBOL and bool(lisp.machine.flags(name) & F_GLOBAL))


@builtin("keywordp", 1)
def keywordp(lisp: Lisp, name: Value) -> int:
    """Is a variable declared keyword, so that it is its own constant value?  (keywordp 'car) => nil"""
    return lisp.truth(name & 7 == SYMBOL and name != NIL and bool(lisp.machine.flags(name) & F_KEYWORD))


@builtin("constantp", 1)
def constantp(lisp: Lisp, x: Value) -> int:
    if x & 7 == SYMBOL:
        return lisp.truth(x in (NIL, T))
    return lisp.truth(x & 7 != CONS)


@builtin("make-bps", 1)
def make_bps(lisp: Lisp, n: Fixnum) -> int:
    """A vector of n bytes, or up to three more, that can become bytecode.  (bps!-upbv (make!-bps 5)) => 7"""
    if not 0 <= n >> 3 < 1 << 16:
        raise lisp.errors.plain("make-bps", n)
    return lisp.machine.object(CODE_HEADER, bytes((n >> 3) + 3 & -4))


def is_bps(lisp: Lisp, b: int) -> bool:
    return b & 7 == OTHER and lisp.machine.header(b) & 255 == CODE_HEADER


def bps_place(lisp: Lisp, b: int, i: int, who: str) -> int:
    m = lisp.machine
    if not is_bps(lisp, b):
        raise lisp.errors.plain(who, b)
    if i & 7 or not 0 <= i >> 3 < m.header(b) >> 8:
        raise lisp.errors.plain(who, i)
    return b + 8 - OTHER + (i >> 3)


@builtin("bpsputv", 3, 3, "bps-putv")
def bpsputv(lisp: Lisp, b: Checked, i: Checked, x: Checked) -> int:
    """Set a byte of what make-bps gave; symbol-set-definition takes a copy, so no function changes.
    (bpsputv (make!-bps 4) 0 7) => 7
    """
    m = lisp.machine
    at = bps_place(lisp, b, i, "bpsputv")
    if x & 7 or not -128 <= x >> 3 < 256:
        raise lisp.errors.plain("bpsputv contents", x)
    m.bytes[at] = x >> 3 & 255
    return x


@builtin("bpsgetv", 2, 2, "bps-getv")
def bpsgetv(lisp: Lisp, b: Checked, i: Checked) -> int:
    """A byte of what make-bps gave.  (bpsgetv (make!-bps 4) 0) => 0"""
    return lisp.machine.bytes[bps_place(lisp, b, i, "bpsgetv")] << 3


@builtin("bps-upbv", 1)
def bps_upbv(lisp: Lisp, b: Checked) -> int:
    """The highest index of what make-bps gave.  (bps!-upbv (make!-bps 4)) => 3"""
    if not is_bps(lisp, b):
        raise lisp.errors.plain("bps-upbv", b)
    return ((lisp.machine.header(b) >> 8) - 1) << 3


@builtin("symbol-set-definition", 2)
def symbol_set_definition(lisp: Lisp, name: Checked, definition: Checked) -> int:
    """Give a symbol a function: another symbol's, a lambda expression, or (argument-count bytecode . literals),
    which is checked first.
    (progn (symbol!-set!-definition 'example!-n 'cons) (example!-n 1 2)) => (1 . 2)
    """
    m = lisp.machine
    if name & 7 != SYMBOL or m.flags(name) & F_SPECIAL or name in (NIL, T):
        raise lisp.errors.plain("symbol-set-definition", name)
    if definition & 7 == SYMBOL and lisp.is_defined(definition):
        copy_definition(lisp, name, definition)
        return name
    if definition & 7 == CONS and m.car(definition) == lisp.s_lambda:
        return putd(lisp, name, lisp.s_expr, definition)
    code = m.car(m.cdr(definition)) if definition & 7 == CONS and m.cdr(definition) & 7 == CONS else NIL
    literals = m.cdr(m.cdr(definition)) if code != NIL else NIL
    if code & 7 != OTHER or m.header(code) & 255 != CODE_HEADER or literals & 7 not in (VECTOR, SYMBOL):
        raise lisp.errors.plain("symbol-set-definition", definition)
    values = m.vector_items(literals)[1:] if literals & 7 == VECTOR else []
    try:
        env = private_env(m, m.vector([code, *values]))
    except CodeError as error:
        raise lisp.errors.plain(f"symbol-set-definition: this bytecode cannot run: {error}") from None
    lisp.install_env(name, env, False)
    return name

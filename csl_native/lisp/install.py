"""What a new heap gets: every kernel and Python function, special form and variable."""

from __future__ import annotations

from collections.abc import Callable

from ..heap.objects import F_FLUID, F_GLOBAL, F_SPECIAL, SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN, SYM_SPARE
from ..kernel.calls import SLOT
from ..kernel.memory import NIL, ROOT_CHARS, ROOT_ECHO, ROOT_LOWER, ROOT_NONCOM, ROOT_RAISE, T
from . import constants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..runtime.machine import Machine
    from .registry import Rows

SPECIAL_FORMS = ("quote function progn prog1 prog2 cond and or if when unless setq ~let let* prog tagbody go return "
                 "catch unwind-protect "
                 "declare the eval-when de dm flet ~block return-from labels macrolet").split()
# Variables and how they are declared: by the original itself, and by the Lisp text that its cold start is without.
FLUIDS = ("*echo *raise *lower *comp *redefmsg *gc-hook* lispsystem* input-libraries output-library *standard-output* "
          "*standard-input* "
          "*terminal-io* *error-output* *trace-output* *debug-io* *query-io* common-lisp-mode").split()
LATER_FLUIDS = ("*pwrds *backtrace *savedef *plap *native_code *notailcall *prinl-visited-nodes* "
                "*prinl-index* *prinl-fn* *print-array* *print-length* *print-level* *fastvector *carcheckflag "
                "dfprint* *defn").split()
GLOBALS = ["emsg*"]
LATER_GLOBALS = "$eol$ $eof$ tab blank thin* *quotes *pretty-symmetric".split()
PLAIN = "*print-precision* *nolinke *verboseload ff tslin* *gc-messages supervisor".split()  # nowhere declared

# A program that brings its own definition of these, for the original's bytecode, keeps what is here.
KEPT = ("compile", "faslout", "faslend", "compile-to-module", "symbol-set-definition", "lcmn")

# Forms that begin with these are evaluated when they are compiled to a module, too.
AT_COMPILE_TIME = ("rds deflist flag fluid global remprop remflag unfluid unglobal df dm defmacro carcheck faslend "
                   "c-end".split())

ALIASES = {"1+": "add1", "1-": "sub1", "lognot": "lnot", "iadd1": "add1", "isub1": "sub1", "iplus2": "plus2",
           "idifference": "difference2", "itimes2": "times2", "double-floatp": "floatp", "charpos": "posn",
           "symbol-plist": "plist", "iequal": "eq", "izerop": "zerop", "ionep": "onep", "iminusp": "minusp",
           "iminus": "minus", "ilogand2": "land2", "imax": "max2", "imin": "min2", "nreverse": "reversip",
           "member**": "member", "assoc**": "assoc", "list-to-string": "list2string", "symbol-name": "id2string",
           "string": "id2string", "make-simple-string": "allocate-string", "string-store1": "string-store",
           "putv-char": "string-store", "char": "schar", "int2id": "code-char", "whitespace-char-p": "seprp",
           "explodec": "explode2", "rem": "remainder", "integerp": "fixp", "flagp**": "flagp", "qgetv": "getv",
           "svref": "getv", "elt": "getv", "qputv": "putv"}

# Functions that are others of the kernel, of so many arguments and no more; and those for which Python has the other
# numbers of arguments.
EXACT = {"ln": ("log", 1), "ilessp": ("lessp", 2), "igreaterp": ("greaterp", 2), "ileq": ("leq", 2), "igeq": ("geq", 2),
         "nconc": ("nconc2", 2), "get*": ("get", 2)}
IN_GENERAL = {"difference": ("difference2", 2), "-": ("difference2", 2), "plus": ("plus2", 2), "+": ("plus2", 2),
              "times": ("times2", 2), "*": ("times2", 2), **{name: ("land2", 2) for name in ("land", "logand")},
              **{name: ("lor2", 2) for name in ("lor", "logor", "logior")},
              **{name: ("lxor2", 2) for name in ("lxor", "logxor")}}

# Functions of Python's that are the kernel's now, as it calls them by numbers of arguments: images of older versions
# have those of Python.
MOVED = {"apply": {3: "apply_three"}, "apply0": {1: "apply_none"}, "apply3": {5: "apply_thrice"},
         "funcall": {1: "funcall_none", 5: "funcall_two"},
         "errorset": {1: "errorset_alone", 2: "errorset_shown", 3: "errorset"}, "eval": {1: "eval_form"},
         "fp-infinite": {1: "fp_infinite"}, "getd": {1: "definition"}, "getenv": {1: "environment"},
         "lcmn": {2: "lcmn"}, "linelength": {1: "line_length"}, "posn": {0: "column_here"}, "prin2": {1: "print_plain"},
         "spaces": {1: "print_blanks"}, "terpri": {0: "end_line"},
         "list": {1: "list_one", 2: "list_two", 5: "list_three"}, "mkhash": {3: "mkhash"},
         "rem": {2: "remainder"}, "integerp": {1: "fixp"}, "eq-safe": {1: "eq_safe"}, "prop": {1: "properties"},
         "get*": {2: "get"}, "flagp**": {2: "flagp"}, **{name: {2: "getv"} for name in ("qgetv", "svref", "elt")},
         "qputv": {3: "putv"}, "list-to-symbol": {1: "list_to_symbol"}, "nconc": {2: "nconc2"},
         "list2vector": {1: "list2vector"}, "vector2list": {1: "vector2list"},
         "set-small-modulus": {1: "set_small_modulus"}, "trap-floating-overflow": {1: "trap_floating_overflow"},
         **{name: {1: name} for name in "complexp denominator imagpart lsd msd numerator rationalp realpart "
                                        "widelengthc".split()}}

# What the kernel has now; these are for images of versions in which it was Python's.
OLDER = ("id2string", "symbol-name", "string", "allocate-string", "make-simple-string", "string-store", "string-store1",
         "putv-char", "fluidp", "globalp", "constantp")


# Heads of calls that the compiler, or eval, has something of its own for, though no special forms: they are not
# evaluated as calls of functions.
OPEN = ("time", "list*", "defmacro", "defun", "df", "let", "map", "mapc", "mapcan", "mapcar", "mapcon", "maphash",
        "maplist", "throw")


class Installer:
    """Fills a new heap; a part of Lisp."""

    machine: Machine
    builtins: Rows
    eol: int
    eof: int
    ready: Callable[[], None]
    set_cells: Callable[[int, int, int, int], None]
    set_flags: Callable[..., None]

    def install(self) -> None:
        """Define every kernel and Python function, special form and variable in a new heap."""
        m = self.machine
        self.ready()
        kernel_functions = [(number, name) for number, name in enumerate(m.entry_names) if name.startswith("entry_")]
        for number, name in kernel_functions:
            self._install_kernel(number, name)
        for index, name in enumerate(self.builtins.names):
            if name in OLDER:
                continue
            symbol = m.intern(name)
            self.set_cells(symbol, SLOT["host1"], SLOT["host2"], SLOT["hostn"])
            m.set_field(symbol, SYM_ENV, symbol)
            m.words[symbol + SYM_SPARE >> 3] = index << 3
        for number, name in kernel_functions:
            self._install_kernel(number, name, also=True)
        for name in SPECIAL_FORMS:
            self.set_flags(m.intern(name), F_SPECIAL)
        for names, flag in ((FLUIDS + LATER_FLUIDS, F_FLUID), (GLOBALS + LATER_GLOBALS, F_GLOBAL), (PLAIN, 0)):
            for name in names:
                self.set_flags(m.intern(name), flag)
                m.set_value(m.intern(name), NIL)
        for name, value in (("*lower", T), ("*comp", NIL), ("*redefmsg", NIL), ("$eol$", self.eol), ("$eof$", self.eof),
                            ("*echo", NIL),
                            ("blank", m.intern(" ")), ("tab", m.intern("\t")), ("thin*", 5 << 3), ("*quotes", T),
                            ("*pretty-symmetric", T)):
            m.set_value(m.intern(name), value)

        for names, flag in ((constants.FLUIDS, F_FLUID), (constants.GLOBALS, F_GLOBAL), (constants.PLAIN, 0)):
            for name in names:
                self.set_flags(m.intern(name), flag)
                if name not in constants.UNSET:
                    m.set_value(m.intern(name), m.intern(constants.VALUES.get(name, "nil")))
        for name, constant in constants.NUMBERS.items():
            m.set_value(m.intern(name), m.float(constant) if isinstance(constant, float) else m.integer(constant))
        for name, c in constants.CHARACTERS.items():
            m.set_value(m.intern(name), m.intern(c))
        m.set_value(m.intern("crbuf*"), m.list([self.eol]))

        for name in KEPT:
            m.kernel.put(m.intern(name), m.intern("lose"), T)
        for name in AT_COMPILE_TIME:
            m.kernel.put(m.intern(name), m.intern("eval"), T)
        m.set_root(ROOT_RAISE, m.intern("*raise"))
        m.set_root(ROOT_LOWER, m.intern("*lower"))
        m.set_root(ROOT_ECHO, m.intern("*echo"))
        m.set_root(ROOT_NONCOM, m.intern("noncom"))
        m.set_root(ROOT_CHARS, m.vector([m.intern(chr(code)) for code in range(128)]))
        for alias, name in ALIASES.items():
            self.copy_cells(m.intern(alias), m.intern(name))
            m.set_field(m.intern(alias), SYM_ENV, m.intern(alias))  # so that errors name what was called
        for table in (EXACT, IN_GENERAL):
            for name, (source, count) in table.items():
                symbol, field = m.intern(name), (SYM_FN1, SYM_FN2)[count - 1]
                if table is EXACT:
                    self.set_cells(symbol, SLOT["wrong1"], SLOT["wrong2"], SLOT["wrongn"])
                    m.set_field(symbol, SYM_ENV, symbol)
                    m.words[symbol + SYM_SPARE >> 3] = -(count + 1) << 3
                m.set_field(symbol, field, m.field(m.intern(source), field))

    def cold(self) -> None:
        """A cold start: what the original's Lisp text would declare is not declared yet."""
        for name in LATER_FLUIDS + LATER_GLOBALS + constants.FLUIDS + constants.GLOBALS:
            self.set_flags(self.machine.intern(name), 0, F_FLUID | F_GLOBAL)

    def copy_cells(self, to: int, source: int) -> None:
        """Give a symbol the function of another one."""
        m = self.machine
        for field in (SYM_ENV, SYM_SPARE, SYM_FN1, SYM_FN2, SYM_FNN):
            m.set_field(to, field, m.field(source, field))

    def _install_kernel(self, number: int, entry: str, also: bool = False) -> None:
        """Make a kernel function a Lisp function; ``also``: only one cell of a function that Python has in general."""
        from ..engines.weave import kernel_program
        f = kernel_program(()).functions[entry.removeprefix("entry_")]
        assert f.lisp_name is not None
        symbol, slot, count = self.machine.intern(f.lisp_name), SLOT["host"] + 8 * number, len(f.parameters)
        if also or f.lisp_cells:
            if also and f.lisp_cells:
                self.machine.words[symbol + (SYM_FN1, SYM_FN2, SYM_FNN)[min(count, 3) - 1] >> 3] = slot
            return
        self.set_cells(symbol, *(slot if natural else wrong for natural, wrong in (
            (count == 1, SLOT["wrong1"]), (count == 2, SLOT["wrong2"]), (count not in (1, 2), SLOT["wrongn"]))))
        self.machine.set_field(symbol, SYM_ENV, symbol)
        self.machine.words[symbol + SYM_SPARE >> 3] = -(count + 1) << 3

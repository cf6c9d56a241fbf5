"""What the top level says of the forms that it evaluates and compiles, in the words and lines of the original."""

from __future__ import annotations

from ..heap.words import CONS, SYMBOL, VECTOR
from ..kernel.memory import NIL, T

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lisp import Lisp


class Transcript:
    """Values and errors of forms one after the other, on the output of a Lisp."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp = lisp

    def value(self, value: int) -> None:
        """Of a form that was read."""
        out = self.lisp.output
        out.write("\n")
        if self.lisp.breaks is not None:  # somebody watches
            self.lisp.printer.limited(value, out)
        else:
            self.lisp.printer.print(value, True, out)
        out.write("\n")

    def protected(self, name: int) -> bool:
        """Is the symbol protected by its lose flag?  Says so."""
        m = self.lisp.machine
        if m.kernel.flagp(name, m.intern("lose")) == NIL:
            return False
        self.lisp.output.write(f"\n+++ {self.lisp.printer.text(name)} not defined because of LOSE flag\n")
        return True

    def failed(self) -> None:
        """A form was left by an error, which has been reported."""
        if self.lisp.errors.show:
            self.lisp.output.write("\n... continuing after error\n")

    def given(self, form: int) -> None:
        """A form of the command line, before it is evaluated."""
        self.lisp.printer.print(form, True, self.lisp.output)

    def gives(self, value: int) -> None:
        """The value of a form of the command line."""
        self.lisp.output.write(" => ")
        self.lisp.printer.print(value, True, self.lisp.output)
        self.lisp.output.write("\n")


PROGRAM = "csl.img"  # what the original calls the image that it begins with, in what it says of modules in it
SHORTER = {("plus", 2): "plus2", ("times", 2): "times2", ("list", 1): "ncons", ("list", 2): "list2",
           ("list", 3): "list3", ("not", 1): "null"}
MODULES = 2 << 3  # the bit of what verbos sets for messages about modules
MOST_LINKED = 4  # arguments of a function that is compiled as a link to another one


class CompilerWords:
    """What is said of definitions and modules; a Lisp whose top level is silent has none."""

    def __init__(self, lisp: Lisp, compiler_is_there: bool) -> None:
        self.lisp, self.loaded = lisp, lisp.machine.intern("loaded")
        if compiler_is_there:
            self._there()
        self.verbosity = lisp.machine.intern("*verbos*")

    def _there(self) -> None:
        m = self.lisp.machine
        m.kernel.put(m.intern("compiler"), self.loaded, T)  # images remember it

    def line(self, text: str) -> None:
        out = self.lisp.output
        out.write(("\n" if out.column else "") + text + "\n")

    def loading(self, library: str, module: str) -> None:
        verbosity = self.lisp.machine.value(self.verbosity)
        if verbosity is None or verbosity & MODULES:  # not after (verbos nil)
            self.line(f'Fast-loading "{library}({module})"')

    def begin(self) -> None:
        """The compiler is asked for something: the original loads it then."""
        m = self.lisp.machine
        if m.kernel.flagp(m.intern("compiler"), self.loaded) == NIL:
            self._there()
            self.loading(PROGRAM, "compiler")

    def compiled(self, name: int, parameters: int, body: list[int], env: int) -> None:
        """A function was compiled: how many bytes it and its literals have, or to which function all of it is a call.
        """
        lisp, m = self.lisp, self.lisp.machine
        if m.value(lisp.s_pwrds) in (None, NIL):
            return
        target, shown = self.link(name, parameters, body), lisp.printer.text(name)
        if target:
            self.line(f"+++ {shown} compiled as link to {target}")
        else:
            code = m.header(m.field(env, 8 - VECTOR)) >> 11 << 3
            self.line(f"+++ {shown} compiled, {code} + {8 * m.vector_length(env)} bytes")

    def link(self, name: int, parameters: int, body: list[int]) -> str:
        """The function that a body of one form calls with all parameters in their order; empty for other bodies."""
        m, lisp = self.lisp.machine, self.lisp
        if len(body) != 1 or body[0] & 7 != CONS:
            return ""
        names, path, form = list(m.items(parameters)), "", body[0]
        while self.head(form) in ("car", "cdr") and m.cdr(form) & 7 == CONS and m.car(m.cdr(form)) & 7 == CONS:
            path, form = path + self.head(form)[1], m.car(m.cdr(form))
        head, text = m.car(form), self.head(form)
        if not text or head == name or list(m.items(m.cdr(form))) != names or len(names) > MOST_LINKED or any(
                m.text(each).startswith("&")
                for each in names) or lisp.compiler.handler(head) is not None or lisp.is_form(head):
            return ""
        if not path:
            return SHORTER.get((text, len(names)), text)
        inner = text[1:-1]
        return (f"c{path}{inner}r" if text == f"c{inner}r" and set(inner) <= {"a", "d"} and len(path + inner) <= 4
                else "")

    def head(self, form: int) -> str:
        """The symbol that a form begins with; empty for another form."""
        m = self.lisp.machine
        return m.text(m.car(form)) if form & 7 == CONS and m.car(form) & 7 == SYMBOL else ""

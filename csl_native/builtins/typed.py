"""Typed modules from Lisp: what (module ...) stands for, and variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..heap.words import STRING, SYMBOL
from ..kernel.memory import NIL
from ..lisp.registry import Checked, Fixnum, Integer, Text, builtin
from ..modules.errors import ModuleError
from ..modules.module import Module
from ..modules.running import MEANINGS, define, install
from ..modules.syntax import build
from ..modules.variables import bytes_place, bytes_size, is_variable, new_variable

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from ..modules.module import Module

MODULE = "typed-module"  # the property that holds the bytes of a module
REGISTERS = "typed-registers"  # ... and the vector of its top-level registers, while it is unpacked


@builtin("define-module", 1)
def define_module(lisp: Lisp, form: Checked) -> int:
    """Verify a typed module, `(name part...)`, and define its procedures (docs/typed-modules.md); its name.
    (define!-module 5) is an error
    """
    return start(lisp, module_of(lisp, form))


def start(lisp: Lisp, module: Module) -> int:
    """Make the procedures of a module functions; its name, which keeps it as data and its top-level registers."""
    m = lisp.machine
    made, data = define(lisp, module)
    install(lisp, made)
    name = m.intern(module.name)
    m.kernel.put(name, m.intern(MODULE), m.string(module.to_bytes()))
    m.kernel.put(name, m.intern(REGISTERS), data)
    return name


def module_of(lisp: Lisp, form: int) -> Module:
    try:
        return build(lisp, form)
    except ModuleError as error:
        raise lisp.errors.plain(f"module: {error}") from None


def known_module(lisp: Lisp, name: int, who: str) -> Module:
    m = lisp.machine
    data = m.kernel.get(name, m.intern(MODULE)) if name & 7 == SYMBOL else NIL
    if data & 7 != STRING:
        raise lisp.errors.plain(f"{who}: no typed module", name)
    return Module.from_bytes(m.string_bytes(data))


@builtin("module-listing", 1)
def module_listing(lisp: Lisp, name: Checked) -> int:
    """Print the procedures of a typed module: their instructions, and their bytes; nil.
    (module!-listing 'no!-such!-module) is an error
    """
    module = known_module(lisp, name, "module-listing")
    for number in range(module.proc_count):
        proc = module.proc(number)
        lines = [f"{at:4} {item}" for at, item in enumerate(proc.code)]
        lisp.output.write("\n".join([f"{proc.name}, procedure {number} of type {proc.ptype}:", *lines,
                                     f"     {module.code(number).hex(' ')}"]) + "\n")
    return NIL


@builtin("module-exception", 2)
def module_exception(lisp: Lisp, name: Text, code: Fixnum) -> int:
    """The error that an exception of a typed procedure is for its caller.  (module!-exception 'f 1) is an error"""
    lisp.module_exception = lisp.machine.number(code)
    raise lisp.errors.plain(f"{lisp.machine.text(name)}: exception "
                            f"{lisp.module_exception}{MEANINGS.get(lisp.module_exception, '')}, which nobody caught")


@builtin("module-variable", 2, 3)
def module_variable(lisp: Lisp, module: Checked, register: Checked, count: Checked = NIL) -> int:
    """A new variable for a register (a number) of a typed module, of count elements where that is not the
    register's.
    (module!-variable 'no!-such!-module 0) is an error
    """
    found = known_module(lisp, module, "module-variable")
    if register & 7 or count != NIL and (count & 7 or count < 0):
        raise lisp.errors.plain("module-variable: the number of a register and a number of elements expected", register)
    try:
        return new_variable(lisp, found, found.reg(register >> 3), None if count == NIL else count >> 3)
    except ModuleError as error:
        raise lisp.errors.plain(f"module-variable: {error}") from None


def word_place(lisp: Lisp, variable: int, k: int, who: str) -> int:
    m = lisp.machine
    if not is_variable(m, variable):
        raise lisp.errors.plain(f"{who}: a variable expected", variable)
    if k & 7 or not 0 <= k or k + 8 > bytes_size(m, variable):
        raise lisp.errors.plain(f"{who}: no eight bytes there", k)
    return bytes_place(m, variable) + (k >> 3) * 8


@builtin("variable-get", 2)
def variable_get(lisp: Lisp, variable: Checked, k: Checked) -> int:
    """Number k of the 64-bit numbers in a variable.  (variable!-get 5 0) is an error"""
    p = word_place(lisp, variable, k, "variable-get")
    return lisp.machine.integer(int.from_bytes(lisp.machine.bytes[p:p + 8], "little", signed=True))


@builtin("variable-put", 3)
def variable_put(lisp: Lisp, variable: Checked, k: Checked, value: Integer) -> int:
    """Store number k of the 64-bit numbers in a variable; the value is taken modulo 2**64.
    (variable!-put 5 0 1) is an error
    """
    p = word_place(lisp, variable, k, "variable-put")
    if not lisp.machine.is_integer(value):
        raise lisp.errors.plain("variable-put: an integer expected", value)
    lisp.machine.bytes[p:p + 8] = (lisp.machine.number(value) & (1 << 64) - 1).to_bytes(8, "little")
    return value

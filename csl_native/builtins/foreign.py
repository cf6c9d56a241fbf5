"""C functions: foreign-library, foreign-function, define-foreign, structures, callbacks and memory; and the original's
names for less.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from ..foreign.calling import Callback, address_of, prepare, read_memory, write_memory
from ..foreign.libraries import address, library
from ..foreign.signatures import STRUCTURE, signature_of, type_of
from ..heap.objects import SIGNATURE
from ..heap.words import CONS, FLOAT, STRING, SYMBOL
from ..kernel.memory import NIL
from ..lisp.handles import FOREIGN
from ..lisp.registry import Checked, Text, Value, builtin
from ..system.process import c_library

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

RESULTS: dict[str, Any] = {"int32": ctypes.c_int32, "int64": ctypes.c_int64, "double": ctypes.c_double,
                           "string": ctypes.c_char_p, "void": None}


@builtin("foreign-library", 1)
def foreign_library(lisp: Lisp, name: Checked) -> int:
    """Load a shared library; its name, by which foreign-function knows it.  nil is what the process itself has.
    (foreign!-library nil) => nil
    """
    lisp.reach_out("foreign-library")
    if name != NIL and name & 7 != STRING:
        raise lisp.errors.plain("foreign-library: a string expected", name)
    library("" if name == NIL else lisp.machine.text(name))
    return name


@builtin("define-foreign", 5, -1)
def define_foreign(lisp: Lisp, name: Checked, library: Checked, function: Checked, result: Checked, arguments: Checked,
                   *options: Checked) -> int:
    """Make a C function the function of a symbol, by a library (nil: the process), a name and types; the symbol.
    The option errno keeps errno for foreign-errno.
    (progn (define!-foreign 'c!-abs nil "abs" 'int '(int)) (c!-abs -5)) => 5
    """
    lisp.reach_out("foreign functions")
    m = lisp.machine
    if name & 7 != SYMBOL or name == NIL:
        raise lisp.errors.plain("define-foreign: a symbol expected", name)
    if function & 7 != STRING:
        raise lisp.errors.plain("foreign-function: the name of a C function, a string, expected", function)
    signature = m.vector([m.intern(SIGNATURE), library, function, result, arguments, m.list(list(options))])
    row = signature_of(lisp, signature)
    if row is None or any(m.text(o) != "errno" for o in m.steps(options) if o & 7 == SYMBOL):
        raise lisp.errors.plain("foreign-function: a library, a name, types and the option errno expected", signature)
    address(row.library, row.name)
    parameters = [m.intern(f"argument{k}") for k in range(1, len(row.given) + 1)]
    quoted = m.list([lisp.s_quote, signature])
    if row.variadic:
        rest = m.intern("more")
        body = m.list([m.intern("foreign-apply"), quoted, m.list([m.intern("list*"), *parameters, rest])])
        lisp.define(name, m.list([*parameters, m.intern("&rest"), rest]), [body])
    else:
        body = m.list([m.intern("foreign-call"), quoted, *parameters])
        lisp.define(name, m.list(parameters), [body])
    return name


@builtin("foreign-function", 4, -1)
def foreign_function(lisp: Lisp, library: Checked, function: Checked, result: Checked, arguments: Checked,
                     *options: Checked) -> int:
    """A C function as a symbol of its own, for apply and funcall.
    (funcall (foreign!-function nil "abs" 'int '(int)) -5) => 5
    """
    if function & 7 != STRING:
        raise lisp.errors.plain("foreign-function: the name of a C function, a string, expected", function)
    symbol = lisp.machine.make_symbol(lisp.machine.text(function))
    return define_foreign(lisp, symbol, library, function, result, arguments, *options)


@builtin("foreign-call", 1, -1)
def foreign_call(lisp: Lisp, signature: Checked, *words: Checked) -> int:
    """What the functions that foreign-function makes do: call by a signature.  (foreign!-call 5) is an error"""
    call = lisp.foreign_calls.get(signature)
    if call is None:
        lisp.reach_out("foreign functions")
        row = signature_of(lisp, signature)
        if row is None:
            raise lisp.errors.plain("foreign-call: no signature", signature)
        call = lisp.foreign_calls[signature] = prepare(lisp, row)
    return call(list(words))


@builtin("foreign-apply", 2)
def foreign_apply(lisp: Lisp, signature: Checked, arguments: Value) -> int:
    """Call a C function by a signature, with a list of arguments.  (foreign!-apply 5 nil) is an error"""
    return foreign_call(lisp, signature, *lisp.machine.items(arguments))


@builtin("foreign-structure", 2)
def foreign_structure(lisp: Lisp, name: Checked, fields: Checked) -> int:
    """Make a symbol the name of a structure type, `((field type) ...)`.
    (foreign!-structure 'example!-point '((x double) (y double))) => example!-point
    """
    m = lisp.machine
    if name & 7 != SYMBOL or name == NIL or fields & 7 != CONS:
        raise lisp.errors.plain("foreign-structure: a name and a list of (field type) expected", fields)
    for row in m.items(fields):
        parts = list(m.items(row)) if row & 7 == CONS else []
        if (len(parts) != 2 or parts[0] & 7 != SYMBOL
            or (t := type_of(lisp, parts[1])).kind not in ("scalar", "structure") or t.name in ("void", "string")):
            raise lisp.errors.plain("foreign-structure: no (field type)", row)
    m.kernel.put(name, m.intern(STRUCTURE), fields)
    return name


@builtin("foreign-errno", 0)
def foreign_errno(lisp: Lisp) -> int:
    """The errno that the last C function with the option errno left.  (foreign!-errno) => 0"""
    return lisp.errno << 3


@builtin("foreign-callback", 3)
def foreign_callback(lisp: Lisp, function: Value, result: Checked, arguments: Checked) -> int:
    """A Lisp function as a C function that may be called for as long as the session lives.
    (progn (foreign!-callback 'add1 'int '(int)) nil) => nil
    """
    lisp.reach_out("foreign-callback")
    m = lisp.machine
    expression = type_of(lisp, m.list([m.intern("callback"), result, arguments]))
    kept = m.intern("foreign-callbacks")
    handle = lisp.handles.make(FOREIGN, Callback(lisp, function, expression, []))
    m.set_value(kept, m.cons(m.cons(handle, function), m.value(kept) or NIL))
    return handle


def place_of(lisp: Lisp, x: int, offset: int, who: str) -> int:
    address = address_of(lisp, x)
    if not address or offset & 7:
        raise lisp.errors.plain(f"{who}: an address and an offset expected", x)
    return address + (offset >> 3)


@builtin("foreign-allocate", 1)
def foreign_allocate(lisp: Lisp, size: Checked) -> int:
    """Memory of C, filled with zeros; its address.  (foreign!-free (foreign!-allocate 8)) => nil"""
    lisp.reach_out("foreign-allocate")
    if size & 7 or size <= 0:
        raise lisp.errors.plain("foreign-allocate: a number of bytes expected", size)
    allocate = c_library().calloc
    allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t, ctypes.c_size_t]
    found = allocate(1, size >> 3)
    if not found:
        raise lisp.errors.plain("foreign-allocate: no memory", size)
    return lisp.machine.integer(found)


@builtin("foreign-free", 1)
def foreign_free(lisp: Lisp, x: Checked) -> int:
    """Give memory of C back; nil.  (foreign!-free (foreign!-allocate 8)) => nil"""
    lisp.reach_out("foreign-free")
    release = c_library().free
    release.restype, release.argtypes = None, [ctypes.c_void_p]
    release(place_of(lisp, x, 0, "foreign-free"))
    return NIL


@builtin("foreign-ref", 2, 3)
def foreign_ref(lisp: Lisp, x: Checked, kind: Checked, offset: Checked = 0) -> int:
    """What C has at an address (plus bytes); nothing checks the address.
    (prog (a v) (setq a (foreign!-allocate 8)) (setq v (foreign!-ref a 'int)) (foreign!-free a) (return v)) => 0
    """
    lisp.reach_out("foreign-ref")
    return read_memory(lisp, place_of(lisp, x, offset, "foreign-ref"), type_of(lisp, kind))


@builtin("foreign-set", 3, 4)
def foreign_set(lisp: Lisp, x: Checked, kind: Checked, value: Checked, offset: Checked = 0) -> int:
    """Store a value for C at an address (plus bytes); nothing checks the address.
    (prog (a v) (setq a (foreign!-allocate 8)) (foreign!-set a 'int 7) (setq v (foreign!-ref a 'int))
     (foreign!-free a) (return v)) => 7
    """
    lisp.reach_out("foreign-set")
    write_memory(lisp, place_of(lisp, x, offset, "foreign-set"), type_of(lisp, kind), value)
    return value


# -- what the original has ----------------------------------------------------------


def thing_of(lisp: Lisp, h: int, kind: type, who: str) -> Any:
    found = lisp.handles.thing(h, FOREIGN)
    if not isinstance(found, kind):
        raise lisp.errors.plain(who, h)
    return found


@builtin("open-foreign-library", 1)
def open_foreign_library(lisp: Lisp, name: Text) -> int:
    """A shared library, or nil when it cannot be loaded.  (open!-foreign!-library "no-such-library.so") => nil"""
    lisp.reach_out("open-foreign-library")
    if name & 7 not in (STRING, SYMBOL):
        raise lisp.errors.plain("open-foreign-library", name)
    try:
        return lisp.handles.make(FOREIGN, ctypes.CDLL(lisp.machine.text(name)))
    except OSError:
        return NIL


@builtin("find-foreign-function", 2, reaches=True)
def find_foreign_function(lisp: Lisp, name: Text, library: Checked) -> int:
    """A function of a library that open-foreign-library gave, or nil when it has none of that name.
    (find!-foreign!-function "abs" nil) is an error
    """
    if name & 7 not in (STRING, SYMBOL):
        raise lisp.errors.plain("find-foreign-function", name)
    try:
        return lisp.handles.make(FOREIGN,
                                 thing_of(lisp, library, ctypes.CDLL, "find-foreign-function")[lisp.machine.text(name)])
    except AttributeError:
        return NIL


@builtin("call-foreign-function", 1, -1, reaches=True)
def call_foreign_function(lisp: Lisp, f: Checked, *arguments: Checked) -> int:
    """Call a C function with integers (int64), floats (double) and strings (char *).  The last argument may be a
    symbol that names the type of the result: int32, int64 (which it is without), double, string or void.
    (call!-foreign!-function 5) is an error
    """
    m = lisp.machine
    function = thing_of(lisp, f, ctypes._CFuncPtr, "call-foreign-function")  # type: ignore[attr-defined]
    result = "int64"
    if arguments and arguments[-1] & 7 == SYMBOL and m.text(arguments[-1]) in RESULTS:
        result, arguments = m.text(arguments[-1]), arguments[:-1]
    values: list[Any] = []
    for a in m.steps(arguments):
        if m.is_integer(a):
            values.append(ctypes.c_int64(m.number(a)))
        elif a & 7 == FLOAT:
            values.append(ctypes.c_double(m.double(a)))
        elif a & 7 == STRING:
            values.append(ctypes.c_char_p(m.string_bytes(a)))
        else:
            raise lisp.errors.plain("call-foreign-function: an integer, float or string expected", a)
    function.restype = RESULTS[result]
    lisp.output.flush()
    with m.waiting():
        value = function(*values)
    m.look()
    if value is None:
        return NIL
    return m.string(value) if isinstance(value, bytes) else lisp.from_number(value)

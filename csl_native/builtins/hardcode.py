"""Native code at Lisp level: native-compile and copy-native; by hand make-native, putv-native, getv-native,
native-address, symbol-set-native, lap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csl_native.image.container import Image, ImageError

from ..architectures import by_name, by_tag
from ..kernel.memory import NIL, T
from ..lisp.registry import Checked, Fixnum, String, Text, Value, builtin
from ..native.compilation import Compilation
from ..native.copying import copy_sections
from ..native.handmade import Handmade
from ..saving.reasons import Fallback
from .images import one_or_several, output_path, session_of
from .reading import path_of

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


def handmade(lisp: Lisp) -> Handmade:
    lisp.reach_out("native code by hand")
    hardcode = session_of(lisp).hardcode
    if hardcode.pages is None or hardcode.refused is not None:
        raise lisp.errors.plain("native code cannot be made here: "
                                + (hardcode.refused.sentence() if hardcode.refused else "no architecture"))
    return Handmade(lisp, hardcode)


def tag_of(lisp: Lisp, tag: int) -> int:
    """A tag given as number or architecture name; nil is this machine's."""
    if tag == NIL:
        return int(session_of(lisp).hardcode.tag)
    if tag & 7 in (2, 3):
        try:
            return by_name(lisp.machine.text(tag)).tag
        except ValueError as error:
            raise lisp.errors.plain(str(error)) from None
    if tag & 7 or not 0 < tag >> 3 < 256 or by_tag(tag >> 3) is None:
        raise lisp.errors.plain("no such tag", tag)
    return tag >> 3


@builtin("native-compile", 1, 2)
def native_compile(lisp: Lisp, names: Value, tag: Checked = NIL) -> int:
    """Compile a function, or those in a list, to native code, for this machine or for a tag; the list of those that
    now have some.
    (native!-compile nil) is not run: it needs the optimising compiler
    """
    m = lisp.machine
    architecture = None
    if tag != NIL:
        try:
            architecture = by_name(str(tag >> 3) if tag & 7 == 0 else m.text(tag))
        except ValueError as error:
            raise lisp.errors.plain(str(error)) from None
    hardcode = session_of(lisp).hardcode
    architecture = architecture or hardcode.architecture
    if architecture is None:
        raise lisp.errors.plain(f"native-compile: {Fallback('no-architecture').sentence()}")
    wanted = one_or_several(lisp, names)
    done = Compilation(hardcode, [architecture]).run(wanted)[architecture.name]
    asked = {m.label(symbol) for symbol in wanted}
    for fallback in session_of(lisp).fallbacks:
        if fallback.subject in asked:
            lisp.hints.say(fallback.sentence())
    return m.list(done)


@builtin("copy-native", 2, reaches=True)
def copy_native(lisp: Lisp, name: Text, tag: Checked) -> int:
    """Copy the native code of an image file for a tag (a number, or the name of an architecture) into the image that
    preserve writes; t.  That image must have been preserved from the same functions; code of others is not used.
    (copy!-native "/nowhere.img" 5) is an error
    """
    architecture = by_tag(tag_of(lisp, tag))
    if architecture is None:
        raise lisp.errors.plain("copy-native: no such tag", tag)
    path = output_path(lisp)
    try:
        with Image(path_of(lisp, name)) as image:
            copy_sections(image, path, [architecture.name], [])
    except (ImageError, OSError) as error:
        raise lisp.errors.plain(f"copy-native: {error}") from None
    return T


@builtin("make-native", 1, 2)
def make_native(lisp: Lisp, size: Fixnum, tag: Checked = NIL) -> int:
    """A native vector, of so many bytes, for code of this machine or of a tag (docs/differences.md).
    (make!-native 16) is not run: native vectors stay in the session
    """
    return handmade(lisp).make(size >> 3, tag_of(lisp, tag))


def _putv(name: str) -> None:
    @builtin(name, 3, 4,
             meaning="Store a number of so many bytes (8 unless given) at an index of a native vector; the number.  "
                                 f"({name.replace('-', '!-')} 5 0 1) is an error")
    def put(lisp: Lisp, handle: Checked, index: Checked, value: Checked, width: Checked = 8) -> int:
        return handmade(lisp).put(handle, index, value, width, name)


def _getv(name: str) -> None:
    @builtin(name, 2, 3, meaning="The number of so many bytes (8 unless given) at an index of a native vector.  "
                                 f"({name.replace('-', '!-')} 5 0) is an error")
    def get(lisp: Lisp, handle: Checked, index: Checked, width: Checked = 8) -> int:
        return handmade(lisp).get(handle, index, width, name)


for _name in ("putv-native", "native-putv"):
    _putv(_name)
for _name in ("getv-native", "native-getv"):
    _getv(_name)


@builtin("native-address", 1, 2)
def native_address(lisp: Lisp, x: Checked, count: Fixnum = NIL) -> int:
    """An address for code by hand: of a native vector; of a function's entry, for so many arguments; with a number
    from 0 on of a field of the VM block, below 0 of a kernel function.
    (fixp (native!-address 0)) => t
    """
    return lisp.machine.integer(handmade(lisp).address(x, None if count == NIL else count >> 3))


@builtin("symbol-set-native", 5, 6)
def symbol_set_native(lisp: Lisp, symbol: Checked, count: Checked, handle: Checked, offset: Checked, env: Checked,
                      tag: Checked = NIL) -> int:
    """Make an offset in a native vector the function of a symbol, for so many arguments.
    (symbol!-set!-native 'example!-s 1 5 0 nil) is an error
    """
    return handmade(lisp).install(symbol, count, handle, offset, env, None if tag == NIL else tag_of(lisp, tag))


@builtin("lap", 1, 2, wrong="lap: a string of assembly text was expected")
def lap(lisp: Lisp, text: String, tag: Checked = NIL) -> int:
    """A native vector with the code of a text of assembly, for this machine or for a tag.  (lap 5) is an error"""
    return handmade(lisp).lap(lisp.machine.text(text), tag_of(lisp, tag))

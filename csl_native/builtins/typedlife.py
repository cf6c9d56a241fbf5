"""The life of a typed module from Lisp: packed it is data, which is copied and moved between image files; unpacked its
procedures are functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from csl_native.image.container import ImageError

from ..heap.words import VECTOR
from ..kernel.memory import NIL
from ..lisp import libraries
from ..lisp.registry import Checked, builtin
from ..modules.errors import ModuleError
from ..modules.module import Module
from ..modules.running import check_free, function_names, register_bytes
from ..modules.types import TOP_LEVEL_REG
from ..saving.belonging import TYPED
from ..saving.trust import seal
from .images import session_of
from .typed import MODULE, REGISTERS, known_module, start

if TYPE_CHECKING:
    from csl_native.image.container import Section

    from ..lisp.libraries import Library
    from ..lisp.lisp import Lisp
    from ..modules.module import Module


def is_unpacked(lisp: Lisp, module: Module) -> bool:
    return any(lisp.is_defined(lisp.machine.intern(name)) for name in function_names(module))


def packed(lisp: Lisp, name: int, who: str) -> Module:
    """A module that is data only."""
    module = known_module(lisp, name, who)
    if is_unpacked(lisp, module):
        raise lisp.errors.plain(f"{who}: module {module.name} is unpacked; pack-module makes it data", name)
    return module


def take_away(lisp: Lisp, name: int, module: Module) -> None:
    """Its functions, if it is unpacked; what is in its top-level registers stays with it, references do not."""
    m = lisp.machine
    data = m.kernel.get(name, m.intern(REGISTERS))
    if data & 7 == VECTOR:
        module.data = register_bytes(m, module, data, TOP_LEVEL_REG)
    for each in function_names(module):
        symbol = m.intern(each)
        if lisp.is_defined(symbol):
            lisp.undefine(symbol)
    m.kernel.remprop(name, m.intern(REGISTERS))


@builtin("pack-module", 1)
def pack_module(lisp: Lisp, name: Checked) -> int:
    """Make a typed module data: its functions go, and what is in its top-level registers is kept; its name.
    (pack!-module 'no!-such!-module) is an error
    """
    module = known_module(lisp, name, "pack-module")
    if is_unpacked(lisp, module):
        take_away(lisp, name, module)
        lisp.machine.kernel.put(name, lisp.machine.intern(MODULE), lisp.machine.string(module.to_bytes()))
    return name


@builtin("unpack-module", 1)
def unpack_module(lisp: Lisp, name: Checked) -> int:
    """Make the procedures of a packed typed module functions again; its name.
    (unpack!-module 'no!-such!-module) is an error
    """
    return start(lisp, packed(lisp, name, "unpack-module"))


@builtin("drop-module", 1)
def drop_module(lisp: Lisp, name: Checked) -> int:
    """The end of a typed module here: its functions go, and its data; its name.
    (drop!-module 'no!-such!-module) is an error
    """
    take_away(lisp, name, known_module(lisp, name, "drop-module"))
    lisp.machine.kernel.remprop(name, lisp.machine.intern(MODULE))
    return name


@builtin("move-module", 1, reaches=True)
def move_module(lisp: Lisp, name: Checked) -> int:
    """Move a packed typed module to the output library, where it has the same id; its name.
    (move!-module 'no!-such!-module) is an error
    """
    put(lisp, packed(lisp, name, "move-module").section(), "move-module")
    return drop_module(lisp, name)


def put(lisp: Lisp, section: Section, who: str) -> None:
    to = libraries.output(lisp)
    if to is None or not to.writable:
        raise lisp.errors.plain(f"{who}: there is no output library")
    if not session_of(lisp).restricted:
        seal([section])
    try:
        to.put(section)
    except (ImageError, OSError) as error:
        raise lisp.errors.plain(f"{who}: {error}") from None


def copy_typed(lisp: Lisp, name: int) -> bool:
    """Copy a typed module, one here or else one of a library, to the output library; the copy has another id.
    False when there is none."""
    m = lisp.machine
    if m.kernel.get(name, m.intern(MODULE)) != NIL:
        module = packed(lisp, name, "copy-module")
    else:
        found = next((library for library in libraries.inputs(lisp) if m.text(name) in typed_rows(library)), None)
        if found is None:
            return False
        module = read(lisp, found, m.text(name))
    put(lisp, module.copy().section(), "copy-module")
    return True


def typed_rows(library: Library) -> dict[str, Section]:
    """The typed modules of a library by name."""
    return library.rows(TYPED)


def read(lisp: Lisp, library: Library, name: str) -> Module:
    """A typed module of a library; after a stranger's one the session is restricted."""
    with library.open() as image:
        if lisp.session is not None and (doubt := lisp.session.trust.doubt(image, TYPED + name)):
            lisp.session.distrust(f"typed module {name} of {image.path}", doubt)
    try:
        return Module.load(library.path, name)
    except ModuleError as error:
        raise ImageError(str(error)) from None


def load_typed(lisp: Lisp, library: Library, name: str) -> bool:
    """Unpack a typed module of a library; False when it is not there."""
    if name not in typed_rows(library):
        return False
    module = read(lisp, library, name)
    try:
        check_free(lisp, module)
    except ModuleError as error:
        raise lisp.errors.plain(f"load-module: {error}") from None
    start(lisp, module)
    return True


def typed_lines(library: Library) -> Iterator[tuple[str, str]]:
    """Name and text of each typed module for a list."""
    for name, section in sorted(typed_rows(library).items()):
        yield name, f"typed module {section.info.get('id', '')}, of type {section.info.get('tid', '')}"

"""preserve, restart!-csl, and native code from Lisp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from csl_native.image.container import Image, ImageError
from csl_native.image.files import check_output

from ..architectures import by_name, by_tag
from ..heap.words import CONS, STRING, SYMBOL
from ..kernel.memory import NIL, ROOT_BANNER, ROOT_RESTART, T
from ..lisp.lisp import Stopped
from ..lisp.registry import Checked, Fixnum, Text, Value, builtin
from ..lisp.streams import Input
from ..native.compilation import Compilation
from ..native.copying import copy_sections
from ..saving.baseimage import base_image
from ..saving.reasons import Fallback
from .reading import path_of

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


def session_of(lisp: Lisp) -> Any:
    session = getattr(lisp, "session", None)
    if session is None:
        raise lisp.errors.plain("this Lisp has no session")
    return session


def output_path(lisp: Lisp) -> str:
    """The image that preserve writes: that of -o, else the one that the session began from; never the installation's
    own.
    """
    session, top = session_of(lisp), getattr(lisp, "top", None)
    path: str = top.output_path if top is not None else session.output_library or session.path
    if not (top.options.output if top is not None else session.output_library):
        lisp.reach_out("preserve into the image that is used")
    try:
        check_output(path)
    except ImageError as error:
        raise lisp.errors.plain(f"preserve: {error}") from None
    return path


@builtin("preserve", 0, 3)
def preserve(lisp: Lisp, function: Value = NIL, banner: Value = NIL, resume: Value = NIL) -> int:
    """Write the output image and end the session.  When the image is started again, function is called; banner is
    what it says first.  With resume true the program goes on from what was written.
    (preserve) is not run: it writes an image and ends the session
    """
    session, m = session_of(lisp), lisp.machine
    top = getattr(lisp, "top", None)
    path = output_path(lisp)

    def action() -> None:
        from ..saving.preserve import preserve as write_image
        if function != NIL:
            m.set_root(ROOT_RESTART, function)
        if banner & 7 == STRING:
            m.set_root(ROOT_BANNER, banner)
        if top is not None:
            top.tell(f'The system will be preserved on file "{path}(InitialImage)"')
        write_image(session, path)
        if resume == NIL:
            raise Stopped(0)
        if top is not None:
            top.replace(path)
            top.begin(restarted=True)
    raise lisp.restart(action)


@builtin("restart-csl", 1, 2, "restart-lisp")
def restart_csl(lisp: Lisp, what: Value, argument: Value = NIL) -> int:
    """Start again: nil from the base image, t from the image in use, a function or (module function) from that and
    with a call of it.
    (restart!-csl t) is not run: it ends the session
    """
    top = getattr(lisp, "top", None)
    if top is None:
        raise lisp.errors.plain("restart-csl: only at the top level of csl", what)
    text = lisp.printer.text(argument) if argument != NIL else None
    call = lisp.printer.text(what) if what & 7 == CONS or (what & 7 == SYMBOL and what not in (NIL, T)) else None
    cold = what == NIL

    def action() -> str | None:
        """Go on in a new session; what its restart function is given, as text."""
        top.tell("The system is about to do a restart...")
        top.replace(base_image() if cold else top.restart_path())
        top.begin(restarted=True, cold=cold)
        if call is None:
            return None
        fresh = top.session.lisp
        form = fresh.reader.read(Input(text=call))
        parts = list(fresh.machine.items(form)) if form & 7 == CONS else [form]
        if len(parts) > 1 and parts[0] != NIL:
            fresh.protect(lambda: fresh.apply(fresh.machine.intern("load-module"), [parts[0]]))
        fresh.machine.set_root(ROOT_RESTART, parts[-1])
        return text
    raise lisp.restart(action)


def one_or_several(lisp: Lisp, names: int) -> list[int]:
    return list(lisp.machine.items(names)) if names & 7 == CONS or names == NIL else [names]


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


@builtin("jit", 1)
def jit(lisp: Lisp, names: Value) -> int:
    """Compile a function, or those in a list, to native code at their next call; what cannot be stays bytecode.
    (progn (de example!-o (x) x) (jit 'example!-o)) => nil
    """
    compiler = lisp.session.hardcode.jit()
    for name in one_or_several(lisp, names):
        if not compiler.mark(name):
            if lisp.output.column:
                lisp.output.write("\n")
            lisp.output.write(f"+++ {lisp.printer.text(name)} not a candidate for JIT\n")
    return NIL


@builtin("jit-threshold", 1, 2)
def jit_threshold(lisp: Lisp, calls: Fixnum, optimise: Fixnum = -8) -> int:
    """Compile functions by themselves after so many calls and backward jumps: 0 at the first one, -1 never; after so
    many more again by LLVM.
    (jit!-threshold 2000) => 2000
    """
    for number in (calls, optimise):
        if number >> 3 < -1:
            raise lisp.errors.plain("jit-threshold: -1 (never), 0 (at once) or more expected", number)
    lisp.session.hardcode.jit().set_threshold(calls >> 3, optimise >> 3)
    return calls


@builtin("native-type", 0)
def native_type(lisp: Lisp) -> int:
    """The tag of the native code that runs here; 0 for none.  (fixp (native!-type)) => t"""
    hardcode = session_of(lisp).hardcode
    return hardcode.tag << 3 if hardcode.pages is not None else 0


@builtin("copy-native", 2, reaches=True)
def copy_native(lisp: Lisp, name: Text, tag: Checked) -> int:
    """Copy the native code of an image file for a tag (a number, or the name of an architecture) into the image that
    preserve writes; t.  That image must have been preserved from the same functions; code of others is not used.
    (copy!-native "/nowhere.img" 5) is an error
    """

    from .hardcode import tag_of
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


@builtin("startup-banner", 1)
def startup_banner(lisp: Lisp, text: Value) -> int:
    """What an image says first when it is started; nil takes it away.  (startup!-banner nil) => nil"""
    lisp.machine.set_root(ROOT_BANNER, text)
    return NIL

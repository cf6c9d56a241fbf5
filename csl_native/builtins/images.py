"""preserve, restart!-csl, and the jit from Lisp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from csl_native.image.container import ImageError
from csl_native.image.files import check_output

from ..heap.words import CONS, STRING, SYMBOL
from ..kernel.memory import NIL, ROOT_BANNER, ROOT_RESTART, T
from ..lisp.lisp import Stopped
from ..lisp.registry import Fixnum, Value, builtin
from ..lisp.streams import Input
from ..saving.baseimage import base_image
from ..saving.preserve import preserve as write_image

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


@builtin("startup-banner", 1)
def startup_banner(lisp: Lisp, text: Value) -> int:
    """What an image says first when it is started; nil takes it away.  (startup!-banner nil) => nil"""
    lisp.machine.set_root(ROOT_BANNER, text)
    return NIL

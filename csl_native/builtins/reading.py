"""Reading, files and the current streams."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from csl_native.image.files import ImageError, check_output

from ..heap.vm import UNWIND_ERROR
from ..heap.words import STRING, SYMBOL
from ..kernel.memory import NIL, T
from ..lisp.handles import STREAM
from ..lisp.reader import ReadError
from ..lisp.registry import Checked, Fixnum, Text, Value, builtin
from ..lisp.streams import EOF_CHAR, Input, Output
from ..lisp.transcript import Transcript
from ..runtime.machine import Unwinding
from ..system.waiting import open_patiently, patient
from .control import error

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


@builtin("read", 0, 1)
def read(lisp: Lisp, stream: Value = NIL) -> int:
    """Read a value from the current input, or from a stream; the value of `$eof$` at the end.
    (read (make!-string!-input!-stream "(a b)")) => (a b)
    """
    try:
        return lisp.reader.read(lisp.input if stream == NIL else channel(lisp, stream, "read"))
    except ReadError as error:
        raise lisp.errors.loud(str(error)) from None


@builtin("readch", 0, 1)
def readch(lisp: Lisp, stream: Value = NIL) -> int:
    """Read a character of the current input, as a symbol.  (readch) is not run: it reads the input"""
    return lisp.reader.character(lisp.input.next())


@builtin("peekch", 0, 2)
def peekch(lisp: Lisp, kind: Value = NIL, stream: Value = NIL) -> int:
    """The next character of the current input, which stays; with t the next one that is no blank.
    (peekch) is not run: it reads the input
    """
    while kind == T and lisp.input.peek().isspace():
        lisp.machine.look()
        lisp.input.next()
    c = lisp.input.peek()
    lisp.input.look_ahead()
    return lisp.reader.character(c)


@builtin("readline", 0, 1)
def readline(lisp: Lisp, stream: Value = NIL) -> int:
    """The rest of the line of the current input, as a string.  (readline) is not run: it reads the input"""
    text = lisp.input.rest()
    return lisp.machine.string(text) if text is not None else lisp.eof


@builtin("tyi", 0, 1)
def tyi(lisp: Lisp, stream: Value = NIL) -> int:
    """The code of the next character of the current input; -1 at its end.  (tyi) is not run: it reads the input"""
    c = lisp.input.next()
    return -8 if c == EOF_CHAR else ord(c) << 3


def path_of(lisp: Lisp, name: int) -> str:
    """A file name: ``$dir/rest`` and ``@dir/rest`` begin with the value of the variable ``@dir``."""
    text = lisp.machine.text(name)
    match = re.match(r"[$@]([A-Za-z0-9_]+)/", text)
    if match:
        value = lisp.machine.value(lisp.machine.symbol("@" + match.group(1)))
        if value is not None and value & 7 == STRING:
            return lisp.machine.text(value) + text[match.end() - 1:]
    return text


def handle(lisp: Lisp, stream: Any) -> int:
    return lisp.handles.make(STREAM, stream)


def stream_of(lisp: Lisp, h: int) -> Any:
    return lisp.handles.thing(h, STREAM)


@builtin("open", 2, reaches=True)
def open_(lisp: Lisp, name: Text, direction: Checked) -> int:
    """A stream to a file: direction is input, output (a new file) or append.  `$name/` at the beginning of a file
    name stands for the value of the variable `@name`.
    (open "/nowhere/x" 'input) is an error
    """
    m = lisp.machine
    mode = m.text(direction) if direction & 7 == 2 else "?"
    if mode not in ("input", "output", "append"):
        return bad_direction(lisp, direction)
    path = path_of(lisp, name)
    try:
        if mode == "input":
            stream = Input(open_patiently(path, "rb", lisp.machine.wait), name=path, room=lisp.machine.need)
            lisp.on_read(path)
            return handle(lisp, stream)
        check_stream(lisp, path)
        return handle(lisp, Output(open_patiently(path, "ab" if mode == "append" else "wb", lisp.machine.wait), path))
    except OSError:
        raise lisp.errors.loud("file could not be opened:", name) from None


# bits of a way to open a file: 1 is input; APPEND are those of what happens to a file that is there
OUTPUT, PIPE, APPEND = 2, 256, 28


@builtin("internal-open", 2, reaches=True)
def internal_open(lisp: Lisp, name: Text, how: Fixnum) -> int:
    """A stream to a file, or to a command, as the bits of a number say: 1 input, 2 output, 256 a command; with 8 of
    the bits 4 to 16 output is appended.
    (internal!-open "/nowhere/x" 1) is an error
    """
    bits = how >> 3
    direction = "output" if bits & OUTPUT else "input"
    if bits & PIPE:
        return pipe_open(lisp, name, lisp.machine.intern(direction))
    if bits & OUTPUT and bits & APPEND == 8:
        direction = "append"
    return open_(lisp, name, lisp.machine.intern(direction))


def check_stream(lisp: Lisp, path: str) -> None:
    """A Lisp error when a stream to a file would destroy an image that this session reads from, and may have mapped."""
    session = getattr(lisp, "session", None)
    try:
        check_output(path, [name for name in (session.path, *session.libraries) if name] if session is not None else ())
    except ImageError as error:
        raise lisp.errors.plain(f"open: {error}") from None


def bad_direction(lisp: Lisp, direction: int) -> int:
    return error(lisp, lisp.machine.string("bad direction ~A in open"), direction)


@builtin("close", 1)
def close(lisp: Lisp, h: Checked) -> int:
    """Close a stream; t, or nil when it was closed before.  (close (make!-string!-input!-stream "a")) => t"""
    stream = stream_of(lisp, h)
    if stream is None:
        if h != NIL and lisp.handles.kind(h) != STREAM:
            raise lisp.errors.plain("close", h)
        return NIL
    if stream is lisp.output:
        lisp.output = lisp.terminal
    if stream is lisp.input:
        lisp.input = lisp.standard_input
    stream.close()
    lisp.handles.forget(h)
    return T


def current(lisp: Lisp, which: str) -> int:
    stream, base = (lisp.input, lisp.standard_input) if which == "in" else (lisp.output, lisp.terminal)
    return NIL if stream is base else handle(lisp, stream)


@builtin("rds", 1)
def rds(lisp: Lisp, h: Checked) -> int:
    """Choose the stream that is read from, nil for the first one; the one before, nil for the first one.
    (progn (rds (rds nil)) nil) => nil
    """
    old = current(lisp, "in")
    stream = lisp.standard_input if h == NIL else stream_of(lisp, h)
    if not isinstance(stream, Input):
        raise lisp.errors.plain("rds", h)
    lisp.input = stream
    return old


@builtin("wrs", 1)
def wrs(lisp: Lisp, h: Checked) -> int:
    """Choose the stream that is printed to, nil for the first one; the one before, nil for the first one.
    (progn (wrs (wrs nil)) nil) => nil
    """
    old = current(lisp, "out")
    stream = lisp.first_output(lisp.s_outputs[1:]) if h == NIL else stream_of(lisp, h)
    stream = getattr(stream, "out", stream)  # of one that goes both ways
    if not isinstance(stream, Output):
        raise lisp.errors.plain("wrs", h)
    lisp.output = stream
    return old


@builtin("streamp", 1)
def streamp(lisp: Lisp, h: Value) -> int:
    """Is it a stream that is open?  (streamp (make!-string!-input!-stream "a")) => t"""
    return lisp.truth(stream_of(lisp, h) is not None)


@builtin("is-console", 1)
def is_console(lisp: Lisp, h: Value) -> int:
    """Is it a stream of the terminal?  nil, which stands for that elsewhere, is none.  (is!-console nil) => nil"""
    return lisp.truth(h != NIL and stream_of(lisp, h) in (lisp.standard_input, lisp.terminal))


@builtin("pipe-open", 2, reaches=True)
def pipe_open(lisp: Lisp, command: Text, direction: Text) -> int:
    """A stream to a command's input (direction output) or from its output (input).
    (prog (s x) (setq s (pipe!-open "echo hello" 'input)) (setq x (read s)) (close s) (return x)) => hello
    """
    lisp.output.flush()
    writing = lisp.machine.text(direction) == "output"
    process = subprocess.Popen(lisp.machine.text(command), shell=True, stdin=subprocess.PIPE if writing else None,
                               stdout=None if writing else subprocess.PIPE)
    if writing:
        return handle(lisp, PipeOutput(lisp, process))
    return handle(lisp, Input(patient(process.stdout, lisp.machine.wait, "rb"), name="pipe"))


def ended(process: Any) -> Callable[[float], bool]:
    """Has a process ended, after so many seconds?"""
    def found(seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.returncode is not None
    return found


class PipeOutput(Output):
    """Output to a command; closing waits for it."""

    def __init__(self, lisp: Lisp, process: Any) -> None:
        super().__init__(patient(process.stdin, lisp.machine.wait, "wb"), "pipe")
        self.process, self.wait = process, lisp.machine.wait

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # the command has ended, and does not want the rest
            super().close()
        self.wait(ended(self.process))


def lisp_source(lisp: Lisp, name: int) -> Input:
    """A file of Lisp text."""
    path = path_of(lisp, name)
    try:
        file = open_patiently(path, "rb", lisp.machine.wait)
    except OSError:
        raise lisp.errors.loud("file could not be opened:", name) from None
    lisp.on_read(path)
    return Input(file, name=path, room=lisp.machine.need)


@builtin("rdf", 1, 2, reaches=True)
def rdf(lisp: Lisp, name: Text, echo: Value = NIL) -> int:
    """Load a file, and show the value of each form; an error costs the form that it is in.
    (rdf "/nowhere.lsp") is an error
    """
    out, shown, stream = lisp.output, lisp.printer.text(name), lisp_source(lisp, name)
    m, transcript = lisp.machine, Transcript(lisp)
    out.write(f"\nReading {shown}\n")
    saved, lisp.input = lisp.input, stream
    try:
        interruptions = lisp.interruptions
        while True:
            try:
                form = lisp.reader.read(stream)
            except ReadError as error:  # costs the form that it is in
                lisp.errors.loud(f"{error} in {stream.name}, line {stream.here()}")
                transcript.failed()
                continue
            if form == lisp.eof:
                break
            sp, bp = m.cage["sp"], m.cage["bp"]
            try:
                with lisp.errors.printed():
                    transcript.value(lisp.eval(form))
            except Unwinding:
                if lisp.interruptions != interruptions:
                    raise lisp.errors.loud("Interrupted") from None
                if m.cage["unwind_kind"] != UNWIND_ERROR:
                    raise
                lisp.settle(sp, bp)
                transcript.failed()
    finally:
        lisp.input = saved
        stream.close()
    out.write(f"\nFinished reading {shown}\n")
    return NIL


@builtin("load", 1, 1, "load-source-file", reaches=True)
def load(lisp: Lisp, name: Text) -> int:
    """Evaluate the forms in a file; nil.  (load "/nowhere.lsp") is an error"""
    stream = lisp_source(lisp, name)
    saved, lisp.input = lisp.input, stream
    m = lisp.machine
    mark = len(m.met)
    try:
        while True:
            before = stream.place()
            try:
                form = lisp.reader.read(stream)
            except ReadError as error:  # costs the form that it is in
                lisp.errors.loud(f"{error} in {stream.name}, line {stream.here()}")
                continue
            if form == lisp.eof:
                return NIL
            lisp.hints.evaluates(form)
            try:
                lisp.on_form(form)
            except Unwinding:
                if m.cage["unwind_kind"] == UNWIND_ERROR:
                    lisp.locate(stream, before)
                raise
            del m.met[mark:]
    finally:
        lisp.input = saved
        stream.close()


def compress_text(lisp: Lisp, items: int) -> str:
    m = lisp.machine
    out = []
    for item in m.items(items):
        if item & 7 == 2:
            out.append(m.text(item)[:1])
        elif item & 7 == 0:
            out.append(str(item >> 3) if 0 <= item >> 3 < 10 else chr(item >> 3))
        else:
            out.append(lisp.printer.text(item, False)[:1])
    return "".join(out)


def closed(text: str) -> str:
    """The text with the quote that a string at its beginning lacks."""
    return text + '"' if text.count('"') % 2 and text.lstrip(". \n\t").startswith('"') else text


ESCAPED_ENTITY = re.compile("#hash;(?=[A-Za-z0-9]+;)")


@builtin("text compress", 1)
def compress(lisp: Lisp, items: Value) -> int:
    """Read a form from the characters in a list; symbols are not interned (but found when they are)."""
    text = closed(compress_text(lisp, items))
    # explode leaves the characters of a string alone, but for what would be read as a name
    literal = text.startswith('"')
    try:
        return lisp.reader.read(Input(text=ESCAPED_ENTITY.sub("#", text) if literal else text, literal=literal))
    except ReadError as error:
        raise lisp.errors.loud(str(error)) from None


@builtin("compress1", 1)
def compress1(lisp: Lisp, items: Value) -> int:
    """Read what the characters in a list begin with, as read does; the rest of them is left.
    (compress1 '(a b)) => ab
    """
    try:
        return lisp.reader.read(Input(text=closed(compress_text(lisp, items))))
    except ReadError as error:
        raise lisp.errors.loud(str(error)) from None


@builtin("implode", 1)
def implode(lisp: Lisp, items: Value) -> int:
    """Read a value from the characters in a list, as in Portable Standard Lisp; symbols are interned.
    (implode '(a b)) => ab
    """
    form = compress(lisp, items)
    return lisp.machine.symbol(lisp.machine.text(form)) if form & 7 == SYMBOL else form


@builtin("input-case", 1)
def input_case(lisp: Lisp, case: Checked) -> int:
    """What happens to letters that are read: raise, lower, or nil for nothing, as in Portable Standard Lisp; the old
    setting.
    (input!-case 'lower) => lower
    """
    m, reader = lisp.machine, lisp.reader
    up, down = m.intern("raise"), m.intern("lower")
    if case not in (up, down, NIL):
        raise lisp.errors.plain("input-case: raise, lower or nil expected", case)
    old = down if m.value(reader.lower) not in (None, NIL) else up if m.value(reader.raise_) not in (None, NIL) else NIL
    m.set_value(reader.raise_, lisp.truth(case == up))
    m.set_value(reader.lower, lisp.truth(case == down))
    return old


def channel(lisp: Lisp, h: int, who: str) -> Input:
    stream = lisp.standard_input if h == NIL else stream_of(lisp, h)
    if not isinstance(stream, Input):
        raise lisp.errors.plain(who, h)
    return stream


@builtin("channelreadchar", 1)
def channelreadchar(lisp: Lisp, h: Checked) -> int:
    """The code of the next character of a stream, as in Portable Standard Lisp; 26 at the end.
    (channelreadchar (make!-string!-input!-stream "a")) => 97
    """
    c = channel(lisp, h, "channelreadchar").next()
    return (26 if c == EOF_CHAR else ord(c)) << 3


@builtin("channelreadline", 1)
def channelreadline(lisp: Lisp, h: Checked) -> int:
    """The rest of a stream's line as a string.  (channelreadline (make!-string!-input!-stream "a b")) => "a b"
    """
    stream = channel(lisp, h, "channelreadline")
    saved, lisp.input = lisp.input, stream
    try:
        return readline(lisp)
    finally:
        lisp.input = saved


@builtin("break", 0)
def break_(lisp: Lisp) -> int:
    """Read and evaluate forms until `continue` or the end of the input; `quit` is an error.  As in Portable Standard
    Lisp.
    (break) is not run: it reads the input
    """
    m = lisp.machine
    while True:
        lisp.output.write("break> ")
        form = read(lisp)
        if form == m.intern("quit"):
            raise lisp.errors.loud("left from break")
        if form in (lisp.eof, m.intern("continue")):
            return NIL
        value = lisp.protect(lambda form=form: lisp.eval(form))  # type: ignore[misc]
        if value is not None:
            lisp.output.write(lisp.printer.text(value) + "\n")


@builtin("filep", 1, reaches=True)
def filep(lisp: Lisp, name: Value) -> int:
    """Is there a file of that name?  (filep "/nowhere/x") => nil"""
    return lisp.truth(name & 7 in (2, 3) and os.path.exists(path_of(lisp, name)))


@builtin("directoryp", 1, reaches=True)
def directoryp(lisp: Lisp, name: Text) -> int:
    """Is there a folder of that name?  (directoryp "/nowhere/x") => nil"""
    return lisp.truth(os.path.isdir(path_of(lisp, name)))


@builtin("file-readablep", 1, reaches=True)
def file_readablep(lisp: Lisp, name: Text) -> int:
    """May a file be read?  (file!-readablep "/nowhere/x") => nil"""
    return lisp.truth(os.access(path_of(lisp, name), os.R_OK))


@builtin("file-writeablep", 1, reaches=True)
def file_writeablep(lisp: Lisp, name: Text) -> int:
    """Is there a file that may be written?  (file!-writeablep "/nowhere/x") => nil"""
    return lisp.truth(os.access(path_of(lisp, name), os.W_OK))


@builtin("file-length", 1, reaches=True)
def file_length(lisp: Lisp, name: Text) -> int:
    """The number of bytes of a file; nil when there is none.  (file!-length "/nowhere/x") => nil"""
    try:
        return lisp.machine.integer(os.path.getsize(path_of(lisp, name)))
    except OSError:
        return NIL


@builtin("delete-file", 1, reaches=True)
def delete_file(lisp: Lisp, name: Text) -> int:
    """Delete a file; t, or nil when that fails.  (delete!-file "/nowhere/x") => nil"""
    try:
        os.remove(path_of(lisp, name))
    except OSError:
        return NIL
    return T


@builtin("rename-file", 2, reaches=True)
def rename_file(lisp: Lisp, a: Text, b: Text) -> int:
    """Give the file a the name b; t, or nil when that fails.  (rename!-file "/nowhere/x" "/nowhere/y") => nil"""
    try:
        os.rename(path_of(lisp, a), path_of(lisp, b))
    except OSError:
        return NIL
    return T


@builtin("create-directory", 1, reaches=True)
def create_directory(lisp: Lisp, name: Text) -> int:
    """Make a folder; t, or nil when that fails.  (create!-directory "/nowhere/x/y") => nil"""
    try:
        os.mkdir(path_of(lisp, name))
    except OSError:
        return NIL
    return T


@builtin("list-directory", 1, reaches=True)
def list_directory(lisp: Lisp, name: Text) -> int:
    """The names of the files in a folder, sorted, as strings.  (listp (list!-directory ".")) => t"""
    m = lisp.machine
    return m.list([m.string(n) for n in sorted(os.listdir(path_of(lisp, name)))])


@builtin("setpchar", 1)
def setpchar(lisp: Lisp, text: Value) -> int:
    """Set the prompt; the one before.  (stringp (setpchar (setpchar "> "))) => t"""
    old = lisp.machine.string(lisp.prompt)
    lisp.prompt = lisp.machine.text(text) if text & 7 in (2, 3) and text != NIL else ""
    return old


@builtin("printprompt", 1)
def printprompt(lisp: Lisp, text: Value) -> int:
    """Print a prompt; nil.  (printprompt "> ") prints >"""
    if text != NIL:
        lisp.output.write(lisp.printer.text(text, False))
    return NIL

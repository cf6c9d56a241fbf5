"""Streams that are made of strings or of other streams, and formatted output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..kernel.memory import NIL, T
from ..lisp.handles import STREAM
from ..lisp.registry import Checked, String, Symbol, Value, builtin
from ..lisp.streams import DEFAULT_WIDTH, Collector, Input, Output
from .numbers import words_of_31
from .reading import channel

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


class Kept(Collector):
    """Output to a string: what all of these hold counts as part of the heap."""

    def __init__(self, lisp: Lisp) -> None:
        super().__init__(DEFAULT_WIDTH, self.count)
        self.lisp = lisp

    def count(self, size: int) -> None:
        m = self.lisp.machine
        m.need(size)
        kept = sum(stream.written for stream in self.lisp.handles.all(STREAM) if isinstance(stream, Kept))
        if not m.charge("texts", kept):
            raise MemoryError(f"no room for the {self.written} characters that were written to a string")


class Broadcast(Output):
    """Output that goes to several streams."""

    def __init__(self, streams: list[Output]) -> None:
        super().__init__(None, "broadcast")
        self.streams = streams

    def write(self, text: str) -> None:
        super().write(text)
        for stream in self.streams:
            stream.write(text)

    def flush(self) -> None:
        self.parts, self.pending = [], 0


class Concatenated(Input):
    """Input from one stream after another."""

    def __init__(self, streams: list[Input], look: Callable[[], None]) -> None:
        super().__init__(text="", name="concatenated")
        self.look = look
        self.streams, self.ended = streams, not streams

    def fill(self) -> bool:
        while self.streams:
            self.look()
            stream = self.streams[0]
            if stream.position >= len(stream.buffer) and not stream.fill():
                del self.streams[0]
                continue
            self.buffer += stream.line_left()
            return True
        self.ended = True
        return False


class Echoed(Input):
    """Input from a stream that is written to another one as it is read."""

    def __init__(self, source: Input, copy: Output) -> None:
        super().__init__(text="", name="echo")
        self.source, self.ended, self.copy, self.plain = source, False, copy, False

    def tell(self, before: int) -> None:
        if self.at > before:
            self.told(self.buffer[before:self.at])
        super().tell(before)

    def told(self, text: str) -> None:
        """What was read."""
        self.copy.write(text)

    def fill(self) -> bool:
        source = self.source
        if source.position >= len(source.buffer) and not source.fill():
            self.ended = True
            return False
        self.buffer += source.line_left()
        return True


class TwoWay(Echoed):
    """Input from one stream, and what is written to it goes to another."""

    def __init__(self, source: Input, out: Output) -> None:
        super().__init__(source, out)
        self.out, self.plain = out, True

    def told(self, text: str) -> None:
        """That is written nowhere."""


class ToLisp(Output):
    """Output that a value of Lisp says where it goes."""

    def __init__(self, lisp: Lisp, word: int) -> None:
        super().__init__(None, "function")
        self.lisp, self.word = lisp, word
        lisp.machine.hold(self)

    def held_words(self) -> list[int]:
        return [self.word]

    def write(self, text: str) -> None:
        super().write(text)
        self.parts, self.pending = [], 0
        self.give(text)

    def give(self, text: str) -> None:
        """Call a function with each character."""
        for c in self.lisp.machine.steps(text):
            self.lisp.apply(self.word, [self.lisp.machine.symbol(c)])


class ToVariable(ToLisp):
    """Output to the stream that is the value of a variable."""

    def give(self, text: str) -> None:
        value = self.lisp.machine.value(self.word)
        output(self.lisp, T if value in (None, NIL) else value, "make-synonym-stream").write(text)


@builtin("make-echo-stream", 2)
def make_echo_stream(lisp: Lisp, source: Checked, copy: Checked) -> int:
    """Input from a stream that is written to another one as it is read.
    (streamp (make!-echo!-stream (make!-string!-input!-stream "a") t)) => t
    """
    return lisp.handles.make(STREAM, Echoed(channel(lisp, source, "make-echo-stream"),
                                            output(lisp, copy, "make-echo-stream")))


@builtin("make-two-way-stream", 2)
def make_two_way_stream(lisp: Lisp, source: Checked, out: Checked) -> int:
    """A stream that reads from one and writes to another.
    (streamp (make!-two!-way!-stream (make!-string!-input!-stream "a") t)) => t
    """
    return lisp.handles.make(STREAM, TwoWay(channel(lisp, source, "make-two-way-stream"),
                                            output(lisp, out, "make-two-way-stream")))


@builtin("make-function-stream", 1)
def make_function_stream(lisp: Lisp, f: Value) -> int:
    """Output that calls a function with each character.
    (prog (l s) (setq s (wrs (make!-function!-stream '(lambda (c) (setq zz_l (cons c zz_l)))))) (setq zz_l nil)
     (prin2 'ab) (wrs s) (return zz_l)) is not run: it is longer than a line
    (streamp (make!-function!-stream 'print)) => t
    """
    return lisp.handles.make(STREAM, ToLisp(lisp, f))


@builtin("make-synonym-stream", 1)
def make_synonym_stream(lisp: Lisp, name: Symbol) -> int:
    """Output to the stream that is the value of a variable at the time.
    (streamp (make!-synonym!-stream 'zz_v)) => t
    """
    return lisp.handles.make(STREAM, ToVariable(lisp, name))


def output(lisp: Lisp, h: int, who: str) -> Output:
    stream = lisp.terminal if h == T else lisp.handles.thing(h, STREAM)
    stream = stream.out if isinstance(stream, TwoWay) else stream
    if not isinstance(stream, Output):
        raise lisp.errors.plain(who, h)
    return stream


@builtin("make-string-output-stream", 0)
def make_string_output_stream(lisp: Lisp) -> int:
    """A stream whose output `get-output-stream-string` gives.
    (prog (s o) (setq s (make!-string!-output!-stream)) (setq o (wrs s)) (prin1 'a) (wrs o)
     (return (get!-output!-stream!-string s))) => "a"
    """
    return lisp.handles.make(STREAM, Kept(lisp))


@builtin("get-output-stream-string", 1)
def get_output_stream_string(lisp: Lisp, h: Checked) -> int:
    """What was written to a string output stream since this was asked last.
    (get!-output!-stream!-string (make!-string!-output!-stream)) => ""
    """
    stream = lisp.handles.thing(h, STREAM)
    if not isinstance(stream, Collector):
        raise lisp.errors.plain("get-output-stream-string", h)
    return lisp.machine.string(stream.taken())


@builtin("make-string-input-stream", 0, -1)
def make_string_input_stream(lisp: Lisp, *texts: String) -> int:
    """A stream that gives the text of some strings.  (read (make!-string!-input!-stream "(a b)")) => (a b)"""
    return lisp.handles.make(STREAM, Input(text="".join(lisp.machine.text(text) for text in lisp.machine.steps(texts))))


@builtin("make-broadcast-stream", 0, -1)
def make_broadcast_stream(lisp: Lisp, *streams: Checked) -> int:
    """A stream whose output goes to several others.  (streamp (make!-broadcast!-stream)) => t"""
    return lisp.handles.make(STREAM,
                             Broadcast([output(lisp, h, "make-broadcast-stream") for h in lisp.machine.steps(streams)]))


@builtin("make-concatenated-stream", 0, -1)
def make_concatenated_stream(lisp: Lisp, *streams: Checked) -> int:
    """A stream that gives what is in several others, one after the other.
    (read (make!-concatenated!-stream (make!-string!-input!-stream "(a ") (make!-string!-input!-stream "b)"))) => (a b)
    """
    return lisp.handles.make(STREAM,
                             Concatenated([channel(lisp, h, "make-concatenated-stream")
                                           for h in lisp.machine.steps(streams)],
                                                  lisp.machine.look))


@builtin("format", 2, -1)
def format_(lisp: Lisp, where: Value, control: String, *arguments: Value) -> int:
    """Text by a pattern, as a string (nil) or written to a stream, t for the current one: ~a a value as prin2 shows
    it, ~% a new line, ~~ a tilde; any other character behind a tilde a value as prin1 shows it.  As in the
    original there are no widths.
    (format nil "~a is ~s" 'x 5) => "x is 5"
    """
    parts, pattern, rest = [], iter(lisp.machine.text(control)), iter(arguments)
    for c in lisp.machine.steps(pattern):
        kind = next(pattern, "~") if c == "~" else ""
        plain = {"": c, "%": "\n", "~": "~"}.get(kind)
        parts.append(plain if plain is not None else lisp.printer.text(next(rest, NIL), kind not in "aA"))
    text = "".join(parts)
    if where == NIL:
        return lisp.machine.string(text)
    (lisp.output if where == T else output(lisp, where, "format")).write(text)
    return NIL


@builtin("prinraw", 1)
def prinraw(lisp: Lisp, x: Value) -> int:
    """Print how the original holds an integer: the word of a small one, or 31 bits in each word, the lowest ones
    first.
    (prinraw 1) prints 0000000000000017<NotNumber>
    """
    m = lisp.machine
    if not m.is_integer(x):
        lisp.output.write("<NotNumber>")
        return x
    n = m.number(x)
    if -1 << 59 <= n < 1 << 59:
        lisp.output.write(f"{(n << 4 | 7) & (1 << 64) - 1:016x}<NotNumber>")
        return x
    count = n.bit_length() // 31
    for word in m.steps(words_of_31(m, n, count)):
        lisp.output.write(f"{word:08x} ")
    lisp.output.write(f"{n >> 31 * count & 0xFFFFFFFF:08x} ")
    return x

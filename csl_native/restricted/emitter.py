"""LLVM IR as text: the instructions, names, blocks and stack slots of one function, for machines of either byte order.
"""

from __future__ import annotations

import re
import struct
from typing import Any, Protocol

from .language import BOOL, DOUBLE, VOID, WORD, wrap

LLVM_TYPE = {WORD: "i64", DOUBLE: "double", BOOL: "i1", VOID: "void"}

DECLARATIONS = """
declare {i64, i1} @llvm.sadd.with.overflow.i64(i64, i64)
declare {i64, i1} @llvm.ssub.with.overflow.i64(i64, i64)
declare {i64, i1} @llvm.smul.with.overflow.i64(i64, i64)
declare i64 @llvm.cttz.i64(i64, i1)
declare i64 @llvm.ctlz.i64(i64, i1)
declare i64 @llvm.fptosi.sat.i64.f64(double)
declare double @llvm.sqrt.f64(double)
declare double @llvm.fabs.f64(double)
declare ptr @llvm.stacksave.p0()
declare i64 @llvm.bswap.i64(i64)
declare i32 @llvm.bswap.i32(i32)
declare i16 @llvm.bswap.i16(i16)
declare i1 @llvm.expect.i1(i1, i1)
declare void @llvm.assume(i1)
"""


class Target(Protocol):
    """What the lowering must know of a machine: its callee-saved registers as a constraint list, its byte order, bytes
    of an address, and the lines that leave the number of hole ``{0}`` of a stencil in ``{r}``."""

    @property
    def clobber(self) -> str: ...
    @property
    def big_endian(self) -> bool: ...
    @property
    def word(self) -> int: ...
    @property
    def hole(self) -> str: ...


ACCESS = re.compile(r"(?:(\S+) = load|store) (i16|i32|i64|double|ptr)(?: (\S+))?, ptr (\S+), align (\d)")


class Emitter:
    """IR of one function body: instructions, fresh names, blocks and stack slots."""

    def __init__(self, target: Target | None = None) -> None:
        self.head: list[str] = []
        self.lines: list[str] = []
        self.counter = 0
        self.terminated = False
        self.table: str | None = None  # a table of places of this function, as a global
        self.clobber = target.clobber if target else ""
        self.hole = target.hole if target else ""
        self.big_endian = target is not None and target.big_endian
        self.address = "i32" if target is not None and target.word == 4 else "i64"

    def fresh(self, stem: str = "v") -> str:
        self.counter += 1
        return f"%.{stem}{self.counter}"

    def label(self, stem: str = "b") -> str:
        self.counter += 1
        return f".{stem}{self.counter}"

    def slot(self, stem: str, kind: str) -> str:
        name = self.fresh(stem + ".")
        self.head.append(f"  {name} = alloca {LLVM_TYPE[kind]}")
        return name

    def emit(self, text: str) -> None:
        if not self.terminated:
            self.lines.append("  " + text)

    def define(self, text: str, stem: str = "v") -> str:
        name = self.fresh(stem)
        self.emit(f"{name} = {text}")
        return name

    def invoke(self, call: str, pad: str) -> str:
        """A call that may leave for a landing pad; its value, "" when it has none."""
        on = self.label("on")
        text = f"invoke {call} to label %{on} unwind label %{pad}"
        value = "" if call.startswith("void") else self.define(text)
        if not value:
            self.emit(text)
        self.terminated = True
        self.place(on)
        return value

    def access(self, line: str, tag: str = "") -> None:
        """A line of an intrinsic, with a tag behind it when it is an access.

        Memory is little-endian on every machine: a big-endian one reverses the bytes (one instruction there).
        """
        found = ACCESS.fullmatch(line) if self.big_endian else None
        if found is None:
            self.emit(line + (tag if " = load " in line or line.startswith("store ") else ""))
            return
        result, kind, value, place, align = found.groups()
        bits = kind if kind[0] == "i" else "i64"
        cast = {"double": "bitcast", "ptr": "ptrtoint"}.get(kind)
        back = {"double": "bitcast", "ptr": "inttoptr"}.get(kind)
        if result:
            raw = self.define(f"load {bits}, ptr {place}, align {align}{tag}")
            swapped = f"call {bits} @llvm.bswap.{bits}({bits} {raw})"
            self.emit(f"{result} = {back} {bits} {self.define(swapped)} to {kind}" if back else f"{result} = {swapped}")
        else:
            word = self.define(f"{cast} {kind} {value} to {bits}") if cast else value
            self.emit(f"store {bits} {self.define(f'call {bits} @llvm.bswap.{bits}({bits} {word})')}, ptr {place}, "
                      f"align {align}{tag}")

    def jump(self, label: str) -> None:
        self.emit(f"br label %{label}")
        self.terminated = True

    def branch(self, condition: str, yes: str, no: str) -> None:
        self.emit(f"br i1 {condition}, label %{yes}, label %{no}")
        self.terminated = True

    def jump_through(self, function: str, value: str, labels: list[str]) -> None:
        """Jump to the label number ``value`` of a table of distances between places of this function."""
        if self.table is None:
            def distance(label: str) -> str:
                here, first = (f"ptrtoint (ptr blockaddress(@{function}, %{to}) to {self.address})"
                               for to in (label, labels[0]))
                plain = f"sub ({self.address} {here}, {self.address} {first})"
                return f"i32 {plain}" if self.address == "i32" else f"i32 trunc (i64 {plain} to i32)"
            rows = ", ".join(map(distance, labels))
            self.table = (f"@{function}.places = internal unnamed_addr constant [{len(labels)} x i32] [{rows}], align "
                          "4\n")
        place = self.define(f"getelementptr [{len(labels)} x i32], ptr @{function}.places, i64 0, i64 {value}")
        offset = self.define(f"sext i32 {self.define(f'load i32, ptr {place}')} to i64")
        target = self.define(f"getelementptr i8, ptr blockaddress(@{function}, %{labels[0]}), i64 {offset}")
        self.emit(f"indirectbr ptr {target}, [{', '.join(f'label %{label}' for label in dict.fromkeys(labels))}]")
        self.terminated = True

    def place(self, label: str) -> None:
        if not self.terminated:
            self.jump(label)
        self.lines.append(f"{label}:")
        self.terminated = False

    def ret(self, kind: str, value: str | None) -> None:
        self.emit("ret void" if kind == VOID else f"ret {LLVM_TYPE[kind]} {value}")
        self.terminated = True

    def text(self) -> str:
        if not self.terminated:
            self.emit("unreachable")
        return "entry:\n" + "\n".join(self.head) + "\n" + "\n".join(self.lines) + "\n"


def constant(value: Any) -> str:
    """An LLVM literal for a Python bool, int or float."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(wrap(value))
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"

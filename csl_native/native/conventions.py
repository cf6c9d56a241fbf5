"""Calls that are rare go by a convention whose callee saves the registers, so that the code around them need not."""

from __future__ import annotations

import re

from ..restricted.checker import Function
from ..restricted.emitter import LLVM_TYPE, Target
from ..restricted.llvm import define, signature


def by_slow_paths(text: str, names: list[str], convention: str, prefix: str = "slow.") -> str:
    """A definition that calls some functions through their slow paths."""
    for name in names:
        text = re.sub(rf"(tail )?call (\w+) @{name}\(", rf"call {convention} \2 @{prefix}{name}(", text)
    return text


def slow_path(f: Function, convention: str, prefix: str = "slow.", linkage: str = "internal") -> str:
    """A function of the kernel by such a convention."""
    result, parameters = LLVM_TYPE[f.result], signature(f)
    body = (f"call void @{f.name}({parameters})\n  ret void" if result == "void"
            else f"%.r = call {result} @{f.name}({parameters})\n  ret {result} %.r")
    return (f"define {linkage} {convention} {result} @{prefix}{f.name}({parameters}) nounwind noinline cold {{\n"
            f"  {body}\n}}\n")


def declare_shared(f: Function, convention: str) -> str:
    """The kernel's own slow path of a Lisp function, which begins with what is likely there, for code outside of it."""
    return (f"declare {convention} {LLVM_TYPE[f.result]} @shared.{f.name}({signature(f, names=False)}) "
            "nounwind nonlazybind cold\n")


def quick_path(f: Function, quick: Function, target: Target, convention: str, prefix: str, linkage: str) -> str:
    """The same, for a kernel's entry of a Lisp function: ``quick`` begins with what is likely there and needs no call,
    so that no register is saved for it; what it calls at its end, the Lisp function, goes on by the slow path."""
    text = define(quick, target, linkage).replace(f"define {linkage} i64 @{quick.name}(",
                                                  f"define {linkage} {convention} i64 @{prefix}{f.name}(", 1)
    rest = rf"tail call i64 @{f.name.removeprefix('entry_')}\(ptr %base, "
    text, ends = re.subn(rest, f"musttail call {convention} i64 @slow.{f.name}(ptr %base, i64 %env, ", text)
    if ends != 1:
        raise ValueError(f"{quick.name} calls the function of {f.name} {ends} times; once, at its end, is expected")
    return slow_path(f, convention) + text

"""Calls that are rare go by a convention whose callee saves the registers, so that the code around them need not."""

from __future__ import annotations

import re

from ..restricted.checker import Function
from ..restricted.emitter import LLVM_TYPE


def by_slow_paths(text: str, names: list[str], convention: str, prefix: str = "slow.") -> str:
    """A definition that calls some functions through their slow paths."""
    for name in names:
        text = re.sub(rf"(tail )?call (\w+) @{name}\(", rf"call {convention} \2 @{prefix}{name}(", text)
    return text


def slow_path(f: Function, convention: str, prefix: str = "slow.", linkage: str = "internal") -> str:
    """A function of the kernel by such a convention."""
    kinds = [LLVM_TYPE[kind] for _, kind in f.parameters]
    parameters = "".join(f", {kind} %a{k}" for k, kind in enumerate(kinds))
    result = LLVM_TYPE[f.result]
    body = f"call void @{f.name}(ptr %base{parameters})\n  ret void" if result == "void" else (
        f"%r = call {result} @{f.name}(ptr %base{parameters})\n  ret {result} %r")
    return f"define {linkage} {convention} {result} @{prefix}{f.name}(ptr %base{parameters}) nounwind noinline cold {{\n  {body}\n}}\n"

"""Calls that are rare go by a convention whose callee saves the registers, so that the code around them need not."""

from __future__ import annotations

import re

from ..restricted.checker import Function
from ..restricted.emitter import LLVM_TYPE
from ..restricted.llvm import signature


def by_slow_paths(text: str, names: list[str], convention: str, prefix: str = "slow.") -> str:
    """A definition that calls some functions through their slow paths."""
    for name in names:
        text = re.sub(rf"(tail )?call (\w+) @{name}\(", rf"call {convention} \2 @{prefix}{name}(", text)
    return text


def slow_path(f: Function, convention: str, prefix: str = "slow.", linkage: str = "internal") -> str:
    """A function of the kernel by such a convention."""
    result, parameters = LLVM_TYPE[f.result], signature(f)
    body = f"call void @{f.name}({parameters})\n  ret void" if result == "void" else f"%.r = call {result} @{f.name}({parameters})\n  ret {result} %.r"
    return f"define {linkage} {convention} {result} @{prefix}{f.name}({parameters}) nounwind noinline cold {{\n  {body}\n}}\n"

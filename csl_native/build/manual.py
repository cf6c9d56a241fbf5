"""Generate the reference pages in ``docs/`` from the tables they describe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..heap.objects import LAYOUTS
from ..instructions.deriving import derived
from ..instructions.effects import MEANINGS
from ..instructions.table import joined
from ..restricted import language
from ..restricted.language import BOOL, DOUBLE, INTRINSICS, VOID, WORD
from ..saving.reasons import ROWS
from ..system.places import CHECKOUT
from ..tools.manpages import MAN_PAGES
from ..tools.reference import REFERENCE

DOCS = Path(CHECKOUT) / "docs"
STUB = Path(CHECKOUT) / "csl_native/restricted/intrinsics.pyi"


def row(*cells: object) -> str:
    return "| " + " | ".join(str(c).replace("|", "\\|").replace("\n", " ") for c in cells) + " |\n"


def instructions_page() -> str:
    """The instruction manual."""
    text = ("# Instructions\n\nMade by `make docs` from `csl_native/instructions/definitions.py` and `typed.py`; do "
            "not edit.\n\n"
            "A function's operand stack grows upwards; *takes* are popped, the last one from the top; *fails* may "
            "start unwinding. *Effects* are found in the definitions: "
            + ", ".join(f"*{name}*: {meaning}" for name, meaning in MEANINGS.items()) + ".\n\n")
    text += row("number", "name", "operands", "takes", "gives", "fails", "effects", "meaning") + row(*["---"] * 8)
    for r in derived():
        operands = ", ".join(f"{n}: {k}" for n, k in r.operands)
        text += row(r.number, f"`{r.name}`", operands, " ".join(r.inputs), r.gives or "", "yes" if r.fails else "",
                    " ".join(r.effects), r.meaning)
    text += ("\n## Sequences\n\nWhat interpreters run in one step. The number stands for the opcode of the first "
             "instruction; all else is as without it, and"
             " other readers of bytecode take it for that first instruction.\n\n")
    return text + "".join(f"* {number}: {' '.join(f'`{r.name}`' for r in parts)}\n"
                          for number, parts in joined().items())


def language_page() -> str:
    """The restricted language: its intrinsics, behind the text of the module that defines it."""
    text = "# The kernel language\n\nMade by `make docs` from `csl_native/restricted/language.py`; do not edit.\n\n"
    text += (language.__doc__ or "") + "\n## Intrinsics\n\n" + row("name", "arguments", "result",
                                                                   "meaning") + row(*["---"] * 4)
    for i in INTRINSICS.values():
        text += row(f"`{i.name}`", ", ".join(i.arguments), i.result, i.meaning)
    return text


def intrinsics_stub() -> str:
    """The signatures of the intrinsics, for type checkers: a module that only they read."""
    types = {WORD: "word", DOUBLE: "double", BOOL: "bool", VOID: "None"}
    text = '"""The intrinsics of the restricted language.  Made by `make docs` from `language.py`; do not edit."""\n\n'
    text += "from .language import double, word\n\n"
    for i in INTRINSICS.values():
        arguments = ", ".join(f"{name}: {types[kind]}" for name, kind in zip("abcdefgh", i.arguments, strict=False))
        text += f"def {i.name}({arguments}) -> {types[i.result]}: ...\n"
    return text


def reasons_page() -> str:
    """Why something runs as bytecode."""
    text = ("# Reasons\n\nMade by `make docs` from `csl_native/saving/reasons.py`; do not edit.\n\n"
            + row("code", "what it means", "what to do"))
    return text + row("---", "---", "---") + "".join(row(f"`{r.code}`", r.text, r.remedy) for r in ROWS)


def layouts_page() -> str:
    """Object layouts."""
    text = "# Object layouts\n\nMade by `make docs` from `csl_native/heap/objects.py`; do not edit.\n\n"
    text += row("type", "name", "tag", "Lisp values", "fields", "") + row(*["---"] * 6)
    for r in LAYOUTS:
        text += row(r.type, r.name, r.tag, "all" if r.pointers < 0 else r.pointers, " ".join(r.fields), r.meaning)
    return text


PAGES: dict[str, Callable[[], str]] = {"INSTRUCTIONS.md": instructions_page, "KERNEL-LANGUAGE.md": language_page,
                                       "REASONS.md": reasons_page,
                                     "LAYOUTS.md": layouts_page, **MAN_PAGES, **REFERENCE}


def main() -> None:
    """Write every generated page."""
    for name, make in PAGES.items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(make(), encoding="utf-8")
        print(f"docs/{name}")
    STUB.write_text(intrinsics_stub(), encoding="utf-8")


if __name__ == "__main__":
    main()

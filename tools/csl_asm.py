"""``csl-asm``: assembles, lists and runs programs of the assembler (docs/assembler.md), and puts them into images.

Exit status: 0 all is well; 1 the program ended with an error; 2 the text or the command line cannot be used.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from csl_native import LispError, Session, __version__
from csl_native.asm.text import AsmError
from csl_native.heap.objects import SYM_ENV
from csl_native.instructions.codec import Code, disassemble
from csl_native.lisp.streams import Input
from csl_native.system.process import of_output, run_program, said
from csl_native.tools.completion import asm_script
from csl_native.tools.listing import instructions


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="csl-asm", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"csl-native {__version__}")
    top.add_argument("file", nargs="?",
                     help="text of the assembler; - is standard input; none: only what the image has")
    top.add_argument("-i", "--image", help="begin with this image")
    top.add_argument("-o", "--output", help="write an image with the functions")
    top.add_argument("--run", nargs="+", metavar=("NAME", "ARGUMENT"),
                     help="call a function; without, main is called when the text has one")
    top.add_argument("--list", action="store_true",
                     help="print the bytecode of the functions, and native code made by --native")
    top.add_argument("--native", action="store_true", help="compile the functions to native code")
    top.add_argument("--tag", action="append", default=[], help="... and for this architecture too, repeatable")
    top.add_argument("--jit", type=int, default=2000,
                     help="compile while the program runs after so many calls and jumps; 0 at once, -1 never")
    top.add_argument("--engine", help="what runs bytecode (csl --engines lists them)")
    top.add_argument("--completion", choices=("bash", "zsh", "fish"),
                     help="print what makes a shell complete these options")
    return top


def main(arguments: list[str] | None = None) -> int:
    """The program; gives the exit status."""
    return run_program("csl-asm", lambda: command(arguments))


def command(arguments: list[str] | None) -> int:
    options = parser().parse_args(arguments)
    if options.completion is not None:
        print(asm_script(options.completion))
        return 0
    if options.file is None and options.image is None:
        parser().error("a text or an image is needed")
    try:
        session = Session(options.image, jit=-1 if options.engine else options.jit, engine=options.engine,
                          output=sys.stdout.buffer)
        session.lisp.standard_input = session.lisp.input = Input(sys.stdin.buffer, name="standard input")
        names = assemble(session, options.file) if options.file is not None else []
        if options.native:
            session.native_compile(names)
        if options.tag:
            session.add_tags(options.tag)
        if options.output:
            session.preserve(options.output)
        if options.list:
            listing(session, names or options.run or [], options.native)
        call = options.run or (["main"] if "main" in names and not options.list else None)
        if call is not None:
            value = session.function(call[0])(*map(value_of, call[1:]))
            session.lisp.output.flush()
            if options.run and value != []:
                print(value)
    except LispError as error:
        print(f"csl-asm: {str(error).strip()}", file=sys.stderr)
        return 1
    except (AsmError, ValueError, OSError) as error:
        if of_output(error):
            raise
        where = f"{options.file}, " if isinstance(error, AsmError) else ""
        print(f"csl-asm: {where}{said(error)}", file=sys.stderr)
        return 2
    return 0


def assemble(session: Any, path: str) -> list[str]:
    from csl_native.asm.program import assemble as assembled
    if path == "-":
        text = sys.stdin.read()
    else:
        with open(path, encoding="utf-8") as file:
            try:
                text = file.read()
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}: is no text (byte {error.object[error.start]:#04x} at {error.start}); an "
                                 "image is given with -i") from None
    return [session.machine.text(s) for s in session.run(lambda: assembled(session.lisp, text))]


def value_of(text: str) -> Any:
    """An argument of the command line: a number, or else a string."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def listing(session: Any, names: list[str], native: bool) -> None:
    m = session.machine
    for name in names:
        symbol = m.intern(name)
        if not session.lisp.is_bytecoded(symbol):
            raise ValueError(f"{name}: no function with bytecode")
        literals = m.vector_items(m.field(symbol, SYM_ENV))
        texts = [session.lisp.printer.text(x) for x in literals]
        print(f"{name}:",
              *("  " + line for line in disassemble(Code.unpack(m.raw(literals[0])), lambda k, texts=texts: texts[k])),
              sep="\n")
        if native and session.hardcode.pages is not None:
            pages = session.hardcode.pages
            parts = [part for row in pages.entries.values() if row["name"] == name for part in row["parts"]]
            for start, size in parts[-2:]:
                print(*("  " + line for line in instructions(pages.architecture, bytes(pages.data[start:start + size]),
                                                             start, lambda i: "")), sep="\n")


if __name__ == "__main__":
    sys.exit(main())

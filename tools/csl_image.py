"""``csl-image``: looks into images, for any architecture, on any machine.

Exit status: 0 all is well; 1 the answer is bad news (damage, functions that
must run as bytecode); 2 the command line or the file cannot be used.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from csl_native import Session, __version__
from csl_native.app.cli import UsageError, size_of
from csl_native.architectures import Architecture, by_name, by_tag, host, with_refinements
from csl_native.heap.objects import F_KEYWORD, SYM_FLAGS
from csl_native.heap.words import SYMBOL
from csl_native.image.container import FORMAT_MAJOR, FORMAT_MINOR, Image, ImageError
from csl_native.image.files import shown
from csl_native.instructions.deriving import derived
from csl_native.instructions.proof import prove
from csl_native.instructions.table import CodeError, install
from csl_native.kernel.memory import ROOT_VECTOR
from csl_native.lisp.fasl import PREFIX
from csl_native.lisp.install import MOVED
from csl_native.native.copying import tags_of
from csl_native.native.pages import PAGE_SIZE, PageSet
from csl_native.saving.baseimage import base_image, check_output
from csl_native.saving.belonging import TYPED, misfit, module_tags
from csl_native.saving.heapview import HeapView
from csl_native.saving.trust import LEVELS, Trust
from csl_native.system.extras import sentence
from csl_native.system.process import of_output, run_program, said
from csl_native.tools import census, foretell, listing, names
from csl_native.tools.code import TIERS, diff, disasm, own, page_sets
from csl_native.tools.completion import script
from csl_native.tools.editing import add, compact, copy, drop, extract, report, thin
from csl_native.tools.executable import executable
from csl_native.tools.export import export
from csl_native.tools.graph import graph
from csl_native.tools.names import tag as tag_name
from csl_native.tools.signing import CODE, sign, trust
from csl_native.tools.sizes import size


def info(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Sections, architectures and sizes."""
    rows = [{"section": names.section(s.name), "offset": s.offset, "stored": s.stored, "length": s.length,
             "mapped": s.raw,
             **({"tag": tag_name(s.info["tag"]), "abi": s.info.get("abi", "")} if "tag" in s.info else {})}
            for s in sorted(image.sections.values(), key=lambda s: s.offset)]
    heap = image.sections["heap"].info if "heap" in image.sections else {}
    return {"image": image.path, "size": image.size, "format": f"{FORMAT_MAJOR}.{FORMAT_MINOR}",
            "updates": image.sequence, "heap bytes": heap.get("size"),
            "tags": sorted({tag_name(s.info["tag"]) for s in image.sections.values() if "tag" in s.info}),
            "sections": rows,
            **({"damage": image.doubts} if image.doubts else {})}, 0


def functions(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Which function has native code for which architecture."""
    view = HeapView(image)
    native = view.hard_code()
    tags = sorted({entry[0] for entries in native.values() for entry in entries})
    rows, mine = [], own(view) if options.mine else None
    for name in sorted(view.functions() if mine is None else mine):
        row: dict[str, Any] = {"function": name}
        for tag in tags:
            found = [e for e in native.get(name, []) if e[0] == tag]
            row[tag_name(tag)] = {"page": found[0][2], "offset": found[0][3]} if found else None
        rows.append(row)
    return rows, 0


def relocs(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Relocation records."""
    rows = []
    if options.tag:
        tags_of(image, [options.tag])
    for kind in ("kernel", "functions"):
        for tag, pages in page_sets(image, kind).items():
            architecture = by_tag(tag)
            if architecture is None or (options.tag and by_name(options.tag) is not architecture):
                continue
            for number, target, place, addend in pages.records():
                name = architecture.kinds[number].name if number < len(architecture.kinds) else f"unknown kind {number}"
                rows.append({"set": names.section(f"{kind}-{tag}"), "page": place // PAGE_SIZE,
                             "place": place % PAGE_SIZE, "kind": name, "target": pages.targets[target] or "this set",
                             "addend": addend})
    return rows, 0


def why(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """What would run as bytecode here, and why."""
    tag = by_name(options.tag).number if options.tag else None
    session = Session(image.path, native=options.native == "on", tag=tag, heap=max(256 << 20, 2 * image.size))
    rows = [{"code": f.code, "function": f.subject, "detail": f.detail, "sentence": f.sentence()}
            for f in session.fallbacks]
    return rows, 1 if rows else 0


def read_instructions(image: Image) -> str:
    """How the image's bytecode is read (``table.install``); why it cannot be proved."""
    if "instructions" not in image.sections:
        return ""
    with Image(base_image()) as base:
        return install(image.read("instructions", limit=TABLE_LIMIT), base.read("instructions"))


def verify(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Check every digest, all bytecode, and who vouches for it."""
    problems = image.doubts + [f"section {name} does not match its digest" for name in image.verify()]
    problems += [why for name in sorted(image.sections) if (why := misfit(image, name))]
    problems += filter(None, [read_instructions(image)])
    for kind in ("kernel", "functions", "native"):
        for name in sorted(image.sections):
            if name.startswith(kind + "-"):
                try:
                    pages = PageSet.read(image, name)
                    problems += [f"{name}: page {page} does not match its digest" for page in sorted(pages.bad_pages)]
                except ImageError as error:
                    problems.append(str(error))
    try:
        view = HeapView(image, check=False) if "heap" in image.sections else None  # its digest was looked at already
        if view is not None:
            with Image(base_image()) as base:
                here = base.sections["heap"].info
            problems += view.misfits(set(here["entries"]), {*here["builtins"], *MOVED})
        for _, symbol in sorted(view.functions().items() if view is not None else ()):
            found = view.code_of(symbol) if view is not None else None
            assert view is not None and found is not None
            symbols = {k: x for k, x in enumerate(found[1]) if x & 7 == SYMBOL}
            prove(found[0], len(found[1]), symbols,
                  {k for k, x in symbols.items() if x > ROOT_VECTOR and not view.word(x + SYM_FLAGS) & F_KEYWORD})
    except (ImageError, CodeError) as error:
        problems.append(str(error))
    doubts = {name: doubt for name in sorted(image.sections) if name.startswith(CODE)
              and (doubt := Trust().doubt(image, name))}
    problems = [names.said(names.section(text)) for text in problems]
    return {"image": image.path, "problems": problems,
            "not trusted here": {names.section(name): doubt for name, doubt in doubts.items()}}, 1 if problems else 0


def target(text: str) -> tuple[Architecture, frozenset[str]]:
    """``TAG+feature,-feature`` as an architecture and the features that the machine has: those of the tag, more, or
    fewer.
    """
    names = sorted((a.name for a in with_refinements()), key=len, reverse=True)
    name = next((n for n in names if text == n or text.startswith((n + "+", n + "-", n + ","))),
                re.split("[+,]", text)[0])
    architecture = by_name(name)
    features = set(architecture.baseline)
    for part in filter(None, re.split(r",|(?=[+-])", text[len(name):])):
        sign, feature = part[0], part[1:]
        if sign not in "+-" or not feature:
            raise ValueError(f"{part!r} in the target {text}; +feature or -feature expected, separated by commas")
        if sign == "-" and feature not in features:
            raise ValueError(f"{name} has no feature {feature} to take away; it has "
                             f"{', '.join(sorted(features)) or 'none beyond its baseline'}; "
                             f"tags are {', '.join(a.name for a in with_refinements())}")
        (features.discard if sign == "-" else features.add)(feature)
    return architecture, frozenset(features)


def known_features(image: Image, architecture: Architecture) -> frozenset[str]:
    """Features of an architecture that mean something: to its refinements, to code in the image, or to this machine."""
    here = host()
    known = set(architecture.baseline).union(*(r.features for r in architecture.refinements))
    known |= here.features() if here is not None and here.number == architecture.number else set()
    for kind in ("kernel", "functions", "native"):
        for name in image.sections:
            if name.startswith(kind + "-") and image.sections[name].info.get("tag", 0) & 31 == architecture.number:
                with contextlib.suppress(ImageError):
                    pages = PageSet.read(image, name)
                    known |= set(pages.features).union(*(row.get("features", ()) for row in pages.entries.values()))
    return frozenset(known)


def check(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Which functions would run natively on a machine, and why the others would not; without that machine."""
    architecture, features = target(options.target)
    known = known_features(image, architecture)
    if unknown := features - known:
        raise ValueError(f"{options.target}: no code and no tag has to do with a feature {', '.join(sorted(unknown))} "
                         f"of {architecture.name}; known are "
                         f"{', '.join(sorted(known)) or 'none'}")
    view, rows = HeapView(image), []
    reasons = foretell.predict(image, view, architecture, features)
    for name in sorted(view.functions()):
        why = reasons.get(name)
        rows.append({"function": name, "runs": "natively" if why is None else "as bytecode",
                     "code": why.code if why else "", "why": why.sentence() if why else ""})
    return rows, 1 if any(row["code"] not in ("", "not-compiled") for row in rows) else 0


def heap(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """What is in the heap by type, and the biggest objects; or how a symbol and what it has are kept."""
    view = HeapView(image)
    if options.symbol is not None:
        return census.why_kept(view, options.symbol), 0
    rows, biggest = census.census(view)
    return {"objects": sum(row["objects"] for row in rows), "bytes": sum(row["bytes"] for row in rows), "types": rows,
            "biggest": biggest}, 0


def modules(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """The modules of a library, and its typed modules."""
    rows = []
    for name, s in sorted(image.sections.items()):
        if name.startswith(PREFIX):
            module = name.removeprefix(PREFIX)
            rows.append({"module": module, "date": datetime.fromtimestamp(int(s.info.get("date", 0))).isoformat(" "),
                         "bytes": s.length, "functions": len(s.info.get("functions", ())),
                         "native": [tag_name(tag) for tag in module_tags(image, module)], "id": "", "type": ""})
    rows += [{"module": name.removeprefix(TYPED), "date": "", "bytes": s.length,
              "functions": len(s.info.get("functions", ())), "native": [], "id": s.info.get("id", ""),
              "type": s.info.get("tid", "")} for name, s in sorted(image.sections.items()) if name.startswith(TYPED)]
    return rows, 0


def tags(image: Image | None, options: argparse.Namespace) -> tuple[Any, int]:
    """The architectures of this build."""
    here = host()
    own = here.features() if here is not None else frozenset()
    return [{"tag": a.tag, "name": a.name, "triple": a.triple, "abi": a.abi, "bits": 8 * a.word,
             "order": "big" if a.big_endian else "little", "relocation kinds": len(a.kinds),
             "features": sorted(a.baseline), "here": here is not None and a.number == here.number and a.baseline <= own,
             "tested": not a.untested, "remark": a.untested} for a in with_refinements()], 0


def instructions(image: Image | None, options: argparse.Namespace) -> tuple[Any, int]:
    """The instructions of this build: numbers, operands, what they take from the stack and give, and what they mean"""
    return [{"number": r.number, "name": r.name, "operands": [f"{name}:{kind}" for name, kind in r.operands],
             "bytes": r.size, "takes": list(r.inputs), "gives": r.gives, "kind": r.kind, "fails": bool(r.fails),
             "meaning": " ".join(r.meaning.split("\n\n")[0].split())}
            for r in derived()], 0


def told(function: Callable[..., object]) -> str:
    """What a command does, in one line."""
    return " ".join((function.__doc__ or "").split())


def completion(image: Image | None, options: argparse.Namespace) -> tuple[Any, int]:
    """What makes a shell complete these commands."""
    return script(options.shell, parser(), {name: told(f).split(".")[0] for name, f in COMMANDS.items()}), 0


COMMANDS: dict[str, Any] = {f.__name__: f for f in (info, functions, modules, disasm, relocs, graph, heap, why, check,
                                                    size, diff, verify, sign, trust,
                                                    add, drop, thin, compact, copy, extract, export, executable, report,
                                                    tags, instructions, completion)}
TABLE_LIMIT = 1 << 20  # bytes of a table of instructions
JSON_VERSION = 1  # another one when a field goes or means something else; those that come are no change
WITHOUT_IMAGE = ("tags", "instructions", "completion", "trust")


def count(text: str) -> int:
    """A number of rows."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows; 0, 1, 2 ... expected")
    return int(text)


def heap_size(text: str) -> int:
    """A size of a heap in bytes, as csl takes it."""
    try:
        return size_of(text, "--heap")
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="csl-image", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"csl-native {__version__}")
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, function in COMMANDS.items():
        p = sub.add_parser(name, help=told(function).rstrip("."), description=told(function))
        if name == "completion":
            p.add_argument("shell", choices=("bash", "zsh", "fish"))
        elif name == "trust":
            p.add_argument("key", nargs="?",
                           help="public key: a file, or hexadecimal digits; none: list the trusted ones")
            p.add_argument("--name", help="whose it is")
            p.add_argument("--remove", action="store_true", help="do not trust it any more")
        elif name not in WITHOUT_IMAGE:
            p.add_argument("image", help="image file")
        p.add_argument("--json", action="store_true", help="machine-readable output")
        if name in ("add", "drop", "thin"):
            p.add_argument("--tag", action="append", required=True, help="architecture (name or number), repeatable")
        if name == "copy":
            p.add_argument("to", help="image file to copy into")
            p.add_argument("--tag", action="append", help="pages of this architecture (name or number), repeatable")
            p.add_argument("--module", action="append", help="this module, repeatable")
        if name == "sign":
            p.add_argument("--key", help="private Ed25519 key (PEM or OpenSSH); without, only this user is told that "
                                         "the image is good")
            p.add_argument("--make-key", action="store_true", help="make the key when there is no such file")
        if name in ("disasm", "relocs", "why"):
            p.add_argument("--tag", help="architecture (name or number)")
        if name == "check":
            p.add_argument("--target", required=True,
                           help="architecture with features that the machine has: TAG+feature+feature")
        if name == "disasm":
            p.add_argument("function", nargs="?",
                           help="function name, or a pattern like 'f*'; all functions without it")
            p.add_argument("--tier", choices=TIERS, help="one tier; all, when there is a tag, without it")
            p.add_argument("--bytes", action="store_true", help="with the bytes of each instruction")
        if name == "graph":
            p.add_argument("function", nargs="?",
                           help="calls of this function, or of those that a pattern like 'f*' fits; of all without it")
            p.add_argument("--flow", action="store_true",
                           help="the basic blocks of one function and the jumps between them")
            p.add_argument("--tag",
                           help="... of its native code for this architecture (name or number), not of its bytecode")
        if name == "functions":
            p.add_argument("--mine", action="store_true",
                           help="only those that the base image does not have as they are")
        if name == "size":
            p.add_argument("--sort", action="store_true", help="the biggest first, each byte once")
            p.add_argument("--top", type=count, metavar="N", help="only the N biggest")
            p.add_argument("--by", choices=("function", "prefix"), default="function",
                           help="functions whose names begin alike together")
        if name == "heap":
            p.add_argument("--symbol", help="how this symbol, its value and its function are kept")
        if name == "diff":
            p.add_argument("other", nargs="?", help="second image file")
            p.add_argument("--function", help="compare the native code of this function ...")
            p.add_argument("--tag", action="append", help="... for these two architectures")
        if name == "extract":
            p.add_argument("section", help="section name")
        if name in ("extract", "export", "executable", "report"):
            p.add_argument("-o", "--output", required=True, help="file to write")
        if name == "export":
            p.add_argument("--tag", required=True, help="architecture (name or number)")
            p.add_argument("--kernel", action="store_true", help="the kernel's code as well")
            p.add_argument("--listing", help="write Lisp and bytecode of the functions to this file, and let the debug "
                                             "information have its lines")
        if name == "executable":
            p.add_argument("--tag", help="architecture (name or number); without, this machine's")
            p.add_argument("--main", metavar="FUNCTION",
                           help="what the program begins with; without, the function that the image was preserved with")
            p.add_argument("--heap", type=heap_size, metavar="SIZE",
                           help="how large its heap may become, like 500M or 2G; without, 1G, and 256M where addresses "
                                "have 32 bits")
            p.add_argument("--allow-missing", action="store_true",
                           help="let calls of functions that such a program does not have be errors when it runs")
            p.add_argument("--trust", choices=LEVELS, default="keys", help="whose image is believed")
        if name == "report":
            p.add_argument("--function", help="show the code of this function (without: the longest one)")
        if name == "why":
            p.add_argument("--native", choices=("on", "off"), default="on")
    return top


def visible(result: Any) -> Any:
    """A result with all names as they are shown."""
    if isinstance(result, dict):
        return {shown(key): visible(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [visible(each) for each in result]
    return shown(result) if isinstance(result, str) else result


def show(options: argparse.Namespace, result: Any) -> None:
    """JSON, or text: on a terminal with rich, where that is installed."""
    if options.json:
        print(json.dumps({"version": JSON_VERSION, "command": options.command, "result": result}, indent=1,
                         default=str))
        return
    if not isinstance(result, str):
        result = visible(result)
    if sys.stdout.isatty():
        with contextlib.suppress(ImportError):
            from csl_native.tools.terminal import show as show_there
            show_there(options.command, result)
            return
    print(listing.plain(options.command, result))


def main(arguments: list[str] | None = None) -> int:
    """The program; gives the exit status."""
    return run_program("csl-image", lambda: command(arguments))


def command(arguments: list[str] | None) -> int:
    options = parser().parse_args(arguments)
    try:
        if options.command in WITHOUT_IMAGE:
            result, exit_status = COMMANDS[options.command](None, options)
            show(options, result)
            return int(exit_status)
        if "output" in options:
            check_output(options.output, [options.image])
        with Image(options.image) as image:
            read_instructions(image)
            result, status = COMMANDS[options.command](image, options)
    except (ImageError, CodeError, ValueError, OSError, MemoryError, ImportError, RuntimeError) as error:
        if of_output(error):
            raise
        text = names.said(sentence(error) if isinstance(error, ImportError) else said(error))
        if (isinstance(error, OSError) and error.filename is not None
            and error.filename == getattr(options, "output", None)):
            text = f"{error.filename}: cannot be written ({error.strerror})"
        as_json = {"version": JSON_VERSION, "command": options.command, "error": text}
        print(json.dumps(as_json) if options.json else f"csl-image: {shown(text)}",
              file=sys.stdout if options.json else sys.stderr)
        return 2
    show(options, result)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())

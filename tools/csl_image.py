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
import time
from typing import Any

from csl_native import __version__
from csl_native.baseimage import base_image, check_output
from csl_native.belonging import misfit
from csl_native.extras import sentence
from csl_native.heapview import HeapView
from csl_native.image.container import FORMAT_MAJOR, FORMAT_MINOR, Image, ImageError, unpack
from csl_native.image.files import shown
from csl_native.instructions.proof import prove
from csl_native.instructions.table import CodeError, derived, install
from csl_native.kernel.memory import ROOT_VECTOR
from csl_native.native.architectures import Architecture, by_name, by_tag, host, with_refinements
from csl_native.native.copying import tags_of
from csl_native.native.pages import PAGE_SIZE, RECORD, PageSet
from csl_native.native.units import units
from csl_native.objects import F_KEYWORD, SYM_FLAGS
from csl_native.system.process import of_output, run_program, said
from csl_native.tools import census, compare, foretell, listing
from csl_native.tools import modules as modules_of
from csl_native.tools.editing import add, compact, copy, drop, extract, report, thin
from csl_native.tools.export import export
from csl_native.tools.signing import CODE, sign, trust
from csl_native.trust import Trust
from csl_native.words import SYMBOL


def tag_name(tag: int) -> str:
    architecture = by_tag(tag)
    return architecture.name if architecture else f"tag {tag}"


def page_sets(image: Image, kind: str) -> dict[int, PageSet]:
    """The page sets of a kind (kernel or functions) by tag."""
    result = {}
    for name in sorted(image.sections):
        if name.startswith(kind + "-"):
            pages = PageSet.read(image, name)
            result[pages.tag] = pages
    return result


def info(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Sections, architectures and sizes."""
    rows = [{"section": s.name, "offset": s.offset, "stored": s.stored, "length": s.length, "mapped": s.raw,
             **({"tag": tag_name(s.info["tag"]), "abi": s.info.get("abi", "")} if "tag" in s.info else {})}
            for s in sorted(image.sections.values(), key=lambda s: s.offset)]
    heap = image.sections["heap"].info if "heap" in image.sections else {}
    return {"image": image.path, "size": image.size, "format": f"{FORMAT_MAJOR}.{FORMAT_MINOR}", "updates": image.sequence,
            "heap bytes": heap.get("size"), "tags": sorted({tag_name(s.info["tag"]) for s in image.sections.values() if "tag" in s.info}), "sections": rows,
            **({"damage": image.doubts} if image.doubts else {})}, 0


def functions(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Which function has native code for which architecture."""
    view = HeapView(image)
    native = view.hard_code()
    tags = sorted({entry[0] for entries in native.values() for entry in entries})
    rows = []
    for name in sorted(view.functions()):
        row: dict[str, Any] = {"function": name}
        for tag in tags:
            found = [e for e in native.get(name, []) if e[0] == tag]
            row[tag_name(tag)] = f"{found[0][2]}:{found[0][3]:#x}" if found else "bytecode"
        rows.append(row)
    return rows, 0


def chosen(image: Image, options: argparse.Namespace) -> list[Architecture]:
    if options.tag:
        return [by_name(options.tag)]
    return [a for t in page_sets(image, "functions") if (a := by_tag(t)) is not None]


def stencil_code(image: Image, view: HeapView, options: argparse.Namespace, result: dict[str, Any]) -> None:
    """What the stencils of the image make of a function, for the tag that was given or for all."""
    found = view.code_of(view.functions()[options.function])
    assert found is not None
    kernels, wanted = page_sets(image, "kernel"), by_name(options.tag).number if options.tag else None
    for tag, pages in page_sets(image, "stencils").items():
        architecture = by_tag(tag)
        if architecture is not None and wanted in (None, tag):
            if pages.bad_pages or tag not in kernels:
                what = f"page {min(pages.bad_pages)} is damaged" if pages.bad_pages else f"there is no kernel-{tag} for them"
                raise ImageError(f"{image.path}: section stencils-{tag}: {what}; csl-image drop --tag and add make them again")
            result[f"{architecture.name}, stencils"] = listing.stencil(pages, architecture, found[0], kernels[tag].entry_names)
    if options.tier == "stencil" and len(result) == 1:
        raise ImageError(f"{image.path}: has no stencils{f' for {options.tag}' if options.tag else ''}; csl-image add --tag makes some")


def disasm(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Bytecode and native code of a function."""
    module, heap = modules_of.module_of(image, options.function), "heap" in image.sections
    if module is not None and not (heap and options.function in HeapView(image).functions()):
        return modules_of.disasm(image, module, options), 0
    if not heap:
        known = ", ".join(modules_of.functions(image)[:20])
        raise ImageError(f"{image.path}: no module of it defines {options.function}; " + (f"they define {known}" if known else "it has none, and no heap"))
    view, tier = HeapView(image), options.tier
    result: dict[str, Any] = {"function": options.function}
    bytecode = view.listing(options.function)
    if tier in (None, "bytecode"):
        result["bytecode"] = bytecode
    if tier == "stencil" or tier is None and options.tag:
        stencil_code(image, view, options, result)
    sets = page_sets(image, "functions") if tier in (None, "optimised") else {}
    for architecture in chosen(image, options) if tier in (None, "optimised") else ():
        pages = sets.get(architecture.tag)
        entries = [e for e in view.hard_code().get(options.function, []) if e[0] == architecture.tag]
        if pages is None or not entries:
            result[architecture.name] = ["no native code for this tag"]
            continue
        lines: list[str] = []
        for _, _, page, offset in entries:
            lines += listing.native(pages, architecture, page * PAGE_SIZE + offset)
        if not architecture.capstone[0]:
            lines += listing.compiled_again(view, options.function, architecture)
        result[architecture.name] = lines
    return result, 0


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
                rows.append({"set": f"{kind}-{tag}", "page": place // PAGE_SIZE, "place": f"{place % PAGE_SIZE:#x}", "kind": name,
                             "target": pages.targets[target] or "this set", "addend": addend})
    return rows, 0


def why(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """What would run as bytecode here, and why."""
    from csl_native.session import Session
    tag = by_name(options.tag).number if options.tag else None
    session = Session(image.path, native=options.native == "on", tag=tag, heap=max(256 << 20, 2 * image.size))
    rows = [{"code": f.code, "function": f.subject, "detail": f.detail, "sentence": f.sentence()} for f in session.fallbacks]
    return rows, 1 if rows else 0


def verify(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Check every digest, all bytecode, and who vouches for it."""
    problems = image.doubts + [f"section {name} does not match its digest" for name in image.verify()]
    problems += [why for name in sorted(image.sections) if (why := misfit(image, name))]
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
            problems += view.misfits(set(here["entries"]), set(here["builtins"]))
        for _, symbol in sorted(view.functions().items() if view is not None else ()):
            found = view.code_of(symbol) if view is not None else None
            assert view is not None and found is not None
            symbols = {k: x for k, x in enumerate(found[1]) if x & 7 == SYMBOL}
            prove(found[0], len(found[1]), symbols, {k for k, x in symbols.items() if x > ROOT_VECTOR and not view.word(x + SYM_FLAGS) & F_KEYWORD})
    except (ImageError, CodeError) as error:
        problems.append(str(error))
    doubts = {name: doubt for name in sorted(image.sections) if name.startswith(CODE) and (doubt := Trust().doubt(image, name))}
    return {"image": image.path, "problems": problems, "not trusted here": doubts}, 1 if problems else 0


def target(text: str) -> tuple[Architecture, frozenset[str]]:
    """``TAG+feature,-feature`` as an architecture and the features that the machine has: those of the tag, more, or fewer."""
    names = sorted((a.name for a in with_refinements()), key=len, reverse=True)
    name = next((n for n in names if text == n or text.startswith((n + "+", n + "-", n + ","))), re.split("[+,]", text)[0])
    architecture = by_name(name)
    features = set(architecture.baseline)
    for part in filter(None, re.split(r",|(?=[+-])", text[len(name):])):
        sign, feature = part[0], part[1:]
        if sign not in "+-" or not feature:
            raise ValueError(f"{part!r} in the target {text}; +feature or -feature expected, separated by commas")
        if sign == "-" and feature not in features:
            raise ValueError(f"{name} has no feature {feature} to take away; it has {', '.join(sorted(features)) or 'none beyond its baseline'}; "
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
        raise ValueError(f"{options.target}: no code and no tag has to do with a feature {', '.join(sorted(unknown))} of {architecture.name}; known are "
                         f"{', '.join(sorted(known)) or 'none'}")
    view, rows = HeapView(image), []
    reasons = foretell.predict(image, view, architecture, features)
    for name in sorted(view.functions()):
        why = reasons.get(name)
        rows.append({"function": name, "runs": "natively" if why is None else "as bytecode", "code": why.code if why else "",
                     "why": why.sentence() if why else ""})
    return rows, 1 if any(row["code"] not in ("", "not-compiled") for row in rows) else 0


def size(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Every byte of the file: by section, and inside of page sets by function."""
    rows = []
    covered = 0
    for s in sorted(image.sections.values(), key=lambda s: s.offset):
        covered += s.stored
        rows.append({"what": s.name, "bytes": s.stored})
        if s.name.startswith("functions-"):
            pages = PageSet.read(image, s.name)
            code = 0
            for _, entry in sorted(pages.entries.items(), key=lambda row: int(row[0])):
                n = sum(length for _, length in entry.get("parts", []))
                code += n
                rows.append({"what": f"  {s.name} {entry['name']}", "bytes": n})
            rows.append({"what": f"  {s.name} relocation records ({pages.record_count})", "bytes": RECORD.size * pages.record_count})
            free = len(pages.data) - sum(n for _, n in found) if (found := units(pages)) is not None else 0
            rows.append({"what": f"  {s.name} free", "bytes": free})
            rows.append({"what": f"  {s.name} head, cells and padding", "bytes": s.stored - code - free - RECORD.size * pages.record_count})
    rows.append({"what": "roots, directory, superseded sections and padding", "bytes": image.size - covered})
    rows.append({"what": "all of the file", "bytes": image.size})
    return rows, 0


def heap(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """What is in the heap by type, and the biggest objects; or how a symbol and what it has are kept."""
    view = HeapView(image)
    if options.symbol is not None:
        return census.why_kept(view, options.symbol), 0
    rows, biggest = census.census(view)
    return {"objects": sum(row["objects"] for row in rows), "bytes": sum(row["bytes"] for row in rows), "types": rows, "biggest": biggest}, 0


def diff(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """What differs between two images, or between two architectures' code of one function."""
    if options.function is not None:
        if options.tag is None or len(options.tag) != 2:
            raise ValueError("diff --function NAME needs --tag twice")
        a, b = (by_name(name) for name in options.tag)
        tags_of(image, options.tag)
        for architecture in (a, b):
            if not any(entry[0] == architecture.tag for entry in HeapView(image).hard_code().get(options.function, ())):
                raise ImageError(f"{image.path}: function {options.function} has no native code for {architecture.name}; csl-image functions says what has")
        rows = compare.side_by_side(compare.code_of(image, options.function, a), compare.code_of(image, options.function, b), (a.name, b.name))
    elif options.other is None:
        raise ValueError("diff needs a second image, or --function NAME --tag A --tag B")
    else:
        with Image(options.other) as other:
            rows = compare.differences(image, other)
    return rows, 1 if rows else 0


def modules(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """The modules of a library."""
    from csl_native.lisp.fasl import PREFIX
    from csl_native.native.modulecode import module_tags
    rows = []
    for name, s in sorted(image.sections.items()):
        if name.startswith(PREFIX):
            module = name.removeprefix(PREFIX)
            rows.append({"module": module, "date": time.ctime(int(s.info.get("date", 0))), "bytes": s.length, "functions": len(s.info.get("functions", ())),
                         "native": " ".join(tag_name(tag) for tag in module_tags(image, module))})
    return rows, 0


def tags(image: Image | None, options: argparse.Namespace) -> tuple[Any, int]:
    """The architectures of this build."""
    here = host()
    own = here.features() if here is not None else frozenset()
    return [{"tag": a.tag, "name": a.name, "triple": a.triple, "abi": a.abi, "bits": 8 * a.word, "order": "big" if a.big_endian else "little",
             "relocation kinds": len(a.kinds), "features": " ".join(sorted(a.baseline)),
             "here": "yes" if here is not None and a.number == here.number and a.baseline <= own else "",
             "tested": a.untested or "yes"} for a in with_refinements()], 0


def instructions(image: Image | None, options: argparse.Namespace) -> tuple[Any, int]:
    """The instructions of this build: numbers, operands, what they take from the stack and give, and what they mean"""
    return [{"number": r.number, "name": r.name, "operands": " ".join(f"{name}:{kind}" for name, kind in r.operands), "bytes": r.size,
             "takes": " ".join(r.inputs), "gives": r.gives, "kind": r.kind, "fails": "yes" if r.fails else "", "meaning": r.meaning.split("\n")[0]}
            for r in derived()], 0


def completion(image: Image | None, options: argparse.Namespace) -> tuple[Any, int]:
    """What makes a shell complete these commands."""
    from csl_native.tools.completion import script
    return script(options.shell, parser(), {name: (f.__doc__ or "").split(".")[0] for name, f in COMMANDS.items()}), 0


COMMANDS: dict[str, Any] = {f.__name__: f for f in (info, functions, modules, disasm, relocs, heap, why, check, size, diff, verify, sign, trust,
                                                    add, drop, thin, compact, copy, extract, export, report, tags, instructions, completion)}
TABLE_LIMIT = 1 << 20  # bytes of a table of instructions
WITHOUT_IMAGE = ("tags", "instructions", "completion", "trust")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="csl-image", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"csl-native {__version__}")
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, function in COMMANDS.items():
        p = sub.add_parser(name, help=(function.__doc__ or "").strip().rstrip("."), description=function.__doc__)
        if name == "completion":
            p.add_argument("shell", choices=("bash", "zsh", "fish"))
        elif name == "trust":
            p.add_argument("key", nargs="?", help="public key: a file, or hexadecimal digits; none: list the trusted ones")
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
            p.add_argument("--key", help="private Ed25519 key (PEM or OpenSSH); without, only this user is told that the image is good")
            p.add_argument("--make-key", action="store_true", help="make the key when there is no such file")
        if name in ("disasm", "relocs", "why"):
            p.add_argument("--tag", help="architecture (name or number)")
        if name == "check":
            p.add_argument("--target", required=True, help="architecture with features that the machine has: TAG+feature+feature")
        if name == "disasm":
            p.add_argument("function", help="function name")
            p.add_argument("--tier", choices=("bytecode", "stencil", "optimised"), help="one tier; all, when there is a tag, without it")
        if name == "heap":
            p.add_argument("--symbol", help="how this symbol, its value and its function are kept")
        if name == "diff":
            p.add_argument("other", nargs="?", help="second image file")
            p.add_argument("--function", help="compare the native code of this function ...")
            p.add_argument("--tag", action="append", help="... for these two architectures")
        if name == "extract":
            p.add_argument("section", help="section name")
        if name in ("extract", "export", "report"):
            p.add_argument("-o", "--output", required=True, help="file to write")
        if name == "export":
            p.add_argument("--tag", required=True, help="architecture (name or number)")
            p.add_argument("--kernel", action="store_true", help="the kernel's code as well")
            p.add_argument("--listing", help="write Lisp and bytecode of the functions to this file, and let the debug information have its lines")
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
        print(json.dumps(result, indent=1, default=str))
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
            if "instructions" in image.sections:
                install(unpack(image.read("instructions", limit=TABLE_LIMIT)))
            result, status = COMMANDS[options.command](image, options)
    except (ImageError, CodeError, ValueError, OSError, MemoryError, ImportError, RuntimeError) as error:
        if of_output(error):
            raise
        text = sentence(error) if isinstance(error, ImportError) else said(error)
        if isinstance(error, OSError) and error.filename is not None and error.filename == getattr(options, "output", None):
            text = f"{error.filename}: cannot be written ({error.strerror})"
        print(json.dumps({"error": text}) if options.json else f"csl-image: {shown(text)}", file=sys.stdout if options.json else sys.stderr)
        return 2
    show(options, result)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())

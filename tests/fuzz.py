"""Coverage-guided fuzzing of what reads files: python -m tests.fuzz TARGET [libFuzzer options] [corpus folders].

``python -m tests.fuzz seeds`` makes the corpus in ``tests/fuzz_corpus`` anew.  An exception that the target does not
expect is a finding. Needs atheris (https://github.com/google/atheris), which is not there for every machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "fuzz_corpus"
WHAT = "-".join(sys.argv[1:2]).replace("/", "-")
FOLDER = Path("/dev/shm" if os.access("/dev/shm", os.W_OK)
              else tempfile.gettempdir()) / f"csl-native-fuzz-{os.getuid()}-{WHAT}"
FOLDER.mkdir(exist_ok=True, mode=0o700)


def image(data: bytes) -> None:
    """A file as an image: roots, directory, sections, page sets."""
    from csl_native.image.container import Image, ImageError
    from csl_native.native.pages import PageSet
    path = FOLDER / "x.img"
    path.write_bytes(data)
    try:
        with Image(path) as opened:
            for name in opened.sections:
                with contextlib.suppress(ImageError):
                    opened.read(name, limit=1 << 20)
                with contextlib.suppress(ImageError):
                    PageSet.read(opened, name)
            opened.verify()
    except ImageError:
        pass


def directory(data: bytes) -> None:
    """The same behind digests that fit: the directory is what is fuzzed."""
    from csl_native.image.container import PAGE, SLOT
    from csl_native.image.writing import _slot
    whole = bytearray(PAGE + 256) + data
    whole[:SLOT.size] = _slot(0, 1, PAGE + 256, data)
    image(bytes(whole))


def pages(data: bytes) -> None:
    """The contents of a page set."""
    from csl_native.image.container import ImageError
    from csl_native.native.pages import PageSet
    try:
        found = PageSet.parse(data, "fuzz")
    except ImageError:
        return
    list(found.records())
    found.functions_at(0)


def code(data: bytes) -> None:
    """A code object, through the proof."""
    from csl_native.instructions.codec import Code, disassemble
    from csl_native.instructions.proof import prove
    from csl_native.instructions.table import CodeError
    try:
        unpacked = Code.unpack(data[1:])
        prove(unpacked, data[0] if data else 0, range(1, 9), range(1, 9))
        disassemble(unpacked)
    except CodeError:
        pass


def relocation(data: bytes) -> None:
    """Relocation records applied to a small set, in memory whose bounds are checked."""
    from csl_native.architectures import by_tag
    from csl_native.native.elf import apply_text
    from csl_native.native.pages import RECORD
    from csl_native.relocation.kinds import ROW_WORDS
    from csl_native.restricted.cpython import execute
    architecture = by_tag(11 + (data[0] if data else 0) % 9)
    assert architecture is not None
    rows = b"".join(struct.pack(f"<{ROW_WORDS}q", *kind.words()) for kind in architecture.kinds)
    packed = data[1:len(data) - (len(data) - 1) % RECORD.size] if data else b""
    tables = rows + struct.pack("<3q", 4096, 1 << 40, -8) + packed
    place = len(tables) + 15 & -16
    if place > MOST - 320:
        return
    if "apply" not in _cache:
        _cache["work"] = bytearray(MOST)
        _cache["apply"] = execute(apply_text(), _cache["work"], {})["apply_records"]
    run, work = _cache["apply"], _cache["work"]
    work[:place + 320] = tables + bytes(place + 320 - len(tables))
    result = run(0, len(architecture.kinds), len(rows) + 24, len(packed) // RECORD.size, len(rows), 3, place, 256, 4096)
    assert work[:place] == tables + bytes(place - len(tables)) and work[place + 256:place + 320] == bytes(64), (
        "a record wrote outside of its set")
    assert -len(packed) <= result <= len(packed)


_cache: dict[str, Any] = {}


def heap(data: bytes) -> None:
    """A heap, as csl-image looks at it without running it."""
    from csl_native.image.container import ImageError
    from csl_native.instructions.table import CodeError
    from csl_native.saving.heapview import HeapView
    from csl_native.tools.census import census, why_kept

    class Stub:
        path, sections = "fuzz", {"heap": argparse.Namespace(info={"size": len(data) & -16}),
                                  "starts": argparse.Namespace(info={})}

        def view(self, name: str, check: bool = True) -> memoryview:
            return memoryview(data[:len(data) & -8] if name == "heap" else b"\xff" * (len(data) // 128 + 8))

        def read(self, name: str, check: bool = True) -> bytes:
            return bytes(self.view(name))
    try:
        view = HeapView(Stub())  # type: ignore[arg-type]
        for name in list(view.functions())[:20]:
            view.listing(name)
        view.hard_code()
        census(view)
        why_kept(view, "car")
    except (ImageError, CodeError):
        pass


def module(data: bytes) -> None:
    """The values of a module, made by the native kernel; they must be well-formed."""
    from csl_native.kernel.fasl import BAD
    from csl_native.runtime.kernels import Unwinding
    session = _cache.get("session")
    if session is None:
        from csl_native import Session
        session = _cache["session"] = Session(heap=64 << 20, output=open(os.devnull, "wb"))
        _cache["runs"] = 0

    def body() -> None:
        m = session.machine
        text, table = m.string(data), m.vector([m.intern("a"), m.intern("b"), *[2 * 8] * 6])
        try:
            value = m.kernel.fasl_value(text, 0, table)
        except Unwinding:
            return
        if value != BAD:
            session.lisp.printer.text(value) if len(data) < 200 else None
    _cache["runs"] += 1
    session.run(body)
    if _cache["runs"] % 500 == 0:
        session.eval("(reclaim)")


def typed(data: bytes) -> None:
    """A typed module, and bytes as the code of a procedure: what the builder takes can be translated, and the proof of
    its bytecode holds.
    """
    from csl_native.modules import Module, ModuleError, OperationException, RangeException, decode
    from csl_native.modules.running import define

    from .test_typed_random import wild_builder
    try:
        Module.from_bytes(data)
    except ModuleError:
        pass
    try:
        items = decode(data)
    except ModuleError:
        return
    builder = wild_builder()
    for item in items:
        with contextlib.suppress(ModuleError):
            builder.add_instr(0, item)
    try:
        module_ = builder.create_module("fuzz")
    except OperationException:
        return
    if "typed" not in _cache:
        from csl_native import Session
        _cache["typed"] = Session(heap=64 << 20, output=open(os.devnull, "wb"))
    with contextlib.suppress(RangeException):
        _cache["typed"].run(lambda: define(_cache["typed"].lisp, module_))


def tool(data: bytes) -> None:
    """csl-image on a file."""
    from csl_native.tools.csl_image import main
    path = FOLDER / "tool.img"
    path.write_bytes(data)
    command = ("info", "functions", "modules", "relocs", "heap", "size", "verify")[len(data) % 7]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main([command, str(path)]) in (0, 1, 2)


MOST = 1 << 16
TARGETS: dict[str, Callable[[bytes], None]] = {f.__name__: f
                                               for f in (image, directory, pages, code, relocation, heap, module, typed,
                                                         tool)}


def seeds() -> None:
    """Small examples of each kind, from a small image."""
    from csl_native import Session
    from csl_native.image.container import SLOT, Image, Section, write
    from csl_native.native.pages import RECORD
    from csl_native.saving.heapview import HeapView
    r = random.Random(1)
    session = Session(heap=64 << 20, output=open(os.devnull, "wb"), output_library=FOLDER / "lib.img")
    session.eval("(faslout 'm) (de f (x) (prog (i) l (setq i (g x 1 2.5 \"text\" '(a (b . c)) 12345678901234567890)) "
                 "(cond (i (go l))))) (faslend)")
    session.eval("(de h (x) (catch 'out (unwind!-protect (list x 1 2 3 4) (setq !*echo x)))) "
                 "(de k (x &optional y &rest z) (cond ((null x) y) (t z)))")
    session.preserve(FOLDER / "x.img")
    found: dict[str, list[bytes]] = {name: [] for name in TARGETS}
    write(FOLDER / "small.img", [Section("a", b"some text" * 4),
                                 Section("b", bytes(range(64)), raw=True, info={"tag": 12, "abi": "x"})])
    small = (FOLDER / "small.img").read_bytes()
    found["image"].append(small)
    _, _, _, _, _, at, size, _ = SLOT.unpack_from(small)
    found["directory"].append(small[at:at + size])
    with Image(FOLDER / "x.img") as opened:
        view = HeapView(opened)
        for name, symbol in list(view.functions().items()):
            pair = view.code_of(symbol)
            if pair is not None and name in ("h", "k"):
                found["code"].append(bytes([len(pair[1])]) + pair[0].pack())
        found["heap"].append(bytes(opened.read("heap")[:6000]))
    with Image(FOLDER / "lib.img") as opened:
        data = opened.read("module-m")
        head = struct.unpack_from("<I", data)[0]
        found["module"].append(data[4 + head:])
        found["tool"].append((FOLDER / "lib.img").read_bytes())
    pages_ = session.hardcode.pages
    if pages_ is not None:
        pages_.data = bytearray(b"\x90" * 40)
        pages_.entries, pages_.blocks = dict(list(pages_.entries.items())[:1]), {}
        pages_.packed = bytearray(RECORD.pack(1 << 56 | 1 << 32 | 8, 4))
        found["pages"].append(pages_.section("functions-11").data)
    for tag in range(9):
        rows = b"".join(RECORD.pack(r.randrange(12) << 56 | r.randrange(4) << 32 | r.randrange(280),
                                    r.choice((0, 4, -4, 1 << 20))) for _ in range(3))
        found["relocation"].append(bytes([tag]) + rows)
    from .test_typed_modules import factorial
    from .test_typed_random import wild
    found["typed"] = [factorial().to_bytes(), *(wild(random.Random(seed)).code("wild") for seed in range(4))]
    for name, examples in found.items():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        for k, example in enumerate(examples):
            (CORPUS / name / f"{k}").write_bytes(example)


def main() -> None:
    if sys.argv[1:] == ["seeds"]:
        seeds()
        return
    import atheris
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["csl_native"]):
        import csl_native.image.container
        import csl_native.instructions.proof
        import csl_native.native.elf
        import csl_native.native.pages
        import csl_native.saving.heapview
        import csl_native.saving.trust  # noqa: F401
    TARGETS[name](b"")
    atheris.Setup([*sys.argv, str(CORPUS / name)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()

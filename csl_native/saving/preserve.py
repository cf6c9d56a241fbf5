"""Preserve: heap → sections → image file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgpack

from csl_native.image.container import PAGE, STRONG, Image, Section, digest
from csl_native.image.digests import LARGE, pages_of
from csl_native.image.files import same
from csl_native.image.writing import Writer

from ..heap.vm import HEAP
from ..instructions.table import table
from ..kernel.memory import NIL, ROOT_HANDMADE
from .baseimage import check_output
from .belonging import TYPED, beside, misfit, owner, owner_of, put_beside
from .checked import remember_written
from .trust import is_program, seal, sealing_key, vouched

if TYPE_CHECKING:
    from ..session.session import Session

FORMAT_BYTECODE = 1


def heap_sections(session: Session, compress: bool) -> list[Section]:
    """The compacted heap with its start bits, and what a restore must know about it."""
    m, lisp = session.machine, session.lisp
    cage = m.cage
    lisp.collect()  # before anything is taken out of the roots for a while: it lives on in this session
    # Libraries are of this process.
    libraries = {s: m.value(s) or NIL for s in (m.intern("input-libraries"), m.intern("output-library"))}
    for symbol in libraries:
        m.set_value(symbol, NIL)
    handmade = m.root(ROOT_HANDMADE)  # made again when entries are instated
    m.set_root(ROOT_HANDMADE, NIL)
    size: int = m.kernel.compact()
    m.set_root(ROOT_HANDMADE, handmade)
    for symbol, value in libraries.items():
        m.set_value(symbol, value)
    scratch = cage["scratch"]
    starts_at: int = m.kernel.image_starts()
    starts_size = (size + 1023) // 1024 * 8
    heap = bytes(m.bytes[scratch:scratch + size])
    starts = bytes(m.bytes[starts_at:starts_at + starts_size])
    cage.forget(cage.places["forward"], cage.places["end"] - cage.places["forward"])
    cage.forget(scratch, size + starts_size + 65536)
    info: dict[str, Any] = {
        "size": size, "bytecode": FORMAT_BYTECODE, "entries": list(m.entry_names),
        "builtins": list(lisp.builtins.names), "gensym": cage["gensym"], "precision": cage["precision"],
        "modulus": cage["modulus"], "base": HEAP, "profile": sorted(getattr(session, "profile", ())), **session.about}
    heap += b"\0" * (-len(heap) % PAGE)
    if not compress and len(heap) > LARGE:
        info["pages"] = pages_of(heap)
    return [Section("heap", heap, raw=not compress, info=info), Section("starts", starts, raw=True),
            Section("instructions", msgpack.packb(table()), raw=True)]


def preserve(session: Session, path: str | os.PathLike[str], compress: bool = False, more: Sequence[Section] = (),
             expected: Mapping[str, bytes] | None = None) -> None:
    """Write the session to an image file, and ``more`` sections with it, in one atomic step; nothing when all of it is
    there already.

    ``expected``: digests of sections that must still be in the file, because what is written was made from them.

    A new file gets everything.  An existing image that this session came from, or wrote, keeps the page sets of
    other tags byte for byte; only the heap and this machine's sets are replaced.  Modules that a file has stay in it.
    """
    path = os.fspath(path)
    check_output(path)
    session.hardcode.collector.compact()
    sections = heap_sections(session, compress)
    own, heap = session.native_sections(), sections[0]
    heap.digest = digest(heap.data, STRONG)
    # they go together: a seal of the heap is one of them
    heap.info.update({s.name: digest(s.data, STRONG) for s in sections[1:]})
    for s in own:
        s.info["heap"] = heap.digest
    if not session.restricted:
        seal([heap, *own])
    made = {s.name for s in (*own, *more)}
    with Writer(path) as writer:
        writer.expect(expected or {})
        if session.path and writer.exists and same(path, session.path):
            there = writer.image
            stay = [there.sections[name] for name in beside(there.sections, "heap") if name not in made]
            writer.commit([*sections, *own, *more], infos={s.name: moved(session, there, s, heap) for s in stay})
        else:
            others = session.foreign_sections(lambda image, section: moved(session, image, section, heap))
            foreign = [s for name, s in others.items() if name not in made]
            writer.replace([*sections, *own, *more, *foreign, *_modules(writer, {s.name for s in foreign})])
        if len(heap.info.get("pages", b"")) and writer.exists:
            remember_written(os.fstat(writer.fd), heap.digest)


def moved(session: Session, image: Image, section: Section, heap: Section) -> dict[str, Any]:
    """The ``info`` of a page set of the heap that a session came from, beside the heap that is written; sealed when the
    session believed it.
    """
    if (owner_of(section.name) != "heap" or not is_program(image)
        and ("heap" not in section.info or misfit(image, section.name))):
        return section.info
    info = put_beside(section, heap)
    if (info is section.info or len(section.digest) != STRONG or session.restricted
        or session.trust.doubt(image, section.name)):
        return info
    if (key := sealing_key()) is None:
        return info
    return vouched(Section(section.name, b"", section.raw, info, length=section.length, digest=section.digest), key)


def _modules(writer: Writer, replaced: set[str]) -> list[Section]:
    """The modules of the file that is about to be written anew, typed ones too, less those that come with the session.
    """
    if not writer.exists:
        return []
    image = writer.image
    gone = {found[0] for found in map(owner, replaced) if found is not None}
    names = [name for name in image.sections if (found := owner(name)) is not None and found[0] not in gone
             or name.startswith(TYPED) and name not in replaced]
    return [Section(name, image.read(name), image.sections[name].raw, image.sections[name].info) for name in names]

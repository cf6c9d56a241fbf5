"""From woven text to the stencils of one architecture: LLVM compiles them, each into a section of its own, which is
taken out of its object.
"""

from __future__ import annotations

from ..architectures import Architecture
from ..heap.vm import SLOTS
from ..kernel.stencils import TARGETS
from ..native.compiler import entry_table, module_text, object_code
from ..native.conventions import by_slow_paths
from ..native.elf import Block, ObjectError, Relocator, opened, type_number
from ..restricted import llvm as ir
from ..restricted.checker import Function
from ..restricted.emitter import LLVM_TYPE, Emitter
from .weave import COLD, hot, shared, stencil_program, stencils


def module(architecture: Architecture, forced: str = "") -> str:
    """The IR of all stencils; what they call of the kernel goes through entry slots."""
    program, names = stencil_program(architecture.copying.cached, forced), stencils(architecture.copying.cached, forced)
    slots = {name: SLOTS + 8 * k for k, name in enumerate(entry_table())}

    def inlined(f: Function) -> bool:
        return f.inline or f.name in wanted
    wanted, parts, splitting = set(names), [ir.PERSONALITY], hot(forced)
    state = ", ".join(["ptr %base", "i64 %env", "i64 %fp", *(f"i64 %r{k}" for k in range(architecture.copying.cached))])
    unwinding = f"  %e = landingpad {{ptr, i32}} cleanup\n  %r = musttail call i64 @go{COLD}({state})\n  ret i64 %r\n"
    rare = list(shared()) if architecture.slow_convention else []
    reached = ir.closure(program, names, inlined)
    inner = frozenset(name for name in reached if name not in wanted)
    for name in reached:
        f = program.functions[name]
        if name in wanted:
            leave = unwinding if name.rstrip("0123456789") in splitting else ""
            text = ir.define(f, architecture, "hidden", f' section ".text.{name}"', leave)
            parts.append(by_slow_paths(text, rare, architecture.slow_convention, "shared.") if name.startswith("cold_")
                         else text)
        elif f.inline:
            text = ir.define(f, architecture, "internal")
            parts += [text, ir.leaving_copy(text, inner)]
        else:
            parts += [through_slot(f, slots[name], architecture), ir.leaving(f)]
            if name in rare:
                parts.append(through_slot(f, slots[f"shared.{name}"], architecture, architecture.slow_convention))
    # With ELFv2 a jump needs a function that the compiler sees; it must believe that this one looks at everything.
    parts += [f"define hidden i64 @{name}({state}) noinline optnone nounwind {{\n  %f = load volatile ptr, ptr %base\n"
              f"  %r = call i64 %f({state})\n  ret i64 %r\n}}\n" for name in TARGETS if name.startswith("go")]
    parts += [f"@{name} = external hidden global i8, align {1 << architecture.copying.shift}"
              for name in TARGETS if name.startswith(("hole", "origin"))]
    return module_text(architecture, "\n".join(parts), pic=False)


def through_slot(f: Function, slot: int, architecture: Architecture, convention: str = "") -> str:
    """A kernel function as what a stencil calls it by; with a convention, as ``shared.NAME``."""
    out = Emitter(architecture)
    out.access(f"%.p = getelementptr i8, ptr %base, i64 {slot}")
    out.access("%.f = load ptr, ptr %.p, align 8")
    result, parameters = LLVM_TYPE[f.result], ir.signature(f)
    call = f"{'' if convention else 'tail '}call {convention} {result} %.f({parameters})"
    value = None
    if result == "void":
        out.emit(call)
    else:
        value = out.define(call)
    out.ret(f.result, value)
    name = f"shared.{f.name}" if convention else f.name
    return f"define internal {convention} {result} @{name}({parameters}) nounwind alwaysinline {{\n{out.text()}}}\n"


def make(architecture: Architecture, forced: str = "") -> Block:
    """The stencils of an architecture (needs llvmlite); the targets of the records are those of ``TARGETS``."""
    return extract(object_code(architecture, module(architecture, forced), static=True), architecture, forced)


def extract(data: bytes, architecture: Architecture, forced: str = "") -> Block:
    """The functions of an object, one behind the other, in the order in which they are kept.

    A fast path for which a machine has no instructions is left out: its cold stencil stands in its place.
    """
    elf, symbols = opened(data)
    functions = {s.name: s for s in symbols if s["st_info"]["type"] == "STT_FUNC" and s["st_shndx"] != "SHN_UNDEF"}
    sections = {s.name: (k, s) for k, s in enumerate(elf.iter_sections())}
    relocations = {s["sh_info"]: s for s in elf.iter_sections() if s["sh_type"] in ("SHT_RELA", "SHT_REL")}

    def records_of(name: str, first: int) -> list[tuple[str, str, int, int]]:
        """Kind, target, place from ``first`` on, and addend of all records of a function."""
        index, section = sections[f".text.{name}"]
        original = Relocator(bytearray(section.data()), architecture.kinds)
        found = []
        for r in relocations[index].iter_relocations() if index in relocations else ():
            number, target = type_number(r), symbols[r["r_info_sym"]].name
            if number in architecture.ignored or r["r_offset"] < first:
                continue
            kind = architecture.kind(number)
            inside = target == TARGETS[0] and symbols[r["r_info_sym"]]["st_shndx"] == index  # the stencil itself
            if kind is None or target not in TARGETS[1:] and not inside:
                raise ObjectError(f"stencil {name} for {architecture.name}: relocation type {number} refers to "
                                  f"{target!r}; only its holes and places may be")
            addend = (r["r_addend"] if relocations[index]["sh_type"] == "SHT_RELA"
                      else original.addend(kind, r["r_offset"]))
            found.append((kind.name, target, r["r_offset"] - first, addend - first if inside else addend))
        return found
    block, taken = Block(), set()
    for name in stencils(architecture.copying.cached, forced):
        cold = name.replace("stencil_", "cold_")
        if name in taken:
            continue
        for source in (name, cold):
            first, end = architecture.local_entry(functions[source]), int(functions[source]["st_size"])
            try:
                records = records_of(source, first)
                break
            except ObjectError:
                if source == cold or cold not in functions:
                    raise
                taken.add(cold)
        start = len(block.data)
        block.records += [(kind, target, start + place, addend)
                          for kind, target, place, addend in sorted(records, key=lambda record: record[2])]
        block.symbols[name], block.sizes[name] = start, end - first
        block.data += sections[f".text.{source}"][1].data()[first:end]
    return block

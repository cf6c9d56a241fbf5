"""The verification of a procedure while it is built: registers and frames.

An instruction is added when it can stand where it is, so a procedure is verified when it is complete.  The rules of
frames: frames nest, nothing jumps out of one or into one, and a register is there only inside of a frame that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .errors import NotFoundException, OperationException, RangeException, TypeException
from .instructions import LEAVES, NUMBER, SHAPES, Instruction, needs
from .types import JUMP, MOST_INSTRUCTIONS, TOP_LEVEL_REG, Proc, VarSpec, VarType

if TYPE_CHECKING:
    from .builder import ModuleBuilder

NOWHERE = 1 << 60


class Frame:
    """``first``: number of its first instruction; ``limit``: nothing in it may be there or behind, because a jump from
    outside goes there; ``farthest``: where a jump in it goes."""

    def __init__(self, kind: str, register: int, first: int, limit: int, before: str | None) -> None:
        self.kind, self.register, self.first, self.limit, self.before = kind, register, first, limit, before
        self.pending: set[int] = set()
        self.farthest = -1


class Verifier:
    """The state of one procedure: ``visible`` registers and how they came to be there."""

    def __init__(self, builder: ModuleBuilder, proc: Proc) -> None:
        self.builder, self.proc, self.code = builder, proc, proc.code
        self.frames = [Frame("", -1, 0, NOWHERE, None)]
        io = builder.proc_types[proc.ptype].io
        self.visible = {k: "top" for k, spec in enumerate(builder.regs) if spec.flags & TOP_LEVEL_REG} | {io: "io"}

    def extend(self, code: Iterable[Instruction]) -> None:
        """Add instructions; an error names the first that cannot be added, and it and those behind it are not."""
        sufficient, visible, out, checks = self.builder.sufficient, self.visible, self.code, CHECKS
        at, limit = len(out), self.frames[-1].limit
        for item in code:
            registers = sufficient.get(item)
            if registers is None:
                registers = self.sufficiency(item)
            for register in registers:
                if register not in visible:
                    raise self.wrong(OperationException, item,
                                     f"register {register} is not allocated here; PUSH it, or make it the io register")
            number = item[0]
            check = checks[number]
            if check is not None:
                check(self, item, at, *item[1])
                limit = self.frames[-1].limit
            elif limit == at + 1:
                self.stays(item, at)
            out.append(item)
            at += 1

    # -- what an instruction needs ----------------------------------------------------

    def wrong(self, kind: type[Exception], item: Instruction, what: str) -> Exception:
        return kind(f"{self.proc.name}, instruction {len(self.code)} ({item}): {what}")

    def spec(self, register: int) -> VarSpec:
        return self.builder.regs[register]

    def type_of(self, register: int) -> VarType:
        return self.builder.var_types[self.spec(register).vtype]

    def sufficiency(self, item: Instruction) -> tuple[int, ...]:
        """The registers of an instruction, when they exist and are sufficient for it; that holds wherever it stands."""
        number, operands = item
        if not 0 < number < len(SHAPES) or len(operands) != len(SHAPES[number]):
            raise self.wrong(OperationException, item, "this is no instruction")
        shape, registers = SHAPES[number], []
        for kind, value in zip(shape, operands, strict=True):
            if kind == "r":
                if not 0 <= value < len(self.builder.regs):
                    raise self.wrong(NotFoundException, item,
                                     f"there is no register {value}; there are 0..{len(self.builder.regs) - 1}")
                registers.append(value)
            elif kind == "p" and not 0 <= value < len(self.builder.procs):
                raise self.wrong(NotFoundException, item,
                                 f"there is no procedure {value}; there are {len(self.builder.procs)}")
            elif kind == "n" and value < 0:
                raise self.wrong(RangeException, item, f"{value} is no offset or index")
            elif kind == "i" and not -(1 << 8 * (size := int(item.name[3:])) - 1) <= value < 1 << 8 * size:
                raise self.wrong(RangeException, item, f"{value} is no number of {size} bytes")
        sizes = self.builder.sizes
        for register, need in zip(registers, needs().get(number, ()), strict=False):
            if sizes[register] < need:
                self.enough(item, register, need)
        if item.name not in ("PUSH", "PUSHR"):
            found = tuple(dict.fromkeys(registers))
            if "n" not in shape and "p" not in shape:
                self.builder.sufficient[item] = found
            return found
        return ()

    def enough(self, item: Instruction, register: int, need: int) -> None:
        if self.type_of(register).bytes < need:
            raise self.wrong(TypeException, item,
                             f"register {register} has {self.type_of(register).bytes} bytes; {need} are needed")

    def same_type(self, item: Instruction, a: int, b: int) -> None:
        if self.spec(a).vtype != self.spec(b).vtype:
            raise self.wrong(TypeException, item, f"registers {a} and {b} are of the types {self.spec(a).vtype} and "
                                                  f"{self.spec(b).vtype}; one type expected")

    def reference(self, item: Instruction, register: int) -> None:
        if self.visible[register] != "PUSHR":
            raise self.wrong(OperationException, item, f"register {register} is no reference; PUSHR it")

    # -- jumps and frames -------------------------------------------------------------

    def jump(self, item: Instruction, at: int, offset: int) -> int:
        """Can a jump from here go so far?  Where it goes."""
        frame, to = self.frames[-1], at + offset
        if offset not in JUMP:
            raise self.wrong(RangeException, item, f"an offset of {offset}; {JUMP.start}..{JUMP.stop - 1} expected")
        if to < frame.first:
            raise self.wrong(RangeException, item,
                             f"it goes to {to}, before the first instruction of its frame, {frame.first}")
        if to >= frame.limit:
            raise self.wrong(RangeException, item,
                             f"it goes to {to}; a jump from outside of the frame goes to {frame.limit}")
        return to

    def stays(self, item: Instruction, at: int) -> None:
        if self.frames[-1].limit == at + 1:
            raise self.wrong(OperationException, item,
                             f"a jump from outside of the frame goes to {at + 1}, which would be inside; POP first")

    def check_jmp(self, item: Instruction, at: int, *operands: int) -> None:
        frame, to = self.frames[-1], at + operands[-1]
        if operands[-1] not in JUMP or not frame.first <= to < frame.limit or frame.limit == at + 1:
            self.jump(item, at, operands[-1])
            self.stays(item, at)
        if to > at:
            frame.pending.add(to)
            if to > frame.farthest:
                frame.farthest = to

    check_jnz = check_jg = check_jng = check_je = check_jmp

    def push(self, item: Instruction, at: int, kind: str, register: int = -1, target: int = -1) -> None:
        frame = self.frames[-1]
        frame.pending = {to for to in frame.pending if to > at}
        limit = min((frame.limit, *frame.pending, *([target] if target > at else [])))
        if limit <= at + 1:
            raise self.wrong(OperationException, item, f"a jump goes to {limit}, which would be inside of the frame")
        if register >= 0 and self.spec(register).flags & TOP_LEVEL_REG:
            raise self.wrong(OperationException, item, f"register {register} is a top-level one, which is always there")
        if target > at:
            frame.pending.add(target)
            frame.farthest = max(frame.farthest, target)
        self.frames.append(Frame(kind, register, at + 1, limit, self.visible.get(register)))
        if register >= 0:
            self.visible[register] = kind

    def check_push(self, item: Instruction, at: int, register: int) -> None:
        self.push(item, at, "PUSH", register)

    def check_pushr(self, item: Instruction, at: int, register: int) -> None:
        self.push(item, at, "PUSHR", register)

    def check_pushh(self, item: Instruction, at: int, offset: int) -> None:
        self.push(item, at, "PUSHH", target=self.jump(item, at, offset))

    def check_pop(self, item: Instruction, at: int) -> None:
        if len(self.frames) == 1:
            raise self.wrong(OperationException, item, "there is no frame to leave")
        frame = self.frames[-1]
        if frame.farthest >= at:
            raise self.wrong(OperationException, item,
                             f"a jump in the frame goes to {frame.farthest}, at its end or behind it")
        if len(self.frames) > 2 and self.frames[-2].limit == at + 1:
            raise self.wrong(OperationException, item,
                             f"a jump from outside of the frame goes to {at + 1}, which would be inside; POP first")
        self.frames.pop()
        if frame.before is not None:
            self.visible[frame.register] = frame.before
        elif frame.register >= 0:
            del self.visible[frame.register]

    # -- variables --------------------------------------------------------------------

    def check_lde(self, item: Instruction, at: int, a: int, index: int, b: int) -> None:
        self.stays(item, at)
        self.same_type(item, a, b)

    def check_ste(self, item: Instruction, at: int, a: int, b: int, index: int) -> None:
        self.check_lde(item, at, a, index, b)

    def check_ldb(self, item: Instruction, at: int, a: int, offset: int, b: int) -> None:
        self.stays(item, at)
        self.enough(item, a, offset + 1)

    def check_stb(self, item: Instruction, at: int, a: int, b: int, offset: int) -> None:
        self.stays(item, at)
        self.enough(item, b, offset + 1)

    def slot(self, item: Instruction, at: int, holder: int, k: int, register: int) -> None:
        """Does reference number k of ``holder`` go with a register that is a reference?"""
        self.stays(item, at)
        refs = self.type_of(holder).vrefs
        if k >= len(refs):
            raise self.wrong(RangeException, item,
                             f"there is no reference {k} in register {holder}, which has {len(refs)}")
        self.reference(item, register)
        spec, own = refs[k], self.spec(register)
        if spec.vtype != own.vtype or spec.fixed != own.fixed or spec.fixed and spec.count != own.count:
            raise self.wrong(TypeException, item, f"reference {k} of register {holder} is {describe(spec)}, register "
                                                  f"{register} is {describe(own)}")

    def check_ldr(self, item: Instruction, at: int, a: int, k: int, b: int) -> None:
        self.slot(item, at, a, k, b)

    def check_str(self, item: Instruction, at: int, a: int, b: int, k: int) -> None:
        self.slot(item, at, b, k, a)

    def check_new(self, item: Instruction, at: int, a: int) -> None:
        self.stays(item, at)
        self.reference(item, a)

    def check_newn(self, item: Instruction, at: int, count: int, a: int) -> None:
        self.stays(item, at)
        self.reference(item, a)
        if self.spec(a).fixed:
            raise self.wrong(TypeException, item, f"register {a} refers to variables of {self.spec(a).count} elements; "
                                                  "NON_FIXED_REF expected")

    # -- calls --------------------------------------------------------------------------

    def argument(self, item: Instruction, ptype: int) -> None:
        """Is the variable of the last frame what a procedure of this type takes?"""
        frame, io = self.frames[-1], self.spec(self.builder.proc_types[ptype].io)
        if frame.kind != "PUSH":
            raise self.wrong(OperationException, item,
                             f"the last frame must be a PUSH frame with the argument; it is {frame.kind or 'none'}")
        own = self.spec(frame.register)
        if (own.vtype, own.count) != (io.vtype, io.count):
            raise self.wrong(OperationException, item,
                             f"the argument is {describe(own)}; the procedure takes {describe(io)}")

    def check_call(self, item: Instruction, at: int, proc: int) -> None:
        self.stays(item, at)
        self.argument(item, self.builder.procs[proc].ptype)

    def pref(self, item: Instruction, register: int, k: int) -> int:
        prefs = self.type_of(register).prefs
        if k >= len(prefs):
            raise self.wrong(RangeException, item,
                             f"there is no procedure reference {k} in register {register}, which has {len(prefs)}")
        return prefs[k]

    def check_callr(self, item: Instruction, at: int, register: int, k: int) -> None:
        self.stays(item, at)
        self.argument(item, self.pref(item, register, k))

    def check_cpp(self, item: Instruction, at: int, proc: int, register: int, k: int) -> None:
        self.stays(item, at)
        wanted, found = self.pref(item, register, k), self.builder.procs[proc].ptype
        if wanted != found:
            raise self.wrong(TypeException, item, f"procedure {proc} is of type {found}; reference {k} of register "
                                                  f"{register} is of type {wanted}")

    # -- the end ------------------------------------------------------------------------

    def finish(self) -> None:
        """The procedure is complete: frames are left, jumps go to instructions, control does not run off the end."""
        name, size = self.proc.name, len(self.code)
        if len(self.frames) > 1:
            raise OperationException(f"{name}: the frame of instruction {self.frames[-1].first - 1} has no POP")
        if self.frames[0].farthest >= size:
            raise OperationException(f"{name}: a jump goes to {self.frames[0].farthest}, past the end; there are "
                                     f"{size} instructions")
        if not self.code or self.code[-1][0] not in LEAVES:
            raise OperationException(f"{name}: control runs off its end; RET, JMP or THROW expected as the last of "
                                     f"{size} instructions")
        if size > MOST_INSTRUCTIONS:
            raise RangeException(f"{name}: {size} instructions; at most {MOST_INSTRUCTIONS}")


CHECKS: list[Callable[..., None] | None] = [getattr(Verifier, f"check_{name.lower()}", None) for name in NUMBER]


def describe(spec: VarSpec) -> str:
    return f"{spec.count if spec.fixed else 'any number'} of type {spec.vtype}"


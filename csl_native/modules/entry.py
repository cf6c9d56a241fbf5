"""The Lisp function of an external procedure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..instructions.codec import Code
from ..lisp.assembly import Assembler, Function
from .registers import body_name
from .types import Proc

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from .module import Module


class Entry(Assembler):
    """The function of an external procedure: it takes a variable, or an integer where that is what the variable is;
    exceptions end in an error.
    """

    def __init__(self, lisp: Lisp, module: Module, proc: Proc) -> None:
        self.m = lisp.machine
        self.module, self.proc = module, proc
        self.f = Function(lisp.machine.intern(proc.name))

    def translate(self) -> tuple[Code, list[int]]:
        spec = self.module.reg(self.module.proc_type(self.proc.ptype).io)
        vtype = self.module.var_type(spec.vtype)
        self.new_local()
        bytes_, depth = self.new_local(), self.new_local()
        body = self.literal(self.m.intern(body_name(self.module, self.proc)))
        start, end, stub, other = (self.label() for _ in range(4))
        self.op("binding_depth")
        self.op("store_local", depth)
        self.place(start, 0)
        if spec.count == 1 and vtype.bytes >= 8 and not vtype.references:
            self.op("local", 0)
            self.op("fixp")
            self.jump("jump_nil", other)
            self.op("literal", self.literal(vtype.bytes << 3))
            self.op("make_variable")
            self.op("store_local", bytes_)
            self.op("var_open", bytes_, 8)
            self.op("store_local", bytes_)
            self.op("local", 0)
            self.op("check_word")
            self.op("var_take", bytes_)
            self.op("local", bytes_)
            self.op("call1", body)
            self.op("pop")
            self.op("var_integer", bytes_)
            self.op("return")
        self.place(other, 0)
        self.op("local", 0)
        self.op("call1", body)
        self.op("return")
        self.place(end, 0)
        self.place(stub, 0)
        self.op("literal", self.literal(self.f.name))
        self.op("local", depth)
        self.op("var_caught")
        self.op("call2", self.literal(self.m.intern("module-exception")))
        self.op("return")
        self.f.handlers.append((start, end, stub, 0))
        return self.assemble(1, 1, False), self.f.literals



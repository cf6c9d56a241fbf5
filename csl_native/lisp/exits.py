"""Special forms that leave and are left: prog, go, return, catch, unwind-protect."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..heap.words import CONS, SYMBOL
from ..kernel.memory import NIL
from .assembly import EFFECT, TAIL, VALUE, Assembler, Block
from .errors import CompileError

if TYPE_CHECKING:
    from ..runtime.machine import Machine
    from .deep import Steps
    from .lambdas import Known
    from .lisp import Lisp


class Exits(Assembler):
    """What special forms need of the compiler."""

    lisp: Lisp
    m: Machine
    quote: int
    function: int
    setq: int
    special: dict[int, Callable[[int, int], Steps]]
    loops: tuple[Callable[[int, int], Steps], ...]
    known: Known
    compiled: bool
    lambda_: int
    list_: int
    form: Callable[[int, int], Steps]
    progn: Callable[[list[int], int], Steps]
    constant: Callable[[int, int], None]
    finish: Callable[[int], None]
    call: Callable[[int, list[int], int], Steps]
    general_call: Callable[[int, list[int], int], Steps]
    let: Callable[[list[tuple[int, int]], Callable[[int], Steps], int], Steps]
    check_bindable: Callable[[int], None]
    back_jump: Callable[[int], None]
    declare: Callable[[int], None]

    def form_prog(self, x: int, context: int) -> Steps:
        """(prog (variable...) form...)
        Bind variables to nil (or, for (variable form), to a value) and evaluate forms, between which symbols are
        labels for `go`; `return` ends it, else its value is nil.
        (prog (k) (setq k 0) loop (setq k (add1 k)) (cond ((lessp k 3) (go loop))) (return k)) => 3
        """
        m, _f = self.m, self.f
        body = list(m.items(m.cdr(m.cdr(x)))) if m.cdr(x) != NIL else []
        yield self.let(self.bindings(m.car(m.cdr(x)) if m.cdr(x) != NIL else NIL), lambda c: self.block(body, c),
                       context)

    def bindings(self, variables: int) -> list[tuple[int, int]]:
        """What variables are bound to: each is a symbol, or a list of one and a form."""
        m = self.m
        rows = [(row, NIL) if row & 7 != CONS or m.car(row) & 7 != SYMBOL
                else (m.car(row), m.car(m.cdr(row)) if m.cdr(row) != NIL else NIL)
                for row in m.items(variables)]
        for symbol, _ in rows:
            self.check_bindable(symbol)
        return rows

    def form_tagbody(self, x: int, context: int) -> Steps:
        """(tagbody form...)
        Evaluate forms, between which symbols are labels for `go`; nil.
        (tagbody (go end) (error 0 "x") end) => nil
        """
        yield self.block(list(self.m.items(self.m.cdr(x))), context, False)

    def form_named_block(self, x: int, context: int) -> Steps:
        """(~block name form...)
        Evaluate forms; `(return-from name value)` ends it.
        (!~block b (return!-from b 5) 6) => 5
        """
        m, parts = self.m, list(self.m.items(self.m.cdr(x)))
        name = parts[0] if parts else NIL
        body = m.cons(m.intern("progn"), m.list(parts[1:]))
        yield self.block([m.list([m.intern("return-from"), name, body])], context, False, name)

    def block(self, body: list[int], context: int, returns: bool = True, name: int = NIL) -> Steps:
        f = self.f
        block = Block(f.depth, f.bindings, f.arguments, len(f.cleanups), context, self.label(), returns, name)
        if context != EFFECT:
            block.result = self.new_local()
        for y in body:
            if y & 7 != CONS:
                block.labels[y] = self.label()
        f.blocks.append(block)
        for y in body:
            if y & 7 != CONS:
                self.place(block.labels[y], block.depth)
                block.left = block.left or False
            else:
                if (steps := self.form(y, EFFECT)) is not None:
                    yield steps
        f.blocks.pop()
        if context == EFFECT:
            self.place(block.exit, block.depth)
            return
        if not f.dead:
            self.op("nil")
            self.op("store_local", block.result)
        if block.left or not f.dead:
            self.place(block.exit, block.depth)
            self.op("local", block.result)
            self.finish(context)

    def leave(self, block: Block) -> Steps:
        """Undo everything between here and a block; the value, if any, is in its result local."""
        f = self.f
        depth, cleanups = f.depth, list(f.cleanups)
        while len(f.cleanups) > block.protections:
            cleanup = f.cleanups.pop()
            if cleanup:
                yield self.form(cleanup, EFFECT)
        f.cleanups = cleanups
        while f.depth > block.depth:
            self.op("pop")
        if f.arguments > block.arguments:
            self.op("drop_arguments", f.arguments - block.arguments)
        if f.bindings > block.bindings:
            self.op("unbind", f.bindings - block.bindings)
        if not f.dead:
            f.depth = depth

    def form_go(self, x: int, context: int) -> Steps:
        """(go label)
        Go on behind a label of the `prog` or `tagbody` around it.
        (prog nil (go end) (error 0 "x") end (return 5)) => 5
        """
        f, m = self.f, self.m
        label = m.car(m.cdr(x)) if m.cdr(x) != NIL else NIL
        for block in reversed(f.blocks):
            if label in block.labels:
                depth = f.depth
                yield self.leave(block)
                f.depth = block.depth
                self.back_jump(block.labels[label])
                f.depth = depth + (context != EFFECT)
                return
        if self.compiled and self.lisp.words is not None:  # as the original's compiler: a message, and no jump
            self.lisp.words.line(f"+++++ label {m.label(label) if label & 7 == SYMBOL else '?'} not set")
            self.constant(NIL, context)
            return
        yield self.general_call(m.intern("bad-go"), [m.list([self.quote, label])], context)

    def form_return(self, x: int, context: int) -> Steps:
        """(return form)  End the innermost `prog` around it, with a value.  (prog nil (return 5)) => 5"""
        m = self.m
        value = m.car(m.cdr(x)) if m.cdr(x) != NIL else NIL
        block = next((b for b in reversed(self.f.blocks) if b.returns), None)
        if block is None:
            yield self.general_call(m.intern("bad-return"), [value, NIL], context)
        else:
            yield self.give(block, value, context)

    def form_return_from(self, x: int, context: int) -> Steps:
        """(return-from name form)
        End the innermost block of that name around it, with a value.
        (!~block b (return!-from b 5) 6) => 5
        """
        parts = list(self.m.items(self.m.cdr(x)))
        name, value = (parts + [NIL, NIL])[:2]
        block = next((b for b in reversed(self.f.blocks) if (b.name == name if name != NIL else b.returns)), None)
        if block is None:
            yield self.general_call(self.m.intern("bad-return"), [value, self.m.list([self.quote, name])], context)
        else:
            yield self.give(block, value, context)

    def give(self, block: Block, value: int, context: int) -> Steps:
        """Leave a block with the value of a form."""
        f = self.f
        simple = f.bindings == 0 and not f.cleanups and not f.protections and f.arguments == block.arguments
        if block.context == TAIL and simple:
            depth = f.depth
            if (steps := self.form(value, TAIL)) is not None:
                yield steps
            f.depth = depth + (context != EFFECT)
            return
        if block.context == EFFECT:
            if (steps := self.form(value, EFFECT)) is not None:
                yield steps
        else:
            if (steps := self.form(value, VALUE)) is not None:
                yield steps
            self.op("store_local", block.result)
        if f.dead:
            return
        depth = f.depth
        yield self.leave(block)
        block.left = True
        f.depth = block.depth
        self.jump("jump", block.exit)
        f.depth = depth + (context != EFFECT)

    def form_catch(self, x: int, context: int) -> Steps:
        """(catch tag form...)
        Evaluate forms; when one of them, or what it calls, throws to the tag, the value thrown.
        (catch 'out (car (throw 'out 5))) => 5
        """
        m, f = self.m, self.f
        tag, body = m.car(m.cdr(x)), list(m.items(m.cdr(m.cdr(x))))
        tag_slot, depth_slot = self.new_local(), self.new_local()
        yield self.form(tag, VALUE)
        self.op("store_local", tag_slot)
        self.op("binding_depth")
        self.op("store_local", depth_slot)
        self.op("local", tag_slot)
        self.op("enter_catch")
        self.op("pop")
        f.bindings += 1
        f.protections += 1
        start, stop, handler, end = self.label(), self.label(), self.label(), self.label()
        depth = f.depth
        self.place(start)
        yield self.progn(body, VALUE)
        self.op("unbind", 1)
        self.place(stop, depth + 1) if not f.dead else f.items.append(("label", stop))
        f.bindings -= 1
        f.protections -= 1
        if not f.dead:
            self.jump("jump", end)
        self.place(handler, depth)
        f.handlers.append((start, stop, handler, depth))  # inner ranges come first, so the innermost is found first
        self.op("local", tag_slot)
        self.op("local", depth_slot)
        self.op("caught")
        self.place(end, depth + 1)
        f.locals -= 2
        self.finish(context)

    def form_throw(self, x: int, context: int) -> Steps:
        arguments = list(self.m.items(self.m.cdr(x)))
        if len(arguments) != 2:
            raise CompileError("bad args for throw", bare=True)
        yield self.call(self.m.car(x), arguments, context)

    def form_unwind_protect(self, x: int, context: int) -> Steps:
        """(unwind-protect form cleanup...)
        Evaluate a form, and the others afterwards, also when it ends by an error, throw or return; the value of
        the first.
        (unwind!-protect (prin1 1) (prin1 2)) prints 12
        """
        m, f = self.m, self.f
        parts = list(m.items(m.cdr(x)))
        cleanup = m.cons(m.intern("progn"), m.list(parts[1:]))
        depth_slot, result = self.new_local(), self.new_local()
        self.op("binding_depth")
        self.op("store_local", depth_slot)
        start, stop, handler, end = self.label(), self.label(), self.label(), self.label()
        depth = f.depth
        f.protections += 1
        f.cleanups.append(cleanup)
        self.place(start)
        yield self.form(parts[0] if parts else NIL, VALUE)
        f.cleanups.pop()
        f.protections -= 1
        if f.dead:
            f.items.append(("label", stop))
        else:
            self.op("store_local", result)
            self.place(stop, depth)
            yield self.form(cleanup, EFFECT)
            self.jump("jump", end)
        self.place(handler, depth)
        f.handlers.append((start, stop, handler, depth))
        self.op("local", depth_slot)
        self.op("save_unwind")
        self.op("store_local", result)
        yield self.form(cleanup, EFFECT)
        self.op("local", result)
        self.op("resume_unwind")
        self.op("pop")
        self.place(end, depth)
        self.op("local", result)
        f.locals -= 2
        self.finish(context)

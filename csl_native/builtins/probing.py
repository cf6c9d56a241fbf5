"""A look at the machine from the prompt: its registers, stack and heap, the code of a function, and code planted by
hand.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..heap.objects import BY_TYPE, CODE_HEADER, SYM_ENV
from ..heap.vm import HEAP, VM
from ..heap.words import HEADER, SYMBOL
from ..instructions.codec import Code, decode, disassemble, encode
from ..instructions.table import CodeError, by_name
from ..kernel.memory import NIL
from ..lisp.registry import Checked, Fixnum, builtin
from ..saving.verifying import private_env
from ..stencils.weave import placement
from .images import session_of

if TYPE_CHECKING:
    from ..instructions.codec import Code
    from ..lisp.lisp import Lisp


@builtin("vm-registers", 0)
def vm_registers(lisp: Lisp) -> int:
    """The fields of the VM block as `((name . value) ...)`; places are offsets in the cage.
    (listp (vm!-registers)) => t
    """
    m = lisp.machine
    values = [(name, m.cage[name]) for name in VM]
    return m.list([m.cons(m.intern(name.replace("_", "-")), m.integer(value)) for name, value in values])


@builtin("lisp-stack", 0, 1)
def lisp_stack(lisp: Lisp, most: Fixnum = 20 * 8) -> int:
    """The uppermost words of the Lisp stack, the top first: values, or integers where a word is none.
    (listp (lisp!-stack 5)) => t
    """
    lisp.reach_out("lisp-stack")
    m, cage = lisp.machine, lisp.machine.cage
    lisp.collect()  # so that start bits say where objects are
    first = max(cage["stack_base"], cage["sp"] - max(most, 0))
    words = m.row(first, cage["sp"] - first >> 3)
    good = m.kernel.good_value
    return m.list([word if good(word, cage["heap_top"]) else m.integer(word) for word in reversed(words)])


@builtin("heap-crawl", 0)
def heap_crawl(lisp: Lisp) -> int:
    """What lives, after a full collection: `((type objects bytes) ...)`, the most bytes first.
    (listp (heap!-crawl)) => t
    """
    m = lisp.machine
    lisp.collect()
    starts, top = m.cage["starts"] >> 3, m.cage["heap_top"]
    objects: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for line in range(HEAP >> 10, (top >> 10) + 1):
        m.look()
        bits = m.words[starts + line] & (1 << 64) - 1
        while bits:
            p = (line << 10) + ((bits & -bits).bit_length() - 1 << 4)
            bits &= bits - 1
            head = m.words[p >> 3]
            name = BY_TYPE[head >> 3 & 31].name if head & 7 == HEADER else "cons"
            objects[name] += 1
            sizes[name] += (head >> 8) + 23 & -16 if head & 7 == HEADER else 16
    return m.list([m.list([m.intern(name), objects[name] << 3, sizes[name] << 3]) for name, _ in sizes.most_common()])


def code_of(lisp: Lisp, name: int, who: str) -> tuple[Code, list[int]]:
    m = lisp.machine
    if name & 7 != SYMBOL or not lisp.is_bytecoded(name):
        raise lisp.errors.plain(f"{who}: a function with bytecode expected", name)
    literals = m.vector_items(m.field(name, SYM_ENV))
    return Code.unpack(m.raw(literals[0])), literals


@builtin("code-listing", 1)
def code_listing(lisp: Lisp, name: Checked) -> int:
    """Print the bytecode of a function; nil.
    (code!-listing 'caar) is not run: it shows instructions, which may change
    """
    code, literals = code_of(lisp, name, "code-listing")
    for line in disassemble(code, lambda k: lisp.printer.text(literals[k])):
        lisp.output.write(line + "\n")
    return NIL


@builtin("code-size", 1)
def code_size(lisp: Lisp, name: Checked) -> int:
    """Bytes of a function as bytecode, and of the native code that runs in its place: `((bytecode . n) (TIER . n))`.
    (caar (code!-size 'caar)) => bytecode
    """
    m = lisp.machine
    code, _ = code_of(lisp, name, "code-size")
    rows = [("bytecode", len(code.code))]
    compiled = lisp.jit.functions.get(name) if lisp.jit is not None else None
    if compiled is not None:
        rows.append((compiled.tier, compiled.memory.size))
    pages = session_of(lisp).hardcode.pages
    if pages is not None:
        text = m.text(name)
        sizes = [sum(size for _, size in row.get("parts", ())) for row in pages.entries.values() if row["name"] == text]
        rows += [("pages", size) for size in sizes[-1:] if not compiled]
    return m.list([m.cons(m.intern(kind), size << 3) for kind, size in rows])


@builtin("native-strategies", 1)
def native_strategies(lisp: Lisp, name: Checked) -> int:
    """How the stencils do the instructions of a function: `((inline INSTRUCTION ...) (shared ...) (call ...))`.
    (mapcar (native!-strategies 'caar) 'car) => (inline shared call)
    """
    m = lisp.machine
    code, _ = code_of(lisp, name, "native-strategies")
    found: dict[str, list[str]] = {"inline": [], "shared": [], "call": []}
    for item in decode(code.code):
        found[placement(item.row)].append(item.row.name)
    return m.list([m.list([m.intern(kind), *(m.intern(row) for row in rows)]) for kind, rows in found.items()])


@builtin("plant", 3, 4)
def plant(lisp: Lisp, name: Checked, count: Checked, text: Checked, locals_: Checked = 0) -> int:
    """Define a function of so many arguments by its instructions, each a list of a name and operands; the name.  A
    literal stands where its number would; a jump's operand is the number of an instruction.  What is planted is
    proved before.
    (progn (plant 'example!-r 1 '((local 0) (add1) (return))) (example!-r 4)) => 5
    """
    m = lisp.machine
    rows = [list(m.items(row)) for row in m.items(text)]
    if (name & 7 != SYMBOL or name == NIL or count & 7 or locals_ & 7 or not 0 <= count >> 3 < 200
        or not 0 <= locals_ >> 3 < 50 or not rows):
        raise lisp.errors.plain("plant: a name, a number of arguments and a list of instructions expected", name)
    literals: list[int] = []
    try:
        known = by_name()
        names = [m.text(row[0]) if row and row[0] & 7 == SYMBOL else "?" for row in rows]
        unknown = next((n for n in names if n not in known), None)
        if unknown is not None:
            raise CodeError(f"there is no instruction {unknown}; docs/INSTRUCTIONS.md has the table")
        places = [0]
        for n in names:
            places.append(places[-1] + known[n].size)
        out = b""
        for k, (n, row) in enumerate(zip(names, rows, strict=True)):
            operands = []
            if len(row) - 1 != len(known[n].operands):
                raise CodeError(f"{n} has {len(known[n].operands)} operands; {len(row) - 1} given")
            for (label, _), x in zip(known[n].operands, row[1:], strict=True):
                if label == "n" and "env" in known[n].context:
                    if x not in literals:
                        literals.append(x)
                    operands.append(literals.index(x) + 1)
                    continue
                if x & 7 or label == "at" and not 0 <= x >> 3 < len(rows):
                    raise CodeError(f"{n}: {lisp.printer.text(x)} is no "
                                    f"{'number of an instruction' if label == 'at' else 'number'}")
                operands.append(places[x >> 3] - places[k + 1] if label == "at" else x >> 3)
            out += encode(n, *operands)
        total = (count >> 3) + (locals_ >> 3)
        code = Code(count >> 3, count >> 3, False, total, total + 40, out)
        env = private_env(m, m.vector([m.object(CODE_HEADER, code.pack()), *literals]))
    except CodeError as error:
        raise lisp.errors.plain(f"plant: {error}", name) from None
    lisp.install_env(name, env, False)
    return name


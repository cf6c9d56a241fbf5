"""Mutants that no test can kill, because the program means the same: file, function, line, kind and what stands there;
and why.
"""

from __future__ import annotations

Row = tuple[str, str, str, str, str]
PROOF, HEADS = "csl_native/instructions/proof.py", "csl_native/native/heads.py"
EQUIVALENT: dict[Row, str] = {
    (PROOF, '_prove_flow', 'typed._replace(opened=-1, element=None) if caught else then)', 'constant', '(2)'):
        'any negative number says that the top is no opened variable',
    (PROOF, 'Typed.join', 'holds = tuple(a & b for a, b in zip(self.holds, other.holds,', 'constant', '(False)'):
        'the sequences have the same length by their types',
    (PROOF, '_check_typed', 'for (_, kind), n in zip(item.row.operands, item.operands, st', 'constant', '(False)'):
        'the sequences have the same length by their types',
    (PROOF, '_after_typed', 'for mask, size in zip(holds, SIZES, strict=True))', 'constant', '(False)'):
        'the sequences have the same length by their types',
    (PROOF, 'Typed.join', 'return Typed(holds, min(self.opened, other.opened), self.ele', 'negated',
     '(self.element != other.element)'):
        'only a pop leaves an element, so one of two ways that meet has none',
    (PROOF, '', 'NOTHING = Typed((0,) * len(SIZES), -1, None)', 'constant', '(2)'):
        'any negative number says so',
    (PROOF, '', 'NOTHING = Typed((0,) * len(SIZES), -1, None)', 'constant', '(0)'):
        'nothing is on the stack at the beginning',
    (PROOF, '_check_typed', 'need = ACCESS[kind][1] // 8 if kind in ACCESS else 0 if kind', 'constant', '(2)'):
        'any negative number says that an operand needs nothing',
    (PROOF, '_after_typed', 'name, holds, opened = item.row.name, typed.holds, -1', 'constant', '(2)'):
        'any negative number says so',
    (HEADS, 'check_head', 'if (type(names) is not list or any(type(row) is not list or ', 'condition dropped',
     '(any((type(row) is not list or len(row) '):
        'to iterate over what is no list is an error of the same kind',
}

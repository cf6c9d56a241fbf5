"""Layout of a code object: a 16-byte head, the bytecode, then the handler rows.

Offsets are from the tagged word (tag OTHER).  A handler row is four little-endian
16-bit numbers: start and end of the protected bytecode, the handler's address,
and the stack depth there; addresses count from the first instruction.  Behind
bytecode of 65536 bytes or more they are four 32-bit numbers.
"""

from ..heap.words import OTHER

CODE_MIN = 8 - OTHER  # arguments required
CODE_MAX = 9 - OTHER  # arguments accepted, without the rest
CODE_REST = 10 - OTHER  # 1: further arguments become a list
CODE_FIXED = 11 - OTHER  # the exact count when min = max and no rest, else 255
CODE_LOCALS = 12 - OTHER  # u16: arguments and other locals
CODE_FRAME = 14 - OTHER  # u16: words of the frame, locals and operands
CODE_HANDLERS = 16 - OTHER  # u16: offset of the handler rows from the first instruction, its low 16 bits
CODE_HANDLER_COUNT = 18 - OTHER  # u16
CODE_GIVEN = 20 - OTHER  # 1: the program has, or had, the literal vector, and may change it and the bytecode
CODE_COMPILED = 21 - OTHER  # 1: compiled for good: a variable that is unset is no error
CODE_LONG = 22 - OTHER  # the bits of the offset of the handler rows above 16; where there are some, the rows are wide
CODE_START = 24 - OTHER  # the first instruction
HEAD_SIZE = 16

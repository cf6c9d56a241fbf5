"""Sequences of instructions that interpreters run in one step.

They are no instructions: what each does is put together from the definitions of its parts.  In bytecode the opcode of
the first part is replaced by the number of the sequence, and all else stays as it is: operands where they were, and
opcodes of the other parts, which a jump may still go to.  So whoever does not care for sequences takes such an opcode
for the first part's.

Numbers go down from 255 by position: add at the end.  Only the last part may jump or leave the function.
They are what is frequent in the programs of the corpus, without what is peculiar to one of them.
"""

SEQUENCES = tuple(tuple(line.split()) for line in """
local local
local local local
local small
local literal
local car
local cdr
local cdr cdr
local return
nil return
plus return
cons return
local jump_nil
local jump_not_nil
local atom jump_nil
local atom jump_not_nil
local pairp jump_nil
local pairp jump_not_nil
local zerop jump_nil
local small lessp jump_nil
local small greaterp jump_nil
local small eqn jump_nil
local local lessp jump_nil
local local lessp jump_not_nil
local local greaterp jump_nil
local local greaterp jump_not_nil
local local eqn jump_nil
local local eqn jump_not_nil
local local eq jump_nil
local literal eq jump_nil
local car literal eq jump_nil
lessp jump_nil
greaterp jump_nil
eqn jump_nil
eq jump_nil
literal eq jump_nil
local small difference
local small plus
local small difference call1
local local difference
local local plus
local local times
local plus
local cons
local add1
local sub1
local call1
local local call2
local car call1
local cdr call1
local car local
value local
local local getv
putv pop
local bind pop
store_local local
local store_local
local car store_local
local cdr store_local
local add1 store_local
local plus store_local
nil store_local
poll pop jump
store_local poll pop jump
local cdr store_local poll pop jump
local add1 store_local poll pop jump
local local call3
local local local call3
local cons store_local
store_local store_local
local value
value value
local car cdr
local cdr car
lessp jump_not_nil
greaterp jump_not_nil
value local getv
local times
unbind return
""".strip().splitlines())

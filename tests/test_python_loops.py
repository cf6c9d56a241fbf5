"""Python code that a program's data reaches has no loop that cannot be ended, and makes nothing of a computed size
without asking for room.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .python_loops import checked, faults

PACKAGE = Path(__file__).parents[1] / "csl_native"
# The compiler is not among them: a form is listed by ``items``, and each of its parts is compiled by itself.
MODULES = [*sorted((PACKAGE / "builtins").glob("*.py")), *(PACKAGE / "lisp" / f"{name}.py" for name in (
    "deep", "errors", "evaluator", "fasl", "handles", "hints", "host", "limits", "printer", "python", "reader",
    "remembered", "streams", "transcript")),
    *(PACKAGE / "session" / f"{name}.py" for name in ("callables", "calling", "containers", "values"))]

FEW = "a handful by what they are: bytes of a character, limits, columns, digits of a group"
SYSTEM = "as many as there are libraries, files, modules, sections or rows of the system"
CODE = "over the code of one function, of 64 KB at most"
HELD = "as many as there are handles, errors under way or forms that are remembered"
READS = "each round reads or evaluates a form, which looks"
TYPED = "each round waits for somebody who types"
PIECES = "a piece of some thousand elements, between two of which something looks"
BOUNDED = {
    "asking:described": FEW, "asking:last_word": TYPED,
    "reader:Reader.closing": "each round reads a line",
    "asking:say": "lines that are printed, of parts of which so many are shown",
    "asking:time_began": FEW, "asking:time_told": FEW, "asking:parts_of": "so many parts are shown",
    "asking:part_lines": "so many parts are shown", "asking:inspect": TYPED, "asking:line": TYPED,
    "asking:native_code": SYSTEM, "asking:native_lines": CODE, "asking:disassemble_": CODE,
    "characters:utf8_encode": FEW, "composed:Kept.count": HELD,
    "composed:Broadcast.write": "as many as were given, each of which writes",
    "compound:simplest": "convergents of a float, and the halves of a step", "control:resource_limit": FEW,
    "debugging:Prompt.line": TYPED, "debugging:Prompt.say": TYPED, "debugging:Prompt.__call__": TYPED,
    "debugging:Prompt.command": TYPED, "definitions:definition_of": FEW, "definitions:make_bps": "64 KB at most",
    "digests:md5string": FEW, "foreign:define_foreign": FEW, "hardcode:native_compile": SYSTEM,
    "images:jit": "each round compiles a function", "modular:is_witness": "each round is a power, which looks",
    "modules:compile_input": READS, "modules:compile_to_module": READS, "modules:typed_module": SYSTEM,
    "modules:load_from": SYSTEM, "modules:modulep": SYSTEM, "modules:library_members": SYSTEM,
    "modules:list_modules": SYSTEM, "modules:copy_module": SYSTEM, "numbers:of_words_of_31": FEW,
    "pretty:Pretty.list": FEW, "probing:lisp_stack": "as many words as were asked for, of a stack that has its limit",
    "probing:heap_crawl": FEW, "probing:code_listing": CODE, "probing:code_size": CODE,
    "probing:native_strategies": CODE, "probing:plant": CODE, "randoms:below": "a number that is too large comes with "
                                                                               "a chance below one half",
    "randoms:long_below": "a number that is too large comes with a chance below one half",
    "reading:check_stream": SYSTEM, "reading:rdf": READS, "reading:load": READS, "reading:break_": READS,
    "reading:list_directory": SYSTEM, "strings:store": FEW, "symbols:oblist": PIECES, "system:delete_wildcard": SYSTEM,
    "typedlife:is_unpacked": CODE, "typedlife:take_away": CODE, "typedlife:copy_typed": SYSTEM,
    "typedlife:typed_lines": SYSTEM,
    "typed:module_listing": CODE, "vectors:numeric.make": FEW, "vectors:numeric.get": FEW,
    "vectors:mkhash": "doubles up to a million", "deep:deep": "each round is a step of a generator, which looks",
    "errors:Errors.held_words": HELD, "errors:Errors.again": HELD, "errors:Errors.taken": HELD,
    "errors:Errors.running": "each round prints a function that runs", "handles:Handles.all": HELD,
    "handles:Handles.collected": HELD, "hints:Hints.read": "the letters before a place, of a name",
    "hints:Hints.unknown": FEW, "hints:Hints.definition": FEW, "hints:spelling": FEW,
    "fasl:Writer.write": "each round takes one of the steps over parts", "fasl:Writer.parts": FEW,
    "fasl:Writer.packed": "doubles up to the number of entries",
    "fasl:Writer.shared": "what is inside looks, and a record has few fields",
    "fasl:Writer.head": "symbols of a module", "fasl:number": "seven bits of a length a round",
    "fasl:ModuleWriter.definition": "each round writes a function", "fasl:ModuleWriter.section": FEW,
    "fasl:instructions_digest": FEW, "fasl:read_module": "symbols and forms of a module, at the speed of its file",
    "hints:distance": "of names that are not long", "host:Host.compound": FEW, "host:Host.complex_root": FEW,
    "printer:Printer.atom": FEW, "host:Host.on_fatal_memory": "as many as there are requests", "limits:Watch.used": FEW,
    "limits:Watch.look": "in a thread of its own, until it is told to end",
    "limits:Watch.measure": "limits inside of limits", "printer:Printer.pieces": PIECES,
    "printer:Printer.numbers": PIECES, "reader:Reader.form": "prefixes, each of which was read",
    "reader:Reader.run": PIECES, "reader:names": SYSTEM, "remembered:Remembered.held_words": HELD,
    "remembered:Remembered.places": "ends where there is too much",
    "streams:Input.rest_of_line": "each round reads from a file, and asks for room",
    "streams:Input.rest": "each round reads a line", "streams:Input.peek": "each round reads a line",


    "callables:Function.__signature__": FEW, "callables:identifier": FEW, "callables:parameters": FEW,
    "calling:Calling.eval": READS, "calling:Calling._call": "three at most", "containers:table_of": FEW,
    "values:Values.forget_released": HELD, "values:Values._atom": FEW,
    "streams:Output.write": "at the speed of memory", "transcript:CompilerWords.link": FEW,
}

MUTANTS = {  # the body of ``def f(lisp, n, x, *arguments)``, and what is said of it; None: nothing
    "for k in range(n >> 3):\n  lisp.step(k)": "a loop over range",
    "for k in range(n >> 3):\n  lisp.machine.look()": None,
    "for k in range(n >> 3):\n  if k % 100 == 0:\n   lisp.machine.look()": None,
    "for k in range(n >> 3):\n  if k == 100:\n   lisp.machine.look()": "a loop over range",
    "for k in range(n >> 3):\n  for j in range(9):\n   lisp.machine.look()": "a loop over range",
    "for k in lisp.machine.steps(range(n >> 3)):\n  lisp.step(k)": None,
    "for k in range(64):\n  lisp.step(k)": None,
    "for name in TABLE:\n  lisp.step(name)": None,
    "TABLE = lisp.all\n for name in TABLE:\n  lisp.step(name)": "a loop over TABLE",
    "for item in lisp.machine.items(x):\n  lisp.step(item)": None,
    "for item in lisp.machine.vector_items(x):\n  lisp.step(item)": "a loop over lisp.machine.vector_items",
    "for item in lisp.things.items():\n  lisp.step(item)": "a loop over lisp.things.items",
    "return [lisp.one(a) for a in arguments]": "a comprehension over arguments",
    "return [lisp.one(a) for a in (n, x)]": None,
    "rows = [lisp.one(a) for a in (n, x)]\n return [b for b in rows]": None,
    "return all(a < b for a, b in zip(arguments, arguments[1:]))": "a comprehension over zip",
    "return functools.reduce(two, arguments)": "reduce",
    "return functools.reduce(two, lisp.machine.steps(arguments))": None,
    "while x != n:\n  x = lisp.machine.cdr(x)": "a while loop",
    "while lisp.machine.look() or x != n:\n  x = lisp.machine.cdr(x)": None,
    "return [n] * (n >> 3)": "whose size is computed",
    "return b'0' * n": "whose size is computed",
    "lisp.machine.need(n)\n return b'0' * n": None,
    "return ' ' * min(n, 80)": None,
    "return bytes(8 * n)": "whose size is computed",
    "return lisp.text.rjust(n)": "whose size is computed",
    "def g():\n  return [a for a in arguments]\n return g": "a comprehension over arguments",
}


@pytest.mark.parametrize("body", MUTANTS)
def test_a_loop_that_cannot_be_ended_is_refused(body: str) -> None:
    found = list(checked(f"import functools\nTABLE = ('a', 'b')\ndef f(lisp, n, x, *arguments):\n {body}\n"))
    said = MUTANTS[body]
    assert found == [] if said is None else any(said in fault.what for fault in found)


def found_in_all() -> Iterator[tuple[str, str]]:
    for path in MODULES:
        for fault in faults(path):
            yield f"{path.stem}:{fault.function}", f"{path.name}, line {fault.line}: {fault.function}: {fault.what}"


def test_loops_over_what_a_program_chose_look() -> None:
    found = list(found_in_all())
    wrong = [text for name, text in found if name not in BOUNDED]
    assert not wrong, ("\n".join(["go over m.steps(...), look, or ask for room (machine.need); or say in BOUNDED why "
                                  "not:", *wrong]))
    assert not set(BOUNDED) - {name for name, _ in found}, "BOUNDED names what is not there any more"

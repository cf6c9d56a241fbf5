"""Modules: faslout and faslend, load-module, and the libraries they are in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from csl_native.image.container import Image, ImageError, Section
from csl_native.image.files import shown

from ..heap.objects import F_MACRO
from ..heap.words import CONS, STRING, SYMBOL
from ..kernel.memory import NIL, T
from ..lisp import libraries
from ..lisp.errors import CompileError
from ..lisp.fasl import PREFIX, ModuleWriter, Unwritable
from ..lisp.libraries import Library, handle_of, library_of
from ..lisp.registry import Checked, Text, Value, builtin
from ..lisp.transcript import PROGRAM
from ..modules.running import define
from ..saving.belonging import TYPED
from ..saving.trust import copied, seal
from .control import errorset
from .definitions import KINDS, Definition, definition_of, flagged
from .images import session_of
from .reading import load, path_of
from .reading import read as read_form
from .typed import MODULE, module_of
from .typedlife import copy_typed, load_typed, typed_lines

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


def name_of(lisp: Lisp, x: int, function: str) -> str:
    """The name of a module: a symbol, a string, or a list that begins with one."""
    if x & 7 == CONS:
        x = lisp.machine.car(x)
    if x & 7 not in (SYMBOL, STRING) or x == NIL:
        raise lisp.errors.bare(f"bad args for {function}")
    return lisp.machine.text(x)


def say(lisp: Lisp, text: str) -> None:
    """A message on a line of its own."""
    out = lisp.output
    out.write(("\n" if out.column else "") + text + "\n")


def unwritable(lisp: Lisp) -> str:
    """Why no module can be written."""
    library = libraries.output(lisp)
    return ("no output library; start with -o FILE" if library is None
            else f"{shown(library.path)} cannot be written to; start with -o FILE")


# -- making a module ---------------------------------------------------------------


@builtin("start-module", 1, reaches=True)
def start_module(lisp: Lisp, name: Checked) -> int:
    """Begin a module in the output library; nil completes the one that was begun.  Nil when there is nowhere to
    write.
    (start!-module nil) => nil
    """
    if name == NIL:
        module, lisp.module = lisp.module, None
        library = libraries.output(lisp)
        if module is None or library is None:
            return NIL
        try:
            section = module.section()
            if not session_of(lisp).restricted:
                seal([section])
            library.put(section)
        except (ImageError, OSError) as error:
            raise lisp.errors.plain(f"module {module.name} could not be written: {error}") from None
        return T
    text, library = name_of(lisp, name, "start-module"), libraries.output(lisp)
    if library is None or not library.writable:
        return NIL
    lisp.module = ModuleWriter(lisp, text)
    return T


@builtin("write-module", 2)
def write_module(lisp: Lisp, form: Value, definitions: Value) -> int:
    """Add a form to the module that was begun, and a list of (name definition) that load-source will find.
    (write!-module '(print 1) nil) is an error
    """
    module = begun(lisp, "write-module")
    written(lisp, lambda: module.form(form))
    for row in lisp.machine.items(definitions):
        written(lisp, lambda row=row: module.source(lisp.machine.car(row), lisp.machine.car(lisp.machine.cdr(row))))
    return NIL


def begun(lisp: Lisp, function: str) -> ModuleWriter:
    if lisp.module is None:
        raise lisp.errors.plain(f"{function}: no module was begun; use faslout or start-module")
    return lisp.module


def written(lisp: Lisp, action: Any) -> None:
    try:
        action()
    except Unwritable as error:
        raise lisp.errors.plain(str(error)) from None


@builtin("faslout", 1, reaches=True)
def faslout(lisp: Lisp, name: Checked) -> int:
    """Compile what follows in the input to a module, until faslend; where `begin` reads programs, through dfprint*.
    (faslout 'shapes) is not run: it reads what follows
    """
    m = lisp.machine
    shown = m.car(name) if name & 7 == CONS else name
    end = "\n\n"
    if lisp.words is not None:
        lisp.words.begin()
        end = "\n"
    lisp.output.write(f"\nFASLOUT {lisp.printer.text(shown)}: IN files;  or type in expressions\n"
                      f"When all done, execute FASLEND;{end}")
    if start_module(lisp, name) == NIL:
        say(lisp, "+++ Failed to open FASL output file")
        lisp.hints.say(f"faslout: {unwritable(lisp)}")
        return NIL
    begun(lisp, "faslout").before, begun(lisp,
                                         "faslout").shown = m.value(m.intern("dfprint*")) or NIL, lisp.printer.text(
                                             shown)
    m.set_value(m.intern("dfprint*"), m.intern("compile-to-module"))
    m.set_value(m.intern("*defn"), T)
    if not lisp.is_defined(m.intern("begin")):
        compile_input(lisp)
    return NIL


def compile_input(lisp: Lisp) -> None:
    """Read forms and put them into the module, up to its end or that of the input."""
    m = lisp.machine
    while lisp.module is not None:
        with m.scope():
            form = read_form(lisp)
            if form == lisp.eof:
                return
            lisp.protect(lambda form=form: compile_to_module(lisp, form))  # type: ignore[misc]


@builtin("faslend", 0)
def faslend(lisp: Lisp) -> int:
    """Complete the module that faslout began.  (faslend) => nil"""
    m = lisp.machine
    if lisp.module is None:
        return NIL
    name = lisp.module.shown or lisp.module.name
    if lisp.words is not None:
        lisp.words.line("+++ FASLEND")
    m.set_value(m.intern("dfprint*"), lisp.module.before)
    m.set_value(m.intern("*defn"), NIL)
    start_module(lisp, NIL)
    say(lisp, f"Completed FASL files for {name}")
    return NIL


@builtin("compile-to-module", 1)
def compile_to_module(lisp: Lisp, form: Value, loading: bool = False) -> int:
    """Put a form into the module that was begun: definitions compiled, others as they are; those flagged `eval` are
    evaluated, too.
    (compile!-to!-module '(print 1)) is an error
    """
    m = lisp.machine
    form = expanded(lisp, form)
    if form & 7 != CONS:
        return NIL
    head = m.car(form)
    if head == m.intern("faslend"):
        return faslend(lisp)
    if head == m.intern("progn"):
        for each in m.items(m.cdr(form)):
            compile_to_module(lisp, each, loading)
        return NIL
    if head == m.intern("eval-when"):
        times = list(m.items(m.car(m.cdr(form))))
        body = list(m.items(m.cdr(m.cdr(form))))
        for each in body:
            if m.intern("compile") in times and not loading:
                errorset(lisp, each, T)
            if m.intern("load") in times:
                compile_to_module(lisp, each, True)
        return NIL
    if not loading and (flagged(lisp, head, "eval") or sets_by_eval(lisp, form)):
        errorset(lisp, form, T)  # an error is said, and costs nothing else of the module
    if head == m.intern("rdf"):
        lisp.reach_out("rdf")
        saved = lisp.on_form
        lisp.on_form = lambda each: compile_to_module(lisp, each)
        try:
            return load(lisp, lisp.eval(m.car(m.cdr(form))))
        finally:
            lisp.on_form = saved
    if head == m.intern("define-module"):
        return typed_module(lisp, begun(lisp, "compile-to-module"), form)
    module, definition = begun(lisp, "compile-to-module"), definition_of(lisp, form)
    if definition is None:
        written(lisp, lambda: module.form(form))
    else:
        compile_definition(lisp, module, definition)
    return NIL


def expanded(lisp: Lisp, form: int) -> int:
    """A form with its macro calls at the head expanded."""
    m = lisp.machine
    while form & 7 == CONS and m.car(form) & 7 == SYMBOL and m.flags(m.car(form)) & F_MACRO:
        m.look()
        form = lisp.expand(form)
    return form


def sets_by_eval(lisp: Lisp, form: int) -> bool:
    """Is it (setq x (f ...)) with an f that is flagged eval?"""
    m = lisp.machine
    if m.car(form) != m.intern("setq") or m.cdr(form) & 7 != CONS or m.cdr(m.cdr(form)) & 7 != CONS:
        return False
    value = m.car(m.cdr(m.cdr(form)))
    return value & 7 == CONS and m.car(value) & 7 == SYMBOL and flagged(lisp, m.car(value), "eval")


def typed_module(lisp: Lisp, module: ModuleWriter, form: int) -> int:
    """Put the functions of a typed module into the module, and the typed module's bytes."""
    m = lisp.machine
    typed = module_of(lisp, m.car(m.cdr(m.car(m.cdr(form)))))
    made, _ = define(lisp, typed)
    for symbol, env in made:
        written(lisp, lambda symbol=symbol, env=env: module.definition(symbol, env, 0))
    words = [m.list([lisp.s_quote, x]) for x in (m.intern(typed.name), m.intern(MODULE))]
    keep = m.list([m.intern("put"), *words, m.string(typed.to_bytes())])
    written(lisp, lambda: module.form(keep))
    return m.intern(typed.name)


def compile_definition(lisp: Lisp, module: ModuleWriter, definition: Definition) -> None:
    m = lisp.machine
    if flagged(lisp, definition.name, "lose"):
        say(lisp, f"+++ {lisp.printer.text(definition.name)} not compiled (LOSE flag)")
        return
    try:
        env = lisp.make_env(definition.name, definition.parameters, definition.body, True)
    except CompileError as error:
        raise lisp.compile_error(error) from None
    if lisp.words is not None:
        lisp.words.compiled(definition.name, definition.parameters, definition.body, env)
    written(lisp, lambda: module.definition(definition.name, env, KINDS[definition.kind]))
    if (m.value(m.intern("*savedef")) or NIL) != NIL:
        source = m.cons(lisp.s_lambda, m.cons(definition.parameters, m.list(definition.body)))
        written(lisp, lambda: module.source(definition.name, source))


# -- using modules -----------------------------------------------------------------


def load_from(lisp: Lisp, name: int, function: str, sources: bool) -> int:
    text = name_of(lisp, name, function)
    for library in libraries.inputs(lisp):
        try:
            if library.load(lisp, text, sources) or not sources and load_typed(lisp, library, text):
                return NIL
        except ImageError as error:
            raise lisp.errors.plain(str(error)) from None
    places = [library.path for library in libraries.inputs(lisp)]
    if lisp.errors.show:
        lisp.errors.begin().write(f'Failed to find "{(places or [PROGRAM])[-1]}({text})"\n')
    lisp.hint(f"{function}: no module {text} in the input libraries ({', '.join(places) or 'no library is open'})")
    raise lisp.errors.loud("loadable module not found for loading:", name)


@builtin("load-module", 1)
def load_module(lisp: Lisp, name: Checked) -> int:
    """Load a module from the first library that has it.  (load!-module 'no!-such!-module) is an error"""
    return load_from(lisp, name, "load-module", False)


@builtin("load-source", 1, 1, "load-selected-source")
def load_source(lisp: Lisp, name: Checked) -> int:
    """Take only the definitions that were saved with a module, as properties *savedef.
    (load!-source 'no!-such!-module) is an error
    """
    return load_from(lisp, name, "load-source", True)


@builtin("modulep", 1)
def modulep(lisp: Lisp, name: Checked) -> int:
    """The date of a module, or nil when no library has it.  (modulep 'no!-such!-module) => nil"""
    text = name_of(lisp, name, "modulep")
    for library in libraries.inputs(lisp):
        date = library.date(text)
        if date is not None:
            return lisp.machine.string(date)
    return NIL


def chosen(lisp: Lisp, h: int, function: str) -> Library | None:
    """The library that was given, or the first one that modules are looked for in."""
    if h == NIL:
        found = libraries.inputs(lisp)
        return found[0] if found else None
    library = library_of(lisp, h)
    if library is None:
        raise lisp.errors.plain(function, h)
    return library


@builtin("library-members", 0, 1)
def library_members(lisp: Lisp, h: Checked = NIL) -> int:
    """The names of the modules in a library; without an argument, in the first one that modules are looked for in.
    (library!-members) => nil
    """
    library = chosen(lisp, h, "library-members")
    return lisp.machine.list([lisp.machine.symbol(name) for name in library.members()] if library is not None else [])


@builtin("list-modules", 0)
def list_modules(lisp: Lisp) -> int:
    """Print what is in every library; nil.  (list!-modules) is not run: it names the files of this machine"""
    for library in libraries.inputs(lisp):
        say(lisp, f"\nFile {library.path} ({'output' if library.writable else 'readonly'}):")
        for name, section in sorted(library.rows().items()):
            lisp.output.write(f"  {shown(name):<24} {library.date(name)}   {section.length} bytes, "
                              f"{len(section.info.get('functions', ()))} functions\n")
        for name, told in typed_lines(library):
            lisp.output.write(f"  {shown(name):<24} {shown(told)}\n")
    return NIL


@builtin("delete-module", 1, reaches=True)
def delete_module(lisp: Lisp, name: Checked) -> int:
    """Take a module out of the output library; t when it was there.  (delete!-module 'no!-such!-module) => nil"""
    text, library = name_of(lisp, name, "delete-module"), libraries.output(lisp)
    done = library is not None and (library.delete(text) or library.delete(text, TYPED))
    if not done:
        writable = library is not None and library.writable
        why = f"{shown(library.path)} has no module {text}" if library and writable else unwritable(lisp)
        lisp.hints.say(f"delete-module: {why}")
    return lisp.truth(done)


@builtin("copy-module", 1, reaches=True)
def copy_module(lisp: Lisp, name: Checked) -> int:
    """Copy a module, without native code, from the first library that has it to the output library, or a packed typed
    module, which has another id there; t when it was found.
    (copy!-module 'no!-such!-module) is an error
    """
    text, to = name_of(lisp, name, "copy-module"), libraries.output(lisp)
    if to is None or not to.writable:
        raise lisp.errors.plain("copy-module: there is no output library")
    for library in libraries.inputs(lisp):
        if library.path == to.path or not os.path.exists(library.path):
            continue
        with Image(library.path) as image:
            if (section := image.sections.get(PREFIX + text)) is not None:
                to.put(Section(section.name, image.read(section.name), section.raw,
                               copied(session_of(lisp).trust, image, section)))
                return T
    return lisp.truth(copy_typed(lisp, lisp.machine.intern(text)))


@builtin("open-library", 1, 2, reaches=True)
def open_library(lisp: Lisp, name: Text, writable: Value = NIL) -> int:
    """The library in an image file, for reading or (second argument) for writing, too.
    (open!-library "/nowhere.img") is an error
    """
    path = path_of(lisp, name)
    if writable == NIL and not os.path.exists(path):
        raise lisp.errors.loud("file could not be opened:", name)
    library = Library(path, writable != NIL)
    try:
        library.rows()
    except ImageError as error:
        raise lisp.errors.plain(str(error)) from None
    return handle_of(lisp, library)


@builtin("close-library", 1)
def close_library(lisp: Lisp, h: Checked) -> int:
    """Close a library; it leaves the input libraries.  (close!-library 5) is an error"""
    m = lisp.machine
    library = chosen(lisp, h, "close-library")
    kept = [each for each in m.items(m.value(m.intern("input-libraries")) or NIL)
            if library_of(lisp, each) is not library]
    m.set_value(m.intern("input-libraries"), m.list(kept))
    if libraries.output(lisp) is library:
        m.set_value(m.intern("output-library"), NIL)
    return NIL


@builtin("library-name", 1)
def library_name(lisp: Lisp, h: Checked) -> int:
    """The file name of a library.  (stringp (library!-name nil)) => t"""
    library = chosen(lisp, h, "library-name")
    return lisp.machine.string(library.path if library is not None else "")


@builtin("libraryp", 1)
def libraryp(lisp: Lisp, h: Value) -> int:
    """Is it a library?  (libraryp 5) => nil"""
    return lisp.truth(library_of(lisp, h) is not None)

"""The reference of all functions, from what stands beside their definitions (``lisp/meanings.py``): a page for each
topic, and an index.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from html import escape

from csl_native.lisp.meanings import Example, Meaning, meanings, written
from csl_native.system.records import Record

MADE = "Made by `make docs` from what stands beside each definition; do not edit.\n\n"


class Topic(Record):
    """A page: the files whose functions it has, and names that are in other files."""

    page: str
    title: str
    text: str
    files: str
    names: str = ""


TOPICS = (
    Topic("control", "Control", "Special forms and functions that decide what is evaluated, and calls of functions "
                                "that are values.",
          "lisp/forms.py lisp/exits.py kernel/calls.py kernel/evaluation.py builtins/control.py",
          "throw do do* dolist dotimes block psetq progv progv-call compiler-let multiple-value-call "
          "multiple-value-prog1 values identity"),
    Topic("definitions", "Definitions", "Defining functions, macros and variables, and asking for definitions.",
          "builtins/definitions.py", "de df dm defun defmacro declare macroexpand macroexpand-1 fluidp globalp "
                                     "constantp carcheck expand symbol-function symbol-fn-cell"),
    Topic("lists", "Lists", "Pairs, lists, association lists, sets and sorting.",
          "kernel/lists.py lisp/library/lists.lsp lisp/library/sort.lsp "
          "lisp/library/others.lsp", "list list* append reversip nrevlist endp evlis"),
    Topic("equality", "Equality, order and types", "Comparing values of any type, and asking what type a value has.",
          "kernel/equality.py kernel/order.py", "eq neq equalp eqcar equalcar eq-safe null not atom pairp consp listp "
                                                "idp symbolp stringp vectorp arrayp complex-arrayp convert-to-array "
                                                "structp "
          "bit-vector-p simple-bit-vector-p simple-string-p cl-stringp encapsulatedp sxhash md5 md5string md60"),
    Topic("symbols", "Symbols and variables", "Names, properties and flags of symbols, and the values of variables.",
          "kernel/symbols.py builtins/symbols.py", "hashtagged-name symbol-package validate-package deflist flagpcar "
                                                   "putc"),
    Topic("numbers", "Numbers", "Arithmetic on integers of any size and on floats, comparisons, rounding, bits, "
                                "residues and random numbers.",
          "kernel/arithmetic.py kernel/bits.py kernel/comparison.py kernel/compound.py kernel/floats.py "
          "kernel/modular.py kernel/variables.py kernel/fixnums.py kernel/nary.py builtins/nary.py "
          "builtins/numbers.py builtins/floatparts.py builtins/modular.py builtins/randoms.py builtins/compound.py "
          "lisp/library/compound.lsp",
          "complex cis byte byte-size byte-position byte-mask* ldb ldb-test dpb mask-field deposit-field logtest "
          "ffloor fround ftruncate"),
    Topic("strings", "Strings and characters", "Strings are bytes of UTF-8; a character is a symbol whose name is one, "
                                               "or an object of its own.",
          "kernel/strings.py kernel/text.py kernel/letters.py builtins/strings.py builtins/characters.py "
          "builtins/digests.py",
          "bldmsg_temp_internal byte-getv"),
    Topic("vectors", "Vectors", "Vectors of values, and of numbers of some bits.",
          "kernel/vectors.py builtins/vectors.py builtins/evectors.py"),
    Topic("tables", "Hash tables", "Tables of values by key, and sets of keys.", "kernel/hashing.py",
          "mkhash mkweakhash gethash puthash remhash clrhash maphash mkhashset sethashset gethashset resethashset "
          "clrhashset hashsetcontents maphashset"),
    Topic("reading", "Reading", "Values from text.", "builtins/reading.py", "compress unreadch"),
    Topic("printing", "Printing", "Values as text, and what is known of the output.",
          "builtins/printing.py builtins/pretty.py builtins/sharing.py",
          "format prinraw asm-print explode explode2 explode2lc explode2uc setpchar printprompt widelengthc"),
    Topic("streams", "Files and streams", "Streams to files, strings and commands; files and folders.",
          "builtins/composed.py builtins/binary.py", "open internal-open close rds wrs streamp is-console pipe-open "
                                                     "filep directoryp file-readablep file-writeablep file-length "
                                                     "delete-file rename-file "
          "create-directory list-directory filedate delete-wildcard truename filestatus tmpnam tmpdir rdf load "
          "channelreadchar channelreadline "
          "user-homedir-pathname"),
    Topic("errors", "Errors and limits", "Signalling and catching errors, and limits on what a form may use.", "",
          "errorset error error1 error-about enable-errorset enable-backtrace backtrace show-stack bad-go bad-return "
          "bad-count bad-function unbindable "
          "resource-limit break"),
    Topic("images", "Images and modules", "Images of the whole system, and modules of compiled code in the same files.",
          "builtins/images.py builtins/modules.py"),
    Topic("native", "Native code", "Compiling to native code, and code by hand.",
          "builtins/hardcode.py builtins/assembler.py",
          "native-compile jit jit-threshold native-type copy-native native-strategies plant mapstore"),
    Topic("foreign", "C functions", "Calling functions of C, and being called by them.", "builtins/foreign.py"),
    Topic("typed", "Typed modules", "Procedures on variables of given sizes, verified when they are built.",
          "builtins/typed.py builtins/typedlife.py lisp/library/typed.lsp"),
    Topic("debugging", "Debugging", "Breakpoints, tracing, and a look at the machine.",
          "builtins/debugging.py builtins/tracing.py builtins/probing.py builtins/asking.py"),
    Topic("system", "The system", "Times, the operating system and the collector.", "builtins/system.py",
          "stop quit walltime time* batchp"),
)


@cache
def rows() -> dict[str, list[Meaning]]:
    """The names of each page, sorted; an error when a name belongs to none."""
    by_name = {name: topic.page for topic in TOPICS for name in topic.names.split()}
    by_file = {file: topic.page for topic in TOPICS for file in topic.files.split()}
    found: dict[str, list[Meaning]] = {topic.page: [] for topic in TOPICS}
    for name, row in sorted(meanings().items()):
        page = by_name.get(row.same or name) or by_file.get(row.place)
        if page is None:
            raise ValueError(f"{name} of {row.place} belongs to no topic of the reference: add the file, or the name, "
                             "to TOPICS in tools/reference.py")
        found[page].append(row)
    if unknown := sorted(by_name.keys() - meanings().keys()):
        raise ValueError(f"TOPICS in tools/reference.py has names that are not defined: {' '.join(unknown)}")
    return found


def anchor(name: str) -> str:
    """What leads to a name in a page."""
    return "".join(c if c.isalnum() or c == "-" else f"_{ord(c):x}" for c in name)


def code(text: str) -> str:
    """A piece of Lisp in Markdown, for which <! begins a declaration wherever it is."""
    if "<!" in text:
        return f"<code>{escape(text)}</code>"
    ticks = "``" if "`" in text else "`"
    return f"{ticks}{text}{ticks}"


def shown(example: Example) -> str:
    """An example: the form, and what comes of it."""
    if example.outcome == "=>":
        return f"{code(example.form)} ⇒ {code(example.text)}"
    if example.outcome == "prints":
        return f"{code(example.form)} prints {code(example.text)}"
    return f"{code(example.form)} {example.outcome}"


def first_sentence(text: str) -> str:
    match = re.match(r".*?[.?:;](?=\s|$)", text)
    return match[0].rstrip(".:;") if match else text


def entry(row: Meaning) -> str:
    """What a page says of a name."""
    head = f'<a id="{anchor(row.name)}"></a>\n\n### {code(row.name)}\n\n'
    if row.same:
        page = next(topic for topic, found in rows().items() if any(each.name == row.same for each in found))
        return (f"{head}{code(row.call)}, {row.kind}: another name of "
                f"[{code(row.same)}]({page}.md#{anchor(row.same)}).\n\n")
    examples = "".join(f"* {shown(each)}\n" for each in row.examples)
    return f"{head}{code(row.call)}, {row.kind}\n\n{row.text}\n\n{examples}\nDefined in `csl_native/{row.place}`.\n\n"


def page(topic: Topic) -> str:
    """The page of a topic."""
    return (f"# {topic.title}\n\n{MADE}{topic.text} [All topics](README.md).\n\n"
            + "".join(map(entry, rows()[topic.page])).rstrip("\n") + "\n")


def index() -> str:
    """The topics, and all names."""
    text = f"# Functions\n\n{MADE}In Lisp, `?NAME` says what is here of one name. "
    text += "In a name, a character that is neither letter nor digit is written behind `!`.\n\n"
    text += "".join(f"* [{topic.title}]({topic.page}.md): {topic.text} ({len(rows()[topic.page])})\n"
                    for topic in TOPICS)
    text += "\n## All names\n\n| | | |\n| --- | --- | --- |\n"
    for name, where, row in sorted((row.name, where, row) for where, found in rows().items() for row in found):
        said = f"another name of {code(row.same)}" if row.same else first_sentence(row.text)
        text += (f"| [{code(written(name))}]({where}.md#{anchor(name)}) | {row.kind} | "
                 f"{said.replace('|', chr(92) + '|')} |\n")
    return text


def made(topic: Topic) -> Callable[[], str]:
    return lambda: page(topic)


REFERENCE: dict[str, Callable[[], str]] = {"reference/README.md": index,
                                           **{f"reference/{topic.page}.md": made(topic) for topic in TOPICS}}


__all__ = ["REFERENCE"]

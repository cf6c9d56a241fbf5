"""Man pages of the commands, from what they say with --help: the text of ``csl``, the parsers of the others."""

from __future__ import annotations

import argparse
import re

from csl_native.app.cli import USAGE
from csl_native.system.records import Record

OPTION = re.compile(r"^  (-\S.*?)(?:  +(\S.*))?$")
CONTINUED = re.compile(r"^ {8,}(\S.*)$")
SEE = {"csl": "csl-image(1), csl-asm(1), csl-lsp(1)", "csl-image": "csl(1)", "csl-asm": "csl(1)", "csl-lsp": "csl(1)"}
SUMMARY = {"csl": "Standard Lisp whose images run natively on every machine",
           "csl-image": "look at images of csl, and change what is in them", "csl-asm": "assemble functions for csl",
           "csl-lsp": "language server for editors, and checker, of csl"}


class Row(Record):
    """An option as it is written, with its value, and what it is for."""

    written: str
    text: str

    @property
    def names(self) -> list[str]:
        """The option's names, without its value."""
        return [word.split("=")[0].split("[")[0].rstrip(",")
                for word in self.written.replace(", ", " ").split() if word.startswith("-") and word != "--"]


def rows_of_usage(usage: str) -> list[Row]:
    """The options in a text that has each at the beginning of a line, with the text beside it."""
    rows: list[Row] = []
    for line in usage.split("\n"):
        if match := OPTION.match(line):
            rows.append(Row(match[1], match[2] or ""))
        elif rows and (match := CONTINUED.match(line)):
            rows[-1] = rows[-1]._replace(text=f"{rows[-1].text} {match[1]}")
        elif line and not line.startswith(" "):
            rows.append(Row("", ""))  # what follows belongs to no option
    return [row for row in rows if row.written]


def rows_of_parser(parser: argparse.ArgumentParser) -> list[Row]:
    """Options and arguments of a parser."""
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
            continue
        value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
        value = " ".join(value) if isinstance(value, tuple) else value
        takes = f" {value}" if action.nargs != 0 else ""
        rows.append(Row(", ".join(f"{o}{takes}" for o in action.option_strings) or value,
                        (action.help or "").replace("%(default)s", str(action.default))))
    return rows


def roff(text: str) -> str:
    """A text in which nothing is an instruction of roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("``", "")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def options(rows: list[Row]) -> str:
    return "".join(f".TP\n.B {roff(row.written)}\n{roff(row.text) or chr(92) + '&'}\n" for row in rows)


def page(name: str, synopsis: str, description: str, body: str, status: str) -> str:
    parts = {"NAME": f"{name} \\- {roff(SUMMARY[name])}", "SYNOPSIS": f".B {name}\n{roff(synopsis)}",
             "DESCRIPTION": f"{roff(description)}\n{body}".rstrip(), "EXIT STATUS": roff(status),
             "SEE ALSO": roff(SEE[name])}
    return (f".\\\" Made by `make docs`; do not edit.\n.TH {name.upper()} 1\n"
            + "".join(f".SH {title}\n{text}\n" for title, text in parts.items()))


def csl_page() -> str:
    status = " ".join(USAGE.partition("exit status: ")[2].split())
    description = ("Reads and evaluates the forms in the files, in order; - is standard input, which is read, too, "
                   "when there is no file.\n")
    return page("csl", "[options] [file...]", description, ".SH OPTIONS\n" + options(rows_of_usage(USAGE)), status)


def described(parser: argparse.ArgumentParser) -> tuple[str, str]:
    """What a parser says of its command, and of its exit status."""
    text, _, status = (parser.description or "").partition("Exit status: ")
    return text.strip(), " ".join(status.split())


def asm_page() -> str:
    from csl_native.tools.csl_asm import parser
    text, status = described(parser())
    return page("csl-asm", "[options] [file]", text, ".SH OPTIONS\n" + options(rows_of_parser(parser())), status)


def image_page() -> str:
    from csl_native.tools.csl_image import parser
    text, status = described(parser())
    [commands] = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    body = ".SH COMMANDS\n" + "".join(
        f".SS {name}\n{roff(p.description or '')}\n"
        f"{options([row for row in rows_of_parser(p) if '--help' not in row.written])}"
        for name, p in commands.choices.items())
    return page("csl-image", "COMMAND [options]", text, body,
                status or "0 all is well; 1 the answer is no; 2 the image or the command line cannot be used.")


def lsp_page() -> str:
    text = ("Without names of files, a language server on standard input and output, as editors start it. With such, "
            "says what is certainly wrong in these programs, which belong together: functions that nobody defines, "
            "calls with a wrong number of arguments, parentheses. It runs none of them.")
    rows = [Row("--stdio", "What editors like to say of where they talk to it."), Row("--version", "Its version.")]
    return page("csl-lsp", "[file...]", text, ".SH OPTIONS\n" + options(rows),
                "0 all is well; 1 there are errors in a file; 2 the command line or a file cannot be used.")


MAN_PAGES = {"man/csl.1": csl_page, "man/csl-image.1": image_page, "man/csl-asm.1": asm_page, "man/csl-lsp.1": lsp_page}

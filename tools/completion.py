"""Completion of the commands in shells, from their own tables of options."""

from __future__ import annotations

import argparse

from csl_native.app.cli import USAGE
from csl_native.architectures import with_refinements
from csl_native.engines.record import engines
from csl_native.saving.trust import LEVELS
from csl_native.tools.manpages import Row, rows_of_parser, rows_of_usage

SHELLS = ("bash", "zsh", "fish")

BASH = """_csl_image() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" command="${{COMP_WORDS[1]}}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "{commands}" -- "$word")); return; fi
  case "$command" in
{cases}
  esac
}}
complete -o default -F _csl_image csl-image"""
CASE = """    {name}) [[ "$word" == -* ]] && COMPREPLY=($(compgen -W "{options}" -- "$word")) ;;"""


def options_of(parser: argparse.ArgumentParser) -> dict[str, dict[str, str]]:
    """For each command its long options with their help."""
    [commands] = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return {name: {option: str(action.help or "") for action in p._actions
                   for option in action.option_strings if option.startswith("--")}
            for name, p in commands.choices.items()}


def script(shell: str, parser: argparse.ArgumentParser, helps: dict[str, str]) -> str:
    """What a shell evaluates to complete commands and their options; file names where there is nothing else."""
    known = options_of(parser)
    if shell == "fish":
        lines = ["complete -c csl-image -n __fish_use_subcommand -f"]
        for name, options in known.items():
            lines.append(f"complete -c csl-image -n __fish_use_subcommand -a {name} -d {quoted(helps.get(name, ''))}")
            lines += [f"complete -c csl-image -n '__fish_seen_subcommand_from {name}' -l {option[2:]} -d "
                      f"{quoted(text)}" for option, text in options.items()]
        return "\n".join(lines)
    text = BASH.format(commands=" ".join(known),
                       cases="\n".join(CASE.format(name=name, options=" ".join(options))
                                       for name, options in known.items()))
    return "autoload -U bashcompinit && bashcompinit\n" + text if shell == "zsh" else text


def quoted(text: str) -> str:
    return "'" + " ".join(text.split()).replace("\\", "\\\\").replace("'", "\\'") + "'"


PLAIN = """_{ident}() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  COMPREPLY=()
  case "$before" in
{cases}
  esac
  if [[ "$word" == -* ]]; then COMPREPLY=($(compgen -W "{options}" -- "$word")); fi
}}
complete -o default -F _{ident} {name}"""


def plain_script(shell: str, name: str, rows: list[Row], values: dict[str, list[str]]) -> str:
    """The same for a command that has options and files only; ``values``: what may stand behind an option."""
    if shell == "fish":
        lines = []
        for row in rows:
            for option in row.names:
                kind = (f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}" if len(option) == 2
                        else f"-o {option[1:]}")
                more = f" -x -a {quoted(' '.join(values[option]))}" if option in values else ""
                lines.append(f"complete -c {name} {kind}{more} -d {quoted(row.text)}")
        return "\n".join(lines)
    cases = "\n".join(f'    {option}) COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$word")); return ;;'
                      for option, words in values.items())
    text = PLAIN.format(ident=name.replace("-", "_"), name=name, cases=cases,
                        options=" ".join(option for row in rows for option in row.names))
    return "autoload -U bashcompinit && bashcompinit\n" + text if shell == "zsh" else text


def csl_script(shell: str) -> str:
    """Completion of ``csl``."""
    values = {"--native": ["on", "off"], "--engine": list(engines()), "--trust": list(LEVELS),
              "--tags": [a.name for a in with_refinements()], "--native-compile": ["all", "hot"],
              "--completion": list(SHELLS)}
    return plain_script(shell, "csl", rows_of_usage(USAGE), values)


def asm_script(shell: str) -> str:
    """Completion of ``csl-asm``."""
    from csl_native.tools.csl_asm import parser
    rows = [row for row in rows_of_parser(parser()) if row.written.startswith("-")]
    return plain_script(shell, "csl-asm", rows,
                        {"--tag": [a.name for a in with_refinements()], "--completion": list(SHELLS)})

"""Completion of ``csl-image`` in shells, from its own parser."""

from __future__ import annotations

import argparse

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
    return {name: {option: str(action.help or "") for action in p._actions for option in action.option_strings if option.startswith("--")}
            for name, p in commands.choices.items()}


def script(shell: str, parser: argparse.ArgumentParser, helps: dict[str, str]) -> str:
    """What a shell evaluates to complete commands and their options; file names where there is nothing else."""
    known = options_of(parser)
    if shell == "fish":
        lines = ["complete -c csl-image -n __fish_use_subcommand -f"]
        for name, options in known.items():
            lines.append(f"complete -c csl-image -n __fish_use_subcommand -a {name} -d {quoted(helps.get(name, ''))}")
            lines += [f"complete -c csl-image -n '__fish_seen_subcommand_from {name}' -l {option[2:]} -d {quoted(text)}" for option, text in options.items()]
        return "\n".join(lines)
    text = BASH.format(commands=" ".join(known), cases="\n".join(CASE.format(name=name, options=" ".join(options)) for name, options in known.items()))
    return "autoload -U bashcompinit && bashcompinit\n" + text if shell == "zsh" else text


def quoted(text: str) -> str:
    return "'" + " ".join(text.split()).replace("\\", "\\\\").replace("'", "\\'") + "'"

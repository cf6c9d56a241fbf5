"""Which builtins can touch what is outside of the heap: found in their text, so that none is forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "csl_native" / "lisp" / "builtins"
# What reaches out: calls of these names, and of attributes of these modules but for the harmless ones.
NAMES = {"open", "path_of", "Library", "Popen", "exec", "compile_file"}
MODULES = {"os", "subprocess", "glob", "shutil", "tempfile", "ctypes", "socket", "urllib", "foreign", "sys", "pathlib"}
HARMLESS = {"os.getpid", "os.path", "os.path.dirname", "os.path.abspath", "os.fspath", "os.path.realpath",
            "os.path.join", "os.sep", "os.PathLike", "sys.stdin", "sys.stdout", "sys.stderr", "sys.platform",
            "sys.maxsize", "os.path.exists", "os.cpu_count", "sys.version_info", "sys.version"}


def dotted(node: ast.AST) -> str:
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node,
                                                             ast.Attribute) else node.id if isinstance(
                                                                 node, ast.Name) else ""


def uses(function: ast.FunctionDef) -> set[str]:
    """What a function uses that reaches out."""
    found = set()
    for node in ast.walk(function):
        if (isinstance(node, ast.Attribute) and (name := dotted(node)).partition(".")[0] in MODULES
            and name not in HARMLESS):
            found.add(name)
        elif isinstance(node, ast.Name) and node.id in NAMES:
            found.add(node.id)
    return found


def registered(function: ast.FunctionDef) -> ast.Call | None:
    """The decorator that makes a function a builtin."""
    return next((d for d in function.decorator_list if isinstance(d, ast.Call) and dotted(d.func) == "builtin"), None)


def guarded(function: ast.FunctionDef) -> bool:
    """Does a function ask first?"""
    return any(isinstance(node, ast.Call) and dotted(node.func).endswith("reach_out") for node in ast.walk(function))


def unguarded(texts: Iterable[str]) -> dict[str, set[str]]:
    """The builtins that reach out, by themselves or by other functions of these texts, and do not say so: what they
    use.
    """
    functions = {node.name: node for text in texts
                 for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    reaching = {name: found for name, node in functions.items() if (found := uses(node)) and not guarded(node)}
    while True:
        more = {name: {f"{called}()"} for name, node in functions.items() if name not in reaching and not guarded(node)
                for called in (n.id for n in ast.walk(node) if isinstance(n, ast.Name)) if called in reaching}
        if not more:
            break
        reaching.update(more)
    result = {}
    for name, found in reaching.items():
        call = registered(functions[name])
        if call is not None and not any(k.arg == "reaches" for k in call.keywords):
            result[ast.literal_eval(call.args[0])] = found
    return result


def builtins() -> list[str]:
    return [path.read_text() for path in sorted(PACKAGE.glob("*.py"))]


if __name__ == "__main__":
    for name, found in sorted(unguarded(builtins()).items()):
        print(name, *sorted(found))

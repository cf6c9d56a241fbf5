"""Nothing is left over: every name that a module defines is used, and what a module hands on somebody takes from it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

from .conftest import ROOT

OURS = [path for folder in ("csl_native", "image", "relocation", "tools")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(part.is_symlink() for part in (path, *path.parents))]
# definitions of instructions, answers of the host, visitors: reached through tables
FOUND_BY_NAME = re.compile(r"__|(op|on|visit|check|do)_")


def defined(tree: ast.Module) -> list[str]:
    """Names that a module defines at its top without a decorator, which would register them."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.decorator_list:
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            # in a row of numbers each name holds its place
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [name for name in found if not FOUND_BY_NAME.match(name)]


def handed_on(tree: ast.Module) -> list[str]:
    return next(([ast.literal_eval(each) for each in node.value.elts] for node in tree.body
                 if isinstance(node, ast.Assign) and isinstance(node.value, ast.List)
                 and ast.unparse(node.targets[0]) == "__all__"), [])


def left_over(texts: dict[str, str], users: dict[str, str]) -> list[str]:
    """What nobody uses in ``texts``, of which ``users`` is the rest that may."""
    words: Counter[str] = Counter()
    for text in (*texts.values(), *users.values()):
        words.update(re.findall(r"\w+", re.sub(r"__all__ = \[[^]]*\]", "", text)))
    taken = {(Path(name).stem, taken.name) for name, text in {**texts, **users}.items()
             for node in ast.walk(ast.parse(text))
             if isinstance(node, ast.ImportFrom) for taken in node.names
             for name in [(node.module or "").rsplit(".", 1)[-1]]}
    found = []
    for name, text in texts.items():
        tree = ast.parse(text)
        found += [f"{name}: {each} is not used" for each in defined(tree) if words[each] <= 1]
        if not name.endswith("__init__.py"):
            own = {*defined(tree)}
            found += [f"{name}: nobody imports {each} from here" for each in handed_on(tree)
                      if each not in own and (Path(name).stem, each) not in taken
                      and len(re.findall(rf"\b{each}\b", text)) <= 2]
    return found


def test_nothing_is_left_over() -> None:
    users = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
             for path in sorted((ROOT / "tests").rglob("*.py"))}
    assert left_over({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in OURS}, users) == []


def test_what_is_left_over_is_seen() -> None:
    used = {"a.py": "X = 1\nY = X\ndef f(): return Y\n", "b.py": "from .a import f, g\n__all__ = ['g']\nf()\n",
            "c.py": "from .b import g\ng()\n"}
    assert left_over(used, {}) == []
    assert left_over({"a.py": "X = 1\ndef f(): return 2\n"}, {}) == ["a.py: X is not used", "a.py: f is not used"]
    assert left_over({"b.py": "from .a import g\n__all__ = ['g']\n"}, {}) == ["b.py: nobody imports g from here"]


MOST_INSIDE = 60  # imports inside of functions


def inside(tree: ast.Module) -> list[int]:
    """Lines of imports inside of functions, but of what may not be installed."""
    found = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            asked = {n for t in ast.walk(function) if isinstance(t, ast.Try)
                     and any("ImportError" in ast.unparse(h.type) for h in t.handlers if h.type) for n in ast.walk(t)}
            found += [n.lineno for n in ast.walk(function)
                      if isinstance(n, ast.Import | ast.ImportFrom) and n not in asked]
    return sorted(set(found))


def test_imports_inside_of_functions_get_fewer() -> None:
    """What a start does not need is imported where it is used; all else at the top of its module."""
    found = {path: inside(ast.parse(path.read_text(encoding="utf-8"))) for path in (ROOT / "csl_native").rglob("*.py")}
    assert sum(map(len, found.values())) <= MOST_INSIDE, {str(p.relative_to(ROOT)): f for p, f in found.items() if f}
    assert inside(ast.parse("def f():\n import a\n try:\n  import b\n except ImportError:\n  pass")) == [2]

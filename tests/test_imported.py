"""What a start imports comes out of one file; what is wrong with that file costs time only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from csl_native.app import imported
from csl_native.app.imported import Imported, Loader

SCRIPT = """
import sys
from csl_native.app import imported
from csl_native.app.cli import main
imported.SETTLED = -1
imported.begin()
status = main(['-q', '-e', '(print (plus 1 2))'])
imported.ended()
found = [name for name, module in sys.modules.items() if name.startswith('csl_native')
         and type(module.__spec__.loader).__name__ == 'Loader']
print(status, len(found))
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Start csl; how many modules came out of the file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)

    def run() -> int:
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
        three, last = done.stdout.splitlines()
        assert three == "3" and last.startswith("0 "), done
        return int(last.split()[1])
    return run


def the_file(folder: Path) -> Path:
    return next((folder / "csl-native").glob("modules-*.code"))


def test_the_second_start_has_all_of_the_first(start: Callable[[], int], tmp_path: Path) -> None:
    assert start() == 0 and start() > 80
    assert the_file(tmp_path).stat().st_mode & 0o777 == 0o600


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut off": lambda data: data[:-1000],
    "another version": lambda data: data.replace(b"modules 1", b"modules 0"),
    "zeros where the head is": lambda data: data[:8] + bytes(1000) + data[1008:],
}


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no modes")
def test_what_others_may_have_written_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path, monkeypatch)
    assert Imported().rows
    for place, mode in ((path, 0o620), (path.parent, 0o770)):
        before = place.stat().st_mode & 0o777
        place.chmod(mode)
        assert not Imported().rows, f"{place} with mode {mode:o}"
        place.chmod(before)
    other = path.rename(tmp_path / "elsewhere")
    path.symlink_to(other)
    assert not Imported().rows, "a link"


def filled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setattr(imported, "SETTLED", -1)
    monkeypatch.setattr(imported, "FEW", 0)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    new = Imported()
    new.names = ["csl_native.app.imported", "csl_native.lisp", "csl_native.system.places"]
    new.keep()
    return the_file(folder)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_is_damaged_is_not_used(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path, monkeypatch)
    path.write_bytes(WRONG[wrong](path.read_bytes()))
    assert not Imported().rows


def test_a_module_is_what_python_finds_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path, monkeypatch)
    for name in ("csl_native.lisp", "csl_native.system.places"):
        spec, ours = Imported().find_spec(name), sys.modules[name].__spec__
        assert spec is not None and ours is not None and isinstance(spec.loader, Loader)
        assert ([spec.origin, spec.cached, spec.submodule_search_locations, spec.has_location, spec.parent]
                == [ours.origin, ours.cached, ours.submodule_search_locations, ours.has_location, ours.parent])
        assert spec.loader.get_code(name) == spec.loader.get_code(name)
    assert Imported().find_spec("csl_native.app.cli") is None and Imported().find_spec("json") is None
    broken = bytearray(path.read_bytes())
    broken[-10_000:] = bytes(10_000)
    path.write_bytes(broken)
    spec = Imported().find_spec("csl_native.system.places")
    assert spec is not None and isinstance(spec.loader, Loader) and spec.loader.get_code(spec.name) is not None


def test_a_source_that_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, monkeypatch)
    real, changed = imported._state, sys.modules["csl_native.lisp"].__file__
    monkeypatch.setattr(imported, "_state", lambda path: (*real(path)[:4], 0) if path == changed else real(path))
    assert set(Imported().rows) == {"csl_native.app.imported", "csl_native.system.places"}


def test_what_changed_just_now_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path, monkeypatch)
    path.unlink()
    monkeypatch.setattr(imported, "SETTLED", 1e9)
    new = Imported()
    new.names = ["csl_native.app.imported"]
    new.keep()
    assert not Imported().rows

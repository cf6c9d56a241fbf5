"""Writers of all kinds that really die, or find the disk full, at each of their calls of the system: nothing is lost
(``killing.py``).
"""

from __future__ import annotations

from pathlib import Path

import pytest

killing = pytest.importorskip("tests.killing", reason="no fork, or no limits of resources, on this system",
                              exc_type=ImportError)


@pytest.mark.parametrize("name", killing.OPERATIONS)
def test_killed_here_and_there(name: str, tmp_path: Path) -> None:
    seen = killing.end_it_everywhere(name, tmp_path, 1, 20 if killing.OPERATIONS[name].heavy else 7)
    assert seen["killed"] >= 3 and seen["full disk"] >= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", killing.OPERATIONS)
def test_killed_everywhere(name: str, tmp_path: Path) -> None:
    seen = killing.end_it_everywhere(name, tmp_path, 2, 2 if killing.OPERATIONS[name].heavy else 1)
    assert {"killed", "full disk", "failed", "new there"} <= set(seen)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_ten_thousand_points() -> None:
    assert killing.points_of(killing.main(10_000)) >= 10_000


def test_the_check_sees_a_writer_that_is_not_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that writes into what is there, and one that leaves what it began."""
    def careless(path: str, seed: int) -> object:
        killing.write(path, killing.sections(seed))

        def change(path: str) -> None:
            with open(f"{path}.done", "wb") as file:
                killing.write(file.name, killing.sections(seed + 1))
            data = Path(f"{path}.done").read_bytes()
            fd = killing.os.open(path, killing.os.O_WRONLY)
            killing.os.pwrite(fd, data[4096:], 4096)
            killing.os.pwrite(fd, data[:4096], 0)
            killing.os.close(fd)
        return change
    monkeypatch.setitem(killing.OPERATIONS, "careless", killing.Operation(careless))
    with pytest.raises((AssertionError, ValueError)):
        killing.end_it_everywhere("careless", tmp_path, 1)

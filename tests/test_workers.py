"""The processes that compile belong to the installation: they look into no folder that somebody happens to be in, and
end with who began them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from csl_native.native.workers import Job, Worker
from csl_native.system.isolated import command

from .conftest import ROOT, needs_native

HOSTILE = ("queue", "csl_native", "pickle", "struct", "llvmlite", "msgpack", "capstone", "json", "sitecustomize",
           "usercustomize", "encodings", "threading", "os", "re")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with modules that leave a mark when somebody imports them."""
    for name in HOSTILE:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'a').write({name!r})\n")
    (tmp_path / "csl_native").mkdir()
    (tmp_path / "csl_native" / "__init__.py").write_text((tmp_path / "queue.py").read_text())
    return tmp_path


@pytest.mark.parametrize("path", [[""], ["."], ["HERE"], []], ids=str)
def test_the_folder_somebody_is_in_is_not_looked_into(path: list[str], hostile: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hostile)
    monkeypatch.setattr(sys, "path", [*(str(hostile) if each == "HERE" else each for each in path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(hostile))
    worker = Worker()
    with pytest.raises(ValueError, match="nowhere"):  # said by the other process, which has imported all that it needs
        worker.ask(Job("nowhere"))
    worker.close()
    assert not (hostile / "mark").exists(), (hostile / "mark").read_text()
    assert str(hostile) not in command("")


@needs_native
def test_compiling_in_such_a_folder(hostile: Path) -> None:
    program = ("(de f (n) (prog (i s) (setq i 0 s 0) l (cond ((equal i n) (return s))) (setq s (plus s i)) "
               "(setq i (add1 i)) (go l))) "
               "(f 100000) (print (f 300000))")
    done = subprocess.run([sys.executable, "-P", "-m", "csl_native", "-q", "--jit", "0,0", "--stats", "-e", program],
                          cwd=hostile,
                          capture_output=True, text=True, timeout=200, check=False)
    assert "44999850000" in done.stdout, done
    assert not (hostile / "mark").exists(), (hostile / "mark").read_text()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_worker_ends_with_the_one_who_asks() -> None:
    """Who asks is killed while the worker compiles a kernel, which takes it many seconds."""
    program = ("import threading, time\nfrom csl_native.native.workers import Job, Worker\nworker = Worker()\n"
               "print(worker.process.pid, flush=True)\n"
               "threading.Thread(target=worker.ask, args=(Job('x86-64'),), daemon=True).start()\ntime.sleep(100)")
    asking = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert asking.stdout is not None
    pid = int(asking.stdout.readline())
    time.sleep(2)
    asking.kill()
    asking.wait()
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return  # nobody waits for it here
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("the worker goes on")

"""``make demo``: real programs through every layer, and the same image with its pages refused.

Lisp text is read, compiled to bytecode and to machine code and preserved into
one image; new processes restore it, natively and then as bytecode for four
different reasons.  Every output is compared with what the real CSL printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from csl_native.image.container import Image, Section, update, write

from ..architectures import architectures, host
from ..native.pages import PageSet
from ..system.places import CHECKOUT

PROGRAMS = ("fib", "tak", "deriv", "queens", "bareiss", "frpoly")
ROOT = Path(CHECKOUT)
CORPUS = ROOT / "tests" / "corpus" / "programs"


def source(name: str) -> str:
    """A program at its small size, with its main function under a name of its own and not called."""
    text = (CORPUS / f"{name}.lsp").read_text()
    text = re.sub(r"(?m)^\(setq scale!\* \S+\) +% small (\S+)$", rf"(setq {name}!-scale \1)", text)
    return re.sub(r"\(main\)\s*$", f"(copyd 'run!-{name} 'main)\n", text)


def csl(*arguments: str) -> tuple[str, str, float]:
    """Run csl in a new process: standard output, standard error, seconds."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-P", "-m", "csl_native", *arguments], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise SystemExit(f"demo: csl {' '.join(arguments)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr, time.perf_counter() - started


def expected() -> str:
    return "".join(f"%%BEGIN {n}\n{(CORPUS / f'{n}.small.expected').read_text()}%%END {n}\n" for n in PROGRAMS)


def copy(image: Path, name: str, change: object = None) -> Path:
    target = image.with_name(name)
    target.write_bytes(image.read_bytes())
    if callable(change):
        change(target)
    return target


def other_tag(path: Path) -> None:
    """As if the image came from another machine: its page sets carry another tag."""
    here, other = next((str(a.number), str(b.number)) for a in architectures()
                       for b in architectures() if a == host() and a != b)
    with Image(path) as image:
        sections = [Section(re.sub(f"-{here}$", f"-{other}", n), image.read(n), s.raw, s.info)
                    for n, s in image.sections.items()]
    write(path, sections)


def flip_byte(path: Path) -> None:
    """Flip one bit of one byte in the middle of the machine code."""
    with Image(path) as image:
        s = image.sections[own()]
        place = s.offset + s.stored - 1000
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def other_abi(path: Path) -> None:
    """As if the machine code had been made by another version of the kernel."""
    with Image(path) as image:
        pages = PageSet.parse(image.read(own()), str(path))
    pages.abi = "0" * 16
    update(path, [pages.section(own())])


def own() -> str:
    architecture = host()
    return f"functions-{architecture.number if architecture else 0}"


def main() -> int:
    """Run the demonstration; 0 when every output was right."""
    with tempfile.TemporaryDirectory(prefix="csl-demo") as folder:
        image = Path(folder) / "demo.img"
        text = Path(folder) / "programs.lsp"
        text.write_text("\n".join(source(n) for n in PROGRAMS))
        _, _, seconds = csl("-q", "-o", str(image), "--native-compile", "all", str(text))
        print(f"{len(text.read_text().splitlines())} lines of Lisp read, compiled to bytecode and machine code, "
              "preserved: "
              f"{image.stat().st_size >> 10} KB in {seconds:.2f} s")
        forms = [f"(progn (setq scale!* {n}!-scale) (run!-{n}))" for n in PROGRAMS]
        run = [part for form in forms for part in ("-e", form)]
        cases: list[tuple[str, Path, list[str]]] = [
            ("native", image, []), ("wrong tag", copy(image, "tag.img", other_tag), []),
            ("one byte flipped", copy(image, "flipped.img", flip_byte), []),
            ("another kernel ABI", copy(image, "abi.img", other_abi), []), ("switched off", image, ["--native=off"])]
        good = True
        for name, path, options in cases:
            out, why, seconds = csl("-q", "--explain", "-i", str(path), *options, *run)
            right = out == expected()
            good = good and right and (bool(why.strip()) == (name != "native"))
            print(f"\n{name}: {len(PROGRAMS)} programs in {seconds:.2f} s, output "
                  f"{'as expected' if right else 'WRONG'}")
            if name == "native":
                print("  " + out.strip().replace("\n", "\n  "))
            for line in why.strip().splitlines()[:2]:
                print(f"  {line}")
        print("\n" + ("all outputs are those of the real CSL" if good else "the demonstration FAILED"))
        return 0 if good else 1


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    sys.exit(main())

"""CPythons of other architectures under qemu-user, made from Debian's packages in a folder; nothing is installed.

``python(architecture)`` gives the command of that Python, or raises ``Unavailable`` with the reason.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / ".emulation"
SUITES = ("trixie", "bookworm", "forky", "sid")
PACKAGES = ("python3", "libc-bin", "libgcc-s1", "libstdc++6", "python3-msgpack", "python3-zstandard")
MACHINES = {"aarch64": ("arm64", "qemu-aarch64"), "riscv64": ("riscv64", "qemu-riscv64"),
            "loongarch64": ("loong64", "qemu-loongarch64"), "ppc64le": ("ppc64el", "qemu-ppc64le"),
            "s390x": ("s390x", "qemu-s390x"), "armv7": ("armhf", "qemu-arm"),
            # our name: Debian's, and qemu's program
            "i386": ("i386", "qemu-i386"), "mips64": ("mips64el", "qemu-mips64el")}
# Machines of no architecture that a build knows: Debian's name, qemu's program, and what the reason says of it.
ALIENS = {"mipsel": ("mipsel", "qemu-mipsel", "machine 8, 32 bits"), "armel": ("armel", "qemu-arm", "hard float")}

# Hand-made code of each architecture, as text and as bytes: an FN1 entry (base, environment, argument) that gives its
# argument plus 1, which is plus 8 as a word.
ADD1 = {
    "aarch64": ("add x0, x2, #8; ret", "40200091c0035fd6"),
    "riscv64": ("addi a0, a2, 8; ret", "130586008280"),
    "loongarch64": ("addi.d $a0, $a2, 8; ret", "c420c0022000004c"),
    "ppc64le": ("addi 3, 5, 8; blr", "080065382000804e"),
    "s390x": ("la %r2, 8(%r4); br %r14", "4120400807fe"),
    "armv7": ("ldrd r0, r1, [sp]; adds r0, r0, #8; adc r1, r1, #0; bx lr", "d000cde1080090e20010a1e21eff2fe1"),
    "i386": ("mov eax, [esp + 16]; mov edx, [esp + 20]; add eax, 8; adc edx, 0; ret", "8b4424108b54241483c00883d200c3"),
    "mips64": (".set noreorder; jr $ra; daddiu $v0, $a2, 8", "0800e0030800c264"),
}


class Unavailable(Exception):
    """Why there is no emulation here."""


def run(command: list[str], **more: object) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=280,
                              **more).stdout  # type: ignore[call-overload, no-any-return]
    except (OSError, subprocess.SubprocessError) as error:
        detail = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise Unavailable(f"{command[0]}: {detail[-1] if detail else 'failed'}") from error


class Apt:
    """apt-get with a state of its own for one architecture and suite; mirrors and keys are the machine's."""

    def __init__(self, architecture: str, suite: str) -> None:
        self.state = ROOT / "apt" / f"{architecture}-{suite}"
        for name in ("state", "lists/partial", "cache", "archives/partial"):
            (self.state / name).mkdir(parents=True, exist_ok=True)
        (self.state / "status").touch()
        targets = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"])
        mirrors = sorted({line.split()[0] for line in targets.splitlines()
                          if not re.search("security|updates|backports", line)})
        keys = [m for p in Path("/etc/apt").rglob("*.sources")
                for m in re.findall(r"(?m)^Signed-By:\s*(/\S+)", p.read_text())]
        signed = f" signed-by={keys[0]}" if keys else ""
        (self.state / "sources.list").write_text("".join(f"deb [arch={architecture}{signed}] {m} {suite} main\n"
                                                         for m in mirrors))
        settings = {"APT::Architecture": architecture, "APT::Architectures": architecture,
                    "Dir::State": self.state / "state", "Dir::State::status": self.state / "status",
                    "Dir::State::lists": self.state / "lists", "Dir::Cache": self.state / "cache",
                    "Dir::Cache::archives": self.state / "archives",
                    "Dir::Etc::sourcelist": self.state / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
                    "Acquire::Languages": "none", "APT::Install-Recommends": "false", "APT::Sandbox::User": "root",
                    "Debug::NoLocking": "1"}
        self.options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
        index = f"*binary-{architecture}_Packages*"
        for _ in range(3):  # mirrors are not always there at once
            if not list((self.state / "lists").glob(index)):
                with contextlib.suppress(Unavailable):
                    run(["apt-get", "-qq", *self.options, "update"])
        if not list((self.state / "lists").glob(index)):
            raise Unavailable(f"{suite} has no {architecture}")

    def fetch(self, *packages: str) -> list[Path]:
        """Download packages with all that they need."""
        run(["apt-get", "-qq", *self.options, "install", "-y", "--download-only", *packages])
        return sorted((self.state / "archives").glob("*.deb"))


def unpack(packages: list[Path], target: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        (target / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (target / name).exists():
            (target / name).symlink_to(f"usr/{name}")
    for package in packages:
        archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(target),
                        "--exclude=./usr/share/doc"],
                       input=archive, check=True)
    for link in target.rglob("*"):  # absolute links would lead out of the folder
        if link.is_symlink() and os.readlink(link).startswith("/"):
            goal = target / os.readlink(link).lstrip("/")
            link.unlink()
            link.symlink_to(os.path.relpath(goal, link.parent))


def fetched(architecture: str, packages: tuple[str, ...]) -> list[Path]:
    """Packages with all that they need, from the first suite that has them for an architecture."""
    problem = Unavailable("no suite")
    for suite in SUITES:
        try:
            return Apt(architecture, suite).fetch(*packages)
        except Unavailable as error:
            problem = error
    raise problem


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Only one process at a time makes anything here."""
    ROOT.mkdir(exist_ok=True)
    with open(ROOT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def emulator(program: str) -> str:
    found = shutil.which(program)
    if found:
        return found
    target = ROOT / "qemu"
    path = target / "usr" / "bin" / program
    with alone():
        if not path.exists():
            make_emulator(target, program)
    return str(path)


def make_emulator(target: Path, program: str) -> None:
    problem, host = Unavailable("no suite"), run(["dpkg", "--print-architecture"]).strip()
    for suite in SUITES:  # older ones have a qemu that needs libraries of the system
        fresh = ROOT / "new"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            apt = Apt(host, suite)
            run(["apt-get", "-qq", *apt.options, "download", "qemu-user"], cwd=apt.state / "archives")
            unpack(list((apt.state / "archives").glob("qemu-user_*.deb")), fresh)
            run([str(fresh / "usr" / "bin" / program), "--version"])
            fresh.rename(target)
            return
        except (Unavailable, subprocess.SubprocessError) as error:
            problem = Unavailable(str(error))
    raise problem


def python(name: str) -> list[str]:
    """The command that runs Python of an architecture here."""
    debian, program = (MACHINES.get(name) or ALIENS[name])[:2]
    target, qemu = ROOT / name, emulator(program)
    with alone():
        if not target.exists():
            fresh = ROOT / "new"
            shutil.rmtree(fresh, ignore_errors=True)
            unpack(fetched(debian, PACKAGES), fresh)
            run([qemu, "-L", str(fresh), str(fresh / "usr" / "bin" / "python3"), "-c",
                 "import msgpack, zstandard, ctypes"])
            fresh.rename(target)
    return [qemu, "-L", str(target), str(target / "usr" / "bin" / "python3")]

"""What was signed is one thing: parts of several images that the same key signed are no image, whatever is put beside
what.
"""

from __future__ import annotations

import os
import random
from itertools import combinations
from pathlib import Path

import pytest

from csl_native import Session, restore
from csl_native.image import digests
from csl_native.image.container import STRONG, Image, ImageError, Section, digest, update, write
from csl_native.saving import trust as trust_module
from csl_native.saving.baseimage import base_image
from csl_native.saving.belonging import beside, misfit
from csl_native.saving.trust import Trust, not_admitted, set_trusted, trusted_keys
from csl_native.tools.csl_image import main as csl_image
from csl_native.tools.signing import CODE, private_key

from .conftest import needs_native

COUNT = 14
HEAP = {"size": 4096, "base": 0, "entries": [], "builtins": [], "gensym": 1, "modulus": 8}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "k.pem"
    private_key(str(path), make=True)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Path) -> Path:
    """A user who trusts the key, and has no key of their own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def release(path: Path, key: Path, number: int) -> None:
    """An image as ``preserve``, ``faslout`` and ``csl-image add`` leave one, of noise."""
    noise = random.Random(number).randbytes
    heap, starts, module = noise(4096), noise(32), noise(500)
    with Image(base_image()) as base:
        table = base.read("instructions")
    owner, unit = {"heap": digest(heap, STRONG)}, {"module": digest(module, STRONG)}
    write(path,
          [Section("heap", heap, True, {**HEAP, "starts": digest(starts, STRONG),
                                        "instructions": digest(table, STRONG)}),
                 Section("starts", starts, True), Section("instructions", table, True),
                 *(Section(f"{kind}-{tag}", noise(300), True, {"tag": tag, **owner})
                   for kind in ("kernel", "stencils", "functions") for tag in (11, 12)),
                 Section("module-m", module),
           *(Section(f"native-{tag}-m", noise(200), True, {"tag": tag, **unit}) for tag in (11, 12)),
                 Section("typed-t", noise(100))])
    assert csl_image(["sign", str(path), "--key", str(key)]) == 0


def trust_the_key(key: Path) -> None:
    assert csl_image(["trust", str(key)]) == 0


def sections(path: Path) -> dict[str, Section]:
    with Image(path) as image:
        return {name: Section(name, image.read(name), s.raw, s.info) for name, s in image.sections.items()}


def refused(path: Path) -> dict[str, str]:
    """Why parts of an image are not used."""
    with Image(path) as image:
        why = {name: misfit(image, name) or Trust().doubt(image, name)
               for name in image.sections if name.startswith(CODE)}
    return {name: text for name, text in why.items() if text}


@pytest.fixture
def releases(home: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Section]]:
    for number in range(COUNT):
        release(home / f"{number}.img", key, number)
    trust_the_key(key)
    for number in range(COUNT):
        assert refused(home / f"{number}.img") == {}
    return [sections(home / f"{number}.img") for number in range(COUNT)]


def mixtures(releases: list[dict[str, Section]], home: Path) -> dict[tuple[int, int, str], dict[str, str]]:
    """For each pair, and each part of the second in the first: what is refused."""
    found, path = {}, home / "mixed.img"
    for i, j in combinations(range(COUNT), 2):
        for name in releases[0]:
            if name.startswith(CODE):
                write(path, {**releases[i], name: releases[j][name]}.values())
                found[i, j, name] = refused(path)
    return found


def test_no_mixture_is_accepted(releases: list[dict[str, Section]], home: Path) -> None:
    found = mixtures(releases, home)
    assert len({(i, j) for i, j, _ in found}) == 91
    for (_, _, name), why in found.items():
        assert name in why or name == "heap" and all(part in why for part in beside(releases[0], "heap")), (name, why)
        other = {"heap": "functions-11", "module-m": "module-m"}.get(name, name)
        assert "belongs to" in why[other] or "they were not signed together" in why[other], why


@pytest.mark.parametrize("check,name", [("_other_state", "module-m"), ("_other_state", "typed-t"),
                                        ("misfit", "functions-11")])
def test_each_check_is_needed(check: str, name: str, releases: list[dict[str, Section]], home: Path,
                              monkeypatch: pytest.MonkeyPatch) -> None:
    if check == "misfit":
        monkeypatch.setitem(globals(), "misfit", lambda image, name: "")
    monkeypatch.setattr(trust_module, "_other_state", lambda *arguments: "")
    write(home / "mixed.img", {**releases[0], name: releases[1][name]}.values())
    assert name not in refused(home / "mixed.img")


@pytest.mark.parametrize("change", ["kernel-11 is functions-11", "native-11-m is native-12-m", "module-m is module-n",
                                    "info", "format", "state"])
def test_a_part_is_what_it_was_signed_as(change: str, releases: list[dict[str, Section]], home: Path) -> None:
    parts, path = dict(releases[0]), home / "changed.img"
    if " is " in change:
        name, _, new = change.partition(" is ")
        parts[new] = Section(new, parts[name].data, parts[name].raw, parts[name].info)
    else:
        new, seal = "functions-11", dict(parts["functions-11"].info["seal"])
        if change == "format":
            seal["format"] = [1, 2]
        elif change == "state":
            seal["keys"] = {public: b"?" * STRONG + value[STRONG:] for public, value in seal["keys"].items()}
        info = {**parts[new].info, "seal": seal, **({"compared": True} if change == "info" else {})}
        parts[new] = Section(new, parts[new].data, True, info)
    write(path, parts.values())
    assert set(refused(path)) == {new}
    assert change != "format" or "format 1.2" in refused(path)[new]


def test_fewer_parts_are_still_signed(releases: list[dict[str, Section]], home: Path,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    """drop, thin and compact leave the signatures of all others as they are; a library without a heap is one, too."""
    for command in (["drop", "--tag", "11"], ["compact"]):
        assert csl_image([command[0], str(home / "0.img"), *command[1:]]) == 0 and refused(home / "0.img") == {}
    assert csl_image(["thin", str(home / "1.img"), "--tag", "12"]) == 0 and refused(home / "1.img") == {}
    library = [s for name, s in releases[2].items() if name.startswith(("module-", "native-", "typed-"))]
    write(home / "2.img", library)
    assert refused(home / "2.img") == {}
    update(home / "2.img", [releases[3]["typed-t"]])
    assert set(refused(home / "2.img")) == {s.name for s in library}


def test_who_copies_vouches(releases: list[dict[str, Section]], home: Path, monkeypatch: pytest.MonkeyPatch,
                            capsys: pytest.CaptureFixture[str]) -> None:
    """A module of one image in another is the copier's; for others it was not signed together with the rest."""
    assert csl_image(["copy", str(home / "1.img"), str(home / "0.img"), "--module", "m"]) == 0
    assert refused(home / "0.img") == {}
    keys = trusted_keys()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "other"))
    set_trusted(keys)
    assert set(refused(home / "0.img")) == {"module-m", "native-11-m", "native-12-m"}
    assert csl_image(["copy", str(home / "0.img"), str(home / "2.img"), "--module", "m"]) == 0
    assert "module-m" in refused(home / "2.img"), "what is not believed does not become so by being copied"


def test_what_does_not_belong_together_is_not_signed(releases: list[dict[str, Section]], home: Path, key: Path,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in (("functions-11", "belongs to heap"), ("module-m", "native-x86-64-m belongs to module-m"),
                        ("starts", "starts is not that of its heap")):
        write(home / "mixed.img", {**releases[0], name: releases[1][name]}.values())
        for options in ([], ["--key", str(key)]):
            assert csl_image(["sign", str(home / "mixed.img"), *options]) == 2
            assert words in capsys.readouterr().err


# -- running ---------------------------------------------------------------------


def program(path: Path, number: int) -> None:
    with open(os.devnull, "wb") as out:
        session = Session(heap=128 << 20, output=out)
        session.eval(f"(de same (x) (cons x x)) (de f (x) (times (plus x {number}) {number}))"
                     + " (de more (x) (list x x))" * (number > 7))
        session.native_compile(["more", "same", "f"] if number > 7 else ["same", "f"])
        session.preserve(path)
        session.close()


@needs_native
def test_pages_of_another_heap_do_not_run(home: Path, key: Path) -> None:
    name = "functions-"
    for number in (7, 8):
        program(home / f"{number}.img", number)
        assert csl_image(["sign", str(home / f"{number}.img"), "--key", str(key)]) == 0
    trust_the_key(key)
    parts = [sections(home / f"{number}.img") for number in (7, 8)]
    name = next(each for each in parts[0] if each.startswith(name))
    write(home / "mixed.img", {**parts[0], name: parts[1][name]}.values())
    for level in ("keys", "all", "local"):
        session = restore(home / "mixed.img", trust=level, heap=128 << 20, output=open(os.devnull, "wb"))
        assert session.eval("(list (f 1) (car (same 5)))") == [56, 5]
        assert any(f.code == "mismatch" and "belongs to heap" in f.detail for f in session.fallbacks)
        session.close()


def with_large_heap(path: Path, count: int) -> None:
    session = Session(heap=128 << 20, output=open(os.devnull, "wb"))
    session.eval(f"(setq big (mkvect {count})) (putv big 5 'here) (setq word \"a text to be changed\")")
    session.preserve(path)
    session.close()


def test_a_large_heap_is_what_was_signed(home: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "large.img"
    with_large_heap(path, 1_200_000)
    looked: list[int] = []
    real = digests.pages_of
    monkeypatch.setattr(digests, "pages_of", lambda data: (looked.append(len(data)), real(data))[1])

    def text() -> str:
        session = restore(path, heap=128 << 20, output=open(os.devnull, "wb"))
        try:
            return session.eval("word")  # type: ignore[no-any-return]
        finally:
            session.close()
    assert text() == "a text to be changed" and not looked, "it was written here a moment ago"
    forged = path.read_bytes().replace(b"a text to be changed", b"a text that was forge")
    original = path.read_bytes()
    for signed in (False, True):
        path.write_bytes(original if not signed else path.read_bytes())
        if signed:
            assert csl_image(["sign", str(path), "--key", str(key)]) == 0
            trust_the_key(key)
            (home / "config" / "csl-native" / "local.key").unlink()
        assert text() == "a text to be changed" and looked
        del looked[:]
        good = path.read_bytes()
        path.write_bytes(good.replace(b"a text to be changed", b"a text to be changes"))
        with pytest.raises(ImageError, match="page .* does not match its digest"):
            text()
        path.write_bytes(good)
    path.chmod(0o666)  # now others may change it at any time: it is read, and looked at each time
    assert text() == "a text to be changed" and text() == "a text to be changed" and len(looked) >= 2
    assert forged != original


def test_what_was_checked_is_remembered_of_one_state_of_one_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from csl_native.saving import checked
    path = home / "x.img"
    trust_module.local_key(make=True)
    write(path, [Section("a", b"text")])
    with Image(path) as image:
        checked.remember(image, b"d" * 32)
        assert not checked.is_checked(image, b"d" * 32), "it may be changed again within the same tick"
        monkeypatch.setattr(checked, "SETTLED", -1)
        checked.remember(image, b"d" * 32)
        assert checked.is_checked(image, b"d" * 32) and not checked.is_checked(image, b"e" * 32)
    os.utime(path, ns=(0, 0))
    with Image(path) as image:
        assert not checked.is_checked(image, b"d" * 32)
        assert not_admitted(Trust("all"), image, "a") is None


def test_sources_that_were_read_are_read_again_when_one_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from csl_native.saving import checked
    trust_module.local_key(make=True)
    folder = home / "sources"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_text("text")

    def states() -> checked.States:
        return [(name, (folder / name).stat()) for name in "ab"]
    checked.remember_all(str(folder), states(), "d")
    assert not checked.are_checked(str(folder), states(), "d"), "one may be changed again within the same tick"
    monkeypatch.setattr(checked, "SETTLED", -1)
    checked.remember_all(str(folder), states(), "d")
    assert checked.are_checked(str(folder), states(), "d") and not checked.are_checked(str(folder), states(), "e")
    os.utime(folder / "b", ns=(0, 0))
    assert not checked.are_checked(str(folder), states(), "d")
    assert not checked.are_checked(str(folder), states()[:1], "d") and not checked.are_checked(str(folder), [], "d")


def test_pages_of_digests() -> None:
    data = random.Random(1).randbytes(9 * digests.PAGE_BYTES + 77)
    found = digests.pages_of(data)
    assert len(found) == 10 * 32 and digests.wrong_page(data, found) is None
    changed = bytearray(data)
    for page in (0, 3, 9):
        changed[page * digests.PAGE_BYTES + 5] ^= 1
        assert digests.wrong_page(changed, found) == page
        changed[page * digests.PAGE_BYTES + 5] ^= 1
    assert digests.wrong_page(data[:-50], found) == 9 and digests.wrong_page(data, found[:-32]) == 9


@needs_native
def test_native_code_comes_back_by_a_copy(home: Path) -> None:
    """copy-native and csl-image copy: pages that were taken out, from an image of the same functions; each entry is
    compared.
    """
    from csl_native.architectures import host
    architecture = host()
    assert architecture is not None
    program(home / "y.img", 7)
    program(home / "other.img", 8)
    (home / "x.img").write_bytes((home / "y.img").read_bytes())
    assert csl_image(["drop", str(home / "x.img"), "--tag", architecture.name]) == 0
    for source, codes in (("y.img", set()), ("other.img", {"redefined", "bad-entry"})):
        session = restore(home / "x.img", heap=128 << 20, output_library=home / "x.img", output=open(os.devnull, "wb"))
        session.eval(f"(copy!-native \"{home / source}\" '{architecture.name.replace('-', '!-')})")
        session.close()
        session = restore(home / "x.img", heap=128 << 20, output=open(os.devnull, "wb"))
        assert session.eval("(list (f 1) (car (same 5)))") == [56, 5]
        found = {f.code for f in session.fallbacks}
        assert found == codes or codes and found and found <= codes, session.fallbacks
        session.close()
    with pytest.raises(Exception, match="has no pages for"):
        session = restore(home / "x.img", heap=128 << 20, output_library=home / "x.img", output=open(os.devnull, "wb"))
        session.eval(f"(copy!-native \"{home / 'y.img'}\" 's390x)")

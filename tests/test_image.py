"""The container: atomic, checked, and clear about what is wrong."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native import Session, restore
from csl_native.image.container import PAGE, SLOT, Image, ImageError, Section, unpack, update, write
from csl_native.image.writing import _slot
from csl_native.saving.baseimage import base_image, base_image_for_now


def sample(path: Path) -> None:
    write(path, [Section("a", b"hello" * 100), Section("b", bytes(5000), raw=True, info={"tag": 1}), Section("c", b"")])


def test_sections_come_back(tmp_path: Path) -> None:
    sample(tmp_path / "x.img")
    with Image(tmp_path / "x.img") as image:
        assert image.read("a") == b"hello" * 100 and image.read("b") == bytes(5000) and image.read("c") == b""
        assert image.sections["b"].info == {"tag": 1} and image.sections["b"].offset % 4096 == 0
        assert image.verify() == []


def test_update_keeps_other_sections_and_switches_the_root(tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    sample(path)
    with Image(path) as image:
        before = {n: (s.offset, s.stored) for n, s in image.sections.items()}
    update(path, [Section("a", b"new"), Section("d", b"more")], frozenset({"c"}))
    with Image(path) as image:
        assert image.read("a") == b"new" and image.read("d") == b"more" and set(image.sections) == {"a", "b", "d"}
        assert (image.sections["b"].offset, image.sections["b"].stored) == before["b"]
        assert image.sequence == 2


def test_a_crash_before_the_switch_leaves_the_old_image(tmp_path: Path) -> None:
    """The root slot is written last: without that write everything appended is as if it were not there."""
    path = tmp_path / "x.img"
    sample(path)
    old = path.read_bytes()
    update(path, [Section("a", b"new")])
    new = path.read_bytes()
    path.write_bytes(old[:4096] + new[4096:])
    with Image(path) as image:
        assert image.read("a") == b"hello" * 100 and image.sequence == 1
    for cut in range(512, 512 + 64, 7):  # a torn root slot is no root
        path.write_bytes(new[:cut] + old[cut:4096] + new[4096:])
        with Image(path) as image:
            assert image.read("a") in (b"hello" * 100, b"new")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damage_is_an_image_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "x.img"
    sample(path)
    raw = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        raw = raw[:data.draw(st.integers(0, len(raw) - 1))]
    else:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(raw)
    try:
        with Image(path) as image:
            for name in image.sections:
                contents = image.read(name)
                assert contents in (b"hello" * 100, bytes(5000), b"")
    except ImageError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("told", [37, 1 << 20, 1 << 50])
@pytest.mark.parametrize("agreed", [False, True])
def test_damaged_sizes_take_no_memory(tmp_path: Path, told: int, agreed: bool) -> None:
    """A compressed section whose own size was damaged, with and without a directory that says the same."""
    path = tmp_path / "x.img"
    write(path, [Section("a", b"some text" * 4)])
    with Image(path) as image:
        s = image.sections["a"]
        raw = image._read(s.offset, s.stored)
        assert raw[4] == 0x20 and raw[5] == 36  # one byte of size, RFC 8878 section 3.1.1.1
        bad = raw[:4] + b"\xe0" + told.to_bytes(8, "little") + raw[6:]
        s.offset, s.stored, s.length = PAGE, len(bad), told if agreed else 36
        directory = (
            msgpack.packb({"sections": [{k: getattr(s, k)
                                         for k in ("name", "raw", "info", "offset", "stored", "length", "digest")}]}))
    whole = bytearray(PAGE + 512) + directory
    whole[PAGE:PAGE + len(bad)] = bad
    whole[:SLOT.size] = _slot(0, 1, PAGE + 512, directory)
    path.write_bytes(whole)
    tracemalloc.start()
    try:
        with Image(path) as image, pytest.raises(ImageError, match="section a (is damaged|claims)"):
            image.read("a")
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_nested_lists_that_claim_more_than_there_is() -> None:
    with pytest.raises(ValueError):
        unpack(b"".join(b"\xdd" + (4000).to_bytes(4, "big") for _ in range(1000)))
    for data in (b"", b"\xc1", b"\x81\x80\x01"):
        with pytest.raises(ValueError):
            unpack(data)


@pytest.mark.parametrize("data,words", [(b"", "not an image"), (b"hello", "not an image"),
                                        (b"CSLNATIV" + bytes(5000), "damaged")])
def test_what_is_no_image(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=words):
        Image(path)


def test_a_base_image_that_is_not_finished_is_none(tmp_path: Path) -> None:
    """While one is made it is what this process goes by; then the old one is there again, and what was begun is gone
    unless it was moved.
    """
    old, new = base_image(), tmp_path / "new"
    with pytest.raises(KeyboardInterrupt), base_image_for_now(str(new)) as partial:
        Path(partial).write_bytes(b"half")
        assert base_image() == partial
        raise KeyboardInterrupt
    assert base_image() == old and not new.exists()
    with base_image_for_now(str(new)) as partial:
        Path(partial).write_bytes(b"whole")
        Path(partial).replace(tmp_path / "done")
    assert base_image() == old and (tmp_path / "done").read_bytes() == b"whole"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        Image(tmp_path / "none.img")


def test_a_newer_format_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    sample(path)
    raw = bytearray(path.read_bytes())
    raw[8] = 99
    path.write_bytes(raw)
    with pytest.raises(ImageError, match="newer image format"):
        Image(path)


@pytest.mark.parametrize("compress", [False, True])
def test_the_same_program_gives_the_same_bytes(tmp_path: Path, compress: bool) -> None:
    for name in ("1.img", "2.img"):
        s = Session(heap=128 << 20)
        s.eval("(de f (x) (cons x '(a \"b\" 1.5 123456789012345678901234567890))) (setq v (f 1))")
        s.preserve(tmp_path / name, compress=compress)
    assert (tmp_path / "1.img").read_bytes() == (tmp_path / "2.img").read_bytes()


def test_preserve_is_a_fixed_point(tmp_path: Path) -> None:
    """What was restored and preserved again is the same heap."""
    s = Session(heap=128 << 20)
    s.eval("(setq big (mkhash 10 2 1.5)) (puthash '(a b) big 'found) (de g (x) (gethash x big))")
    s.preserve(tmp_path / "1.img")
    again = restore(tmp_path / "1.img", heap=128 << 20)
    again.preserve(tmp_path / "2.img")
    with Image(tmp_path / "1.img") as a, Image(tmp_path / "2.img") as b:
        assert a.read("heap") == b.read("heap")
    assert again.eval("(g '(a b))") == "found"
    assert Path(base_image()).exists()


def test_a_root_has_the_name_of_the_format_and_the_number_of_its_slot(tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    sample(path)
    data = path.read_bytes()
    for changed, words in ((b"NOTANIMG" + data[8:], "is not an image of csl"),
                           (data[:12] + b"\1" + data[13:], "no valid root"),
                           (data[:8] + b"\2" + data[9:], "a newer image format than 1")):
        path.write_bytes(changed)
        with pytest.raises(ImageError, match=words):
            Image(path)


def test_how_much_compressed_bytes_may_claim(tmp_path: Path) -> None:
    """16 MB, or 256 times as many; a heap as many as its start bits are of, when these are as they are in the file."""
    sample(tmp_path / "x.img")
    with Image(tmp_path / "x.img") as image:
        def may(name: str, stored: int) -> int:
            return image.plausible(Section(name, stored=stored))
        assert may("a", 10) == may("heap", 10) == 16 << 20 and may("a", 1 << 20) == may("heap", 1 << 20) == 256 << 20
        image.sections["starts"] = Section("starts", raw=True, stored=1 << 20)
        assert may("heap", 10) == (128 << 20) + PAGE and may("a", 10) == 16 << 20 and may("heap", 1 << 20) == 256 << 20
        image.sections["starts"].raw = False
        assert may("heap", 10) == 16 << 20


def test_a_directory_has_a_limit(tmp_path: Path) -> None:
    """8 MB: what claims more is not read."""
    path = tmp_path / "x.img"
    for size, words in ((8 << 20, "that does not match its digest|cannot be read"),
                        ((8 << 20) + 1, "that does not match its digest")):
        with open(path, "wb") as file:
            file.write(SLOT.pack(b"CSLNATIV", 1, 3, 0, 1, PAGE, size, bytes(16)))
            file.truncate(PAGE + size)
        tracemalloc.start()
        with pytest.raises(ImageError, match=words):
            Image(path)
        assert (tracemalloc.get_traced_memory()[1] > 4 << 20) == (size == 8 << 20)
        tracemalloc.stop()

"""csl-image's views: the heap's census, differences, modules, sections, and the report in a real browser."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack
import pytest

from csl_native import Session
from csl_native.heap.objects import CODE_HEADER
from csl_native.image.container import Image, Section, unpack, update
from csl_native.instructions.codec import Code, encode
from csl_native.saving.heapview import HeapView
from csl_native.tools import census, report
from csl_native.tools.csl_image import COMMANDS, main

from .conftest import ROOT, needs_native

PROGRAM = """(de fact (n) (cond ((zerop n) 1) (t (times n (fact (sub1 n))))))
(de len (l) (prog (n) (setq n 0) loop (cond ((null l) (return n))) (setq n (add1 n)) (setq l (cdr l)) (go loop)))
(setq big (mkvect 5000)) (putv big 7 (list 'one 'two (mkvect 700)))"""


def tool(*arguments: str, status: int = 0) -> Any:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main([*arguments, "--json"]) == status, out.getvalue()
    told = json.loads(out.getvalue())
    assert (told["version"], told["command"]) == (1, arguments[0])
    return told["result"] if "result" in told else told


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tool") / "x.img"
    session = Session(heap=64 << 20, output=open(os.devnull, "wb"))
    session.eval(PROGRAM)
    if session.hardcode.architecture is not None and session.machine.native:
        session.native_compile(["fact", "len"])
    session.preserve(path)
    session.close()
    return str(path)


def test_census_covers_the_heap(image: str) -> None:
    found = tool("heap", image)
    with Image(image) as opened:
        view = HeapView(opened)
        assert found["bytes"] == view.info["size"] == sum(size for _, _, size in census.objects(view))
    assert sum(row["objects"] for row in found["types"]) == found["objects"]
    biggest = {row["bytes"]: row for row in found["biggest"]}
    assert biggest[5001 * 8 + 8]["kept by"] == "symbol big > value"
    assert biggest[701 * 8 + 8]["kept by"] == "symbol big > value > [7] > 2 x cdr > car"


def test_why_something_is_kept(image: str) -> None:
    rows = {row["what"]: row["kept by"] for row in tool("heap", image, "--symbol", "fact")}
    assert rows["symbol"].startswith("symbol ") or rows["symbol"].startswith("root ") and rows["env"].endswith("env")
    assert "no symbol nothing-like-it" in tool("heap", image, "--symbol", "nothing-like-it", status=2)["error"]


def test_differences(image: str, tmp_path: Path) -> None:
    other = tmp_path / "y.img"
    shutil.copy(image, other)
    assert tool("diff", image, str(other)) == []
    session = Session(other, output=open(os.devnull, "wb"))
    session.eval("(de fact (n) n) (setq fresh 5) (setq big nil)")
    session.preserve(other)
    rows = tool("diff", image, str(other), status=1)
    said = {(row["what"], row["first"], row["second"]) for row in rows}
    assert ({("value of fresh", "", "5"), ("value of big", "[...]", "nil")} <= said
            and any(what == "function fact" for what, _, _ in said))
    assert not any("len" in what for what, _, _ in said)


def test_documented_fields(image: str, tmp_path: Path) -> None:
    """What --json gives is what the documentation says, for every command."""
    page = (ROOT / "docs" / "csl-image.md").read_text()
    rows: dict[str, str] = {}
    for name, fields in re.findall(r"^\| `([a-z]+)[^|]*\|[^|]*\|([^|]*)\|$", page, re.M):
        rows[name] = rows.get(name, "") + fields
    assert set(rows) | {"thin"} == set(COMMANDS)
    for command in ("info", "modules", "relocs", "heap", "why", "size", "verify"):
        found = tool(command, image, status=0)
        for row in found if isinstance(found, list) else [found]:
            assert all(f"`{name}`" in rows[command] for name in row), command
            for inner in (row for value in row.values() if isinstance(value, list)
                          for row in value if isinstance(row, dict)):
                assert all(f"`{name}`" in page for name in inner)
    instructions = tool("instructions")
    assert ([row["number"] for row in instructions] == list(range(len(instructions)))
            and all(row["meaning"] for row in instructions))
    for row in (instructions[0], tool("tags")[0], tool("check", image, "--target", "aarch64", status=1)[0]):
        assert all(f"`{name}`" in page for name in row)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    done = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "completion", shell],
                          capture_output=True, text=True, timeout=60, check=True)
    assert all(name in done.stdout for name in COMMANDS) and "--symbol" in done.stdout or "-l symbol" in done.stdout
    if shell == "bash":
        asked = done.stdout + "\nCOMP_WORDS=(csl-image he); COMP_CWORD=1; _csl_image; echo ${COMPREPLY[@]}; " \
            "COMP_WORDS=(csl-image heap --s); COMP_CWORD=2; _csl_image; echo ${COMPREPLY[@]}"
        assert subprocess.run(["bash", "-c", asked], capture_output=True, text=True,
                              check=True).stdout == "heap\n--symbol\n"


def test_a_section_in_a_file(image: str, tmp_path: Path) -> None:
    tool("extract", image, "starts", "-o", str(tmp_path / "starts"))
    with Image(image) as opened:
        assert (tmp_path / "starts").read_bytes() == opened.read("starts")
    assert "has no section nothing" in tool("extract", image, "nothing", "-o", str(tmp_path / "x"), status=2)["error"]


def test_modules_of_a_library(tmp_path: Path) -> None:
    session = Session(output_library=tmp_path / "lib.img", output=open(os.devnull, "wb"))
    session.eval("(faslout 'm) (de f (x) x) (de g (x) x) (faslend)")
    [row] = tool("modules", str(tmp_path / "lib.img"))
    assert (row["module"], row["functions"], row["native"]) == ("m", 2, [])
    assert (tool("verify", str(tmp_path / "lib.img"))["problems"] == []
            and tool("info", str(tmp_path / "lib.img"))["heap bytes"] is None)


@pytest.mark.parametrize("renamed,why", [(False, "uses literal 1, which is no symbol"), (True, "cannot be proved")])
def test_what_instructions_do_is_not_for_an_image_to_say(tmp_path: Path, renamed: bool, why: str) -> None:
    """A table in which nothing takes a symbol, or of instructions that nobody knows, proves no bytecode."""
    session, path = Session(heap=64 << 20, output=open(os.devnull, "wb")), tmp_path / "x.img"
    m, code = session.machine, Code(1, 1, False, 1, 8, encode("value", 1) + encode("return"))
    session.eval("(de f (x) x)")
    session.run(lambda: session.lisp.install_env(m.intern("f"), m.vector([m.object(CODE_HEADER, code.pack()), 56]),
                                                 False))
    session.preserve(path)
    with Image(path) as image:
        rows = unpack(image.read("instructions"))
    lies = [row if len(row) < 3 else [row[0], ("x" if renamed else "") + row[1], *row[2:9], []] for row in rows]
    update(path, [Section("instructions", msgpack.packb(lies))])
    done = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "verify", str(path)], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 1 and why in done.stdout


def test_a_damaged_heap_is_told(image: str, tmp_path: Path) -> None:
    """The census of a heap with any word changed ends, with an answer or a sentence."""
    from csl_native.image.container import ImageError, Section, update
    path = str(tmp_path / "z.img")
    with Image(image) as opened:
        data, info = opened.read("heap"), opened.sections["heap"].info
    for place in range(0, len(data), len(data) // 40 // 8 * 8):
        shutil.copy(image, path)
        update(path, [Section("heap", data[:place] + b"\xff" * 8 + data[place + 8:], True, info)])
        with Image(path) as broken:
            try:
                census.census(HeapView(broken))
            except ImageError as error:
                assert path in str(error)


@needs_native
def test_a_report_leaves_out_code_that_is_too_long_to_be_read(image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LONGEST", 10)
    with Image(image) as opened:
        for function, first in ((None, "len"), ("fact", "fact")):
            text = report.report(opened, function)
            data = json.loads(re.search("const data = (.*);$", text, re.M)[1])  # type: ignore[index]
            assert data["function"] == first and list(data["codes"]) == [first]
            places = [at for column in data["codes"][first] if "stencils" in column["title"]
                      for _, at in column["lines"]]
            assert places == [] or max(places) > 0 and min(places) >= -1


def test_the_report_in_a_browser(image: str, tmp_path: Path) -> None:
    """The page in headless Chromium: it draws, searches, and lights up the lines of one instruction in all columns."""
    page = tmp_path / "x.html"
    tool("report", image, "-o", str(page), "--function", "len")
    text = page.read_text()
    assert "http" not in text.replace("http-equiv", ""), "it needs no network"
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    for wanted in ('name="viewport"', "prefers-color-scheme: dark", 'role="table"', "aria-sort"):
        assert wanted in text
    script = """<script>
      const first = document.querySelector("#rows .name").textContent;
      location.hash = "function=fact"; follow();
      const by_link = document.getElementById("codetitle").textContent;
      document.querySelectorAll("#heads button")[1].click(); document.querySelectorAll("#heads button")[1].click();
      const sizes = [...document.querySelectorAll("#rows .size")].map(e => parseInt(e.textContent));
      mine.checked = true; mine.dispatchEvent(new Event("change"));
      const own = [...document.querySelectorAll("#rows .name")].map(e => e.textContent).sort().join();
      code("len");
      search.value = "fact"; search.dispatchEvent(new Event("input"));
      const sought = [...document.querySelectorAll(".column div[data-at]")].find(e => e.textContent.includes("add1"));
      sought.dispatchEvent(new MouseEvent("mouseenter"));
      document.body.dataset.seen = JSON.stringify({first, by_link, own, sorted:
        sizes.every((n, k) => k === 0 || sizes[k - 1] >= n),
        boxes: document.querySelectorAll(".box").length, count: document.getElementById("count").textContent,
        names: [...document.querySelectorAll("#rows .name")].map(e => e.textContent), columns:
        document.querySelectorAll(".column").length,
        lit: [...new Set([...document.querySelectorAll(".on")].map(e => e.parentElement.firstChild.textContent))]});
      </script></body>"""
    page.write_text(text.replace("</body>", script))
    done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu",
                           f"--user-data-dir={tmp_path}/profile", "--window-size=1400,1500", "--dump-dom",
                           page.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert found is not None, done.stderr
    seen = json.loads(found[1].replace("&quot;", '"'))
    assert (seen["first"], seen["by_link"], seen["own"],
            seen["sorted"]) == ("fact", "fact on every architecture", "fact,len", True)
    assert (seen["boxes"] > 20 and seen["names"] == ["fact"] and seen["count"].startswith("1 of ")
            and seen["columns"] >= 3)
    assert len(seen["lit"]) >= 2 and "bytecode" in seen["lit"]


@pytest.mark.parametrize("width", [50, 120])
@pytest.mark.parametrize("command", ["info", "functions", "heap", "size", "why", "verify", "disasm", "tags"])
def test_on_a_terminal(image: str, command: str, width: int, tmp_path: Path) -> None:
    """On a terminal there are tables and bars that fit; what is piped into a file stays plain."""
    import pty
    arguments = [sys.executable, "-m", "csl_native.tools.csl_image", command, *([image] if command != "tags" else []),
                 *(["fact"] if command == "disasm" else [])]
    pid, fd = pty.fork()
    if pid == 0:
        os.environ |= {"COLUMNS": str(width), "TERM": "xterm-256color"}
        os.execv(arguments[0], arguments)
    data = b""
    while True:
        try:
            more = os.read(fd, 65536)
        except OSError:
            break
        if not more:
            break
        data += more
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, 1)
    text = re.sub(r"\x1b\[[0-9;]*m", "", data.decode())
    assert "Traceback" not in text and text.strip() and max(map(len, text.replace("\r", "").split("\n"))) <= width
    assert "\x1b[" in data.decode() or command == "disasm"
    piped = subprocess.run(arguments, capture_output=True, text=True, check=False).stdout
    assert "\x1b" not in piped and "█" not in piped


@needs_native
def test_labels_bytes_and_patterns(image: str) -> None:
    """Jumps go to labels that stand in the listing; the bytes are the code's; a pattern gives all that it fits, and no
    name all there are.
    """
    found = tool("disasm", image, "len", "--tier", "optimised")
    [lines] = [lines for name, lines in found.items() if name != "function"]
    labels = [line[:-1] for line in lines if re.fullmatch(r"L\d+:", line)]
    assert labels == [f"L{k}" for k in range(len(labels))] and labels
    assert {label for line in lines for label in re.findall(r"\bL\d+(?=$|  ;)", line)} == set(labels)
    [raw] = [lines for name, lines in tool("disasm", image, "len", "--tier", "optimised", "--bytes").items()
             if name != "function"]
    assert (len(raw) == len(lines) and all(b.endswith(a.strip().split("  ", 1)[1])
                                           for a, b in zip(lines, raw, strict=True) if re.match(" *[0-9a-f]+  ", a)))
    assert [row["function"] for row in tool("disasm", image, "f[a]ct", "--tier", "bytecode")] == ["fact"]
    assert {"fact", "len"} <= {row["function"] for row in tool("disasm", image, "--tier", "bytecode")}
    assert "no function nothing* with bytecode" in tool("disasm", image, "nothing*", status=2)["error"]
    assert "has no pages for" in tool("disasm", image, "fact", "--tag", "mips64", status=2)["error"]
    assert "a feature foo" in tool("check", image, "--target", "aarch64+foo", status=2)["error"]


@needs_native
def test_sizes_in_order_and_together(image: str) -> None:
    whole = tool("size", image)
    rows = tool("size", image, "--sort")
    assert [row["bytes"] for row in rows[:-1]] == sorted((row["bytes"] for row in rows[:-1]), reverse=True)
    assert (sum(row["bytes"] for row in rows[:-1]) == rows[-1]["bytes"] == whole[-1]["bytes"]
            and rows[-1]["percent"] == 100)
    assert tool("size", image, "--top", "3") == [*rows[:3], rows[-1]]
    groups = tool("size", image, "--by", "prefix")
    assert sum(row["bytes"] for row in groups) == sum(row["bytes"] for row in whole)
    assert any(row["what"].endswith("-*") and row["functions"] >= 1 for row in groups)


@needs_native
def test_functions_of_mine_and_sections_by_name(image: str, tmp_path: Path) -> None:
    from csl_native.architectures import host
    here = host()
    assert here is not None and [row["function"] for row in tool("functions", image, "--mine")] == ["fact", "len"]
    assert all(isinstance(row[here.name]["offset"], int) for row in tool("functions", image, "--mine"))
    names = {row["section"] for row in tool("info", image)["sections"]}
    assert f"functions-{here.name}" in names and f"functions-{here.tag}" not in names
    for name in (f"functions-{here.name}", f"functions-{here.tag}"):
        tool("extract", image, name, "-o", str(tmp_path / name))
    assert (tmp_path / f"functions-{here.name}").read_bytes() == (tmp_path / f"functions-{here.tag}").read_bytes()


def test_a_difference_of_two_architectures(image: str) -> None:
    from csl_native.tools.compare import unified
    lines = unified(["; 0x10..0x20", "    10  jg L0", "    14  ret", "L0:"], ["    30  jle L0", "    32  ret", "L0:"],
                    ("one", "other"))
    assert lines == ["--- one", "+++ other", "@@ -1,3 +1,3 @@", "-jg L0", "+jle L0", " ret", " L0:"]


@needs_native
def test_graphs(image: str) -> None:
    """Who calls whom; the blocks of a loop, as bytecode and natively, with every instruction in one block; the language
    of Graphviz.
    """
    from csl_native.architectures import host
    here = host()
    assert here is not None
    found = tool("graph", image, "fact")
    assert ({"from": "fact", "to": "fact", "calls": 1, "tail": 0} in found["edges"]
            and {"id": "fact", "bytecode": True} in found["nodes"])
    for options in ((), ("--tag", here.name)):
        found = tool("graph", image, "len", "--flow", *options)
        nodes = {node["id"]: node for node in found["nodes"]}
        order = {name: k for k, name in enumerate(nodes)}
        assert any(order[edge["to"]] <= order[edge["from"]] for edge in found["edges"]), "there is a loop"
        reached, todo = (set(), [node["id"] for node in found["nodes"]
                                 if not any(e["to"] == node["id"] for e in found["edges"])] or ["B0"])
        while todo:
            if (name := todo.pop()) not in reached:
                reached.add(name)
                todo += [edge["to"] for edge in found["edges"] if edge["from"] == name]
        assert reached == set(nodes)
    listed = tool("disasm", image, "len", "--tier", "bytecode")["bytecode"]
    assert sum(len(node["lines"]) for node in tool("graph", image, "len",
                                                   "--flow")["nodes"]) == len(
                                                       [line for line in listed if ";" not in line])
    drawn = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "graph", image, "len", "--flow"],
                           capture_output=True, text=True, check=True)
    assert drawn.stdout.startswith('digraph "len" {') and '"B0" ->' in drawn.stdout
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg"], input=drawn.stdout, capture_output=True, text=True, check=True)
    assert "needs one function" in tool("graph", image, "*", "--flow", status=2)["error"]

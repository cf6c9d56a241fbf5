"""``csl-image graph``: who calls whom, and how control goes through a function, for programs that draw graphs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from csl_native.architectures import Architecture, by_name
from csl_native.heap.words import SYMBOL
from csl_native.image.container import Image, ImageError
from csl_native.instructions.codec import Code, decode
from csl_native.native.copying import tags_of
from csl_native.native.pages import PAGE_SIZE, PageSet
from csl_native.saving.heapview import HeapView
from csl_native.tools import listing
from csl_native.tools.code import Listings, matching

Graph = dict[str, Any]


def calls(view: HeapView, names: list[str]) -> Graph:
    """Functions and the calls in their bytecode: ``calls`` says how many places call, ``tail`` how many of them end the
    function so.
    """
    known, edges = view.functions(), dict[tuple[str, str], list[int]]()
    for name in names:
        found = view.code_of(known[name])
        assert found is not None
        code, literals = found
        for item in decode(code.code):
            if "call" in item.row.name and item.operands and 0 < item.operands[0] < len(literals):
                callee = literals[item.operands[0]]
                if callee & 7 == SYMBOL:
                    edge = edges.setdefault((name, view.text(callee)), [0, 0])
                    edge[0] += 1
                    edge[1] += item.row.kind == "tail"
    nodes = dict.fromkeys([*names, *(callee for _, callee in edges)])
    return {
        "nodes": [{"id": name, "bytecode": name in known} for name in nodes],
        "edges": [{"from": a, "to": b, "calls": n, "tail": tail} for (a, b), (n, tail) in edges.items()],
    }


def blocks(
    places: list[int], ends: dict[int, tuple[bool, list[int]]], lines: dict[int, str], more: Iterable[int] = ()
) -> Graph:
    """Basic blocks of instructions at some places: ``ends`` has for those behind which a block ends whether the next
    one follows, and jumps.
    """
    after = dict(zip(places, places[1:], strict=False))
    leaders = {places[0], *more, *(t for _, targets in ends.values() for t in targets)}
    leaders |= {after[at] for at in ends if at in after}
    nodes: list[Graph] = []
    edges: list[Graph] = []
    for at in places:
        if at in leaders:
            nodes.append({"id": f"B{len(nodes)}", "at": at, "lines": []})
        nodes[-1]["lines"].append(lines[at])
    named = {node["at"]: node["id"] for node in nodes}
    current = ""
    for at in places:
        current = named.get(at, current)
        goes_on, targets = ends.get(at, (True, []))
        following = after.get(at)
        edges += [{"from": current, "to": named[t], "kind": "jump"} for t in dict.fromkeys(targets) if t in named]
        if goes_on and following in named:
            edges.append({"from": current, "to": named[following], "kind": "next"})
    return {"nodes": nodes, "edges": edges}


def bytecode_flow(code: Code, text: list[str]) -> Graph:
    """The blocks of a function's bytecode; what catches errors is reached from where they may come by an edge of its
    own.
    """
    items = decode(code.code)
    ends = {}
    for item in items:
        if item.row.kind != "value":
            goes_on = item.row.kind == "branch" and not item.row.always
            ends[item.at] = (goes_on, [item.target] if item.target is not None else [])
    lines = {int(line.split()[0]): line.strip() for line in text if line.strip()[:1].isdigit()}
    graph = blocks([item.at for item in items], ends, lines, [row[2] for row in code.handlers])
    named = {node["at"]: node["id"] for node in graph["nodes"]}
    for start, end, target, _ in code.handlers:
        sources = [node["id"] for node in graph["nodes"] if start <= node["at"] < end]
        graph["edges"] += [{"from": source, "to": named[target], "kind": "handler"} for source in sources]
    return graph


def native_flow(pages: PageSet, architecture: Architecture, place: int) -> Graph:
    """The blocks of a function's native code, all of its parts."""
    engine, reading = listing.disassembler(architecture), architecture.reading
    if engine is None or reading is None:
        raise ImageError(f"nothing here can tell jumps in code for {architecture.name}")
    parts = pages.entries.get(str(place), {}).get("parts") or []
    code = [row for start, size in parts for row in engine.disasm_lite(bytes(pages.data[start : start + size]), start)]
    starts, ends = {start for start, _ in parts}, dict[int, tuple[bool, list[int]]]()
    for k, (address, _, mnemonic, operands) in enumerate(code):
        target = reading.target(mnemonic, operands, address) if reading.is_jump(mnemonic) else None
        goes_on = reading.goes_on(f"{mnemonic} {operands}".rstrip())
        if target is not None or not goes_on:
            last = code[min(k + reading.delay, len(code) - 1)][0]  # what stands behind a jump and is run before it
            ends[last] = (goes_on, [target] if target is not None else [])
    lines = {address: f"{address:x} {mnemonic} {operands}".rstrip() for address, _, mnemonic, operands in code}
    known = set(lines)
    ends = {at: (goes_on, [t for t in targets if t in known]) for at, (goes_on, targets) in ends.items()}
    return blocks([address for address, _, _, _ in code], ends, lines, starts)


def dot(graph: Graph, name: str) -> str:
    """A graph in the language of Graphviz."""
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\l") + '"'

    out = [f"digraph {quoted(name)} {{", "  node [shape=box, fontname=monospace];"]
    for node in graph["nodes"]:
        label = quoted("\n".join(node["lines"]) + "\n") if "lines" in node else quoted(node["id"])
        style = ", style=dashed" if node.get("bytecode") is False else ""
        out.append(f"  {quoted(node['id'])} [label={label}{style}];")
    for edge in graph["edges"]:
        style = {"handler": " [style=dotted]", "next": " [style=bold]"}.get(edge.get("kind", ""), "")
        if edge.get("calls", 1) > 1:
            style = f' [label="{edge["calls"]}"]'
        out.append(f"  {quoted(edge['from'])} -> {quoted(edge['to'])}{style};")
    return "\n".join([*out, "}"])


def graph(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Who calls whom, or how control goes through one function (--flow), as DOT for Graphviz or as JSON."""
    if options.tag:
        tags_of(image, [options.tag])
    listings = Listings(image, options.tag, False)
    names = matching(list(listings.functions), options.function)
    if not names:
        raise ImageError(f"{image.path}: no function {options.function} with bytecode; csl-image functions lists them")
    if not options.flow:
        if options.tag:
            raise ValueError("graph --tag needs --flow: who calls whom is told from bytecode")
        found = calls(listings.view, names)
        return (found if options.json else dot(found, "calls")), 0
    if len(names) != 1 or options.function is None:
        raise ValueError(f"graph --flow needs one function; {len(names)} are meant")
    name, view = names[0], listings.view
    if options.tag:
        architecture = by_name(options.tag)
        places = [page * PAGE_SIZE + at for tag, _, page, at in listings.native.get(name, [])
                  if tag == architecture.tag]
        if not places or architecture.tag not in listings.sets:
            raise ImageError(f"{image.path}: function {name} has no native code for {architecture.name}")
        found = native_flow(listings.sets[architecture.tag], architecture, places[0])
    else:
        code = view.code_of(listings.functions[name])
        assert code is not None
        found = bytecode_flow(code[0], view.listing(name))
    return ({"function": name, **found} if options.json else dot(found, name)), 0

"""What ``csl-image`` finds, for a terminal: tables with bars, colours for what is native and what is not, tiers side by
side.
"""

from __future__ import annotations

from typing import Any

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from csl_native.tools import listing

# columns with a bar beside the number: a share of their sum
BARS = ("stored", "bytes", "objects", "functions compiled")
GOOD, BAD, DIM = "green", "bold red", "dim"
BAR_WIDTH = 16
WORST = ("damaged-page", "bad-entry", "overflow", "untrusted")


def show(command: str, result: Any, console: Console | None = None) -> None:
    """Print a result of a command."""
    (console or Console(highlight=False)).print(renderable(command, result))


def renderable(command: str, result: Any) -> RenderableType:
    if isinstance(result, str):
        return Text(result)
    if command == "why":
        return why(result)
    if command == "verify":
        return verdict(result)
    if command == "disasm" and isinstance(result, list):
        return Group(*(Group(Text(row["function"], style="bold"), renderable(command, row)) for row in result))
    if command == "diff" and isinstance(result, dict):
        colours = {"+": GOOD, "-": "red", "@": "cyan"}
        return Group(*(Text(line, style=colours.get(line[:1], "")) for line in result["listing"]))
    if command == "disasm":
        tiers = [Panel(Text("\n".join(lines)), title=name, title_align="left", border_style="cyan")
                 for name, lines in result.items() if name != "function"]
        return Columns(tiers, padding=(0, 1))
    if command == "heap" and isinstance(result, dict):
        return Group(Text(f"{result['objects']:,} objects, {size(result['bytes'])}", style="bold"),
                     table(result["types"]),
                     Text("\nthe biggest", style="bold"), table(result["biggest"]))
    if isinstance(result, dict):
        facts = Table.grid(padding=(0, 2))
        for name, value in result.items():
            if name != "sections":
                shown = ", ".join(value) if isinstance(value,
                                                       list) else size(value) if name in (
                                                           "size", "heap bytes") else str(value)
                facts.add_row(Text(name, style=DIM), shown)
        return Group(Panel(facts, expand=False, border_style="cyan"),
                     table(result["sections"])) if result.get("sections") else facts
    return table(result)


def table(rows: list[dict[str, Any]]) -> RenderableType:
    """Rows as a table: numbers to the right, a bar where a column has shares of a whole."""
    if not rows:
        return Text("(none)", style=DIM)
    made = Table(box=None, header_style="bold", pad_edge=False)
    names = list(dict.fromkeys(name for row in rows for name in row))
    sums = {name: sum(row.get(name) or 0 for row in rows)
            for name in BARS if name in names and all(isinstance(row.get(name, 0), int) for row in rows)}
    for name in names:
        number = all(isinstance(row.get(name), int) and not isinstance(row.get(name), bool)
                     for row in rows if name in row)
        made.add_column(name, justify="right" if number else "left", no_wrap=number or name == names[0],
                        overflow="fold")
        if name in sums:
            made.add_column("", no_wrap=True, width=BAR_WIDTH)
    for row in rows:
        cells: list[RenderableType] = []
        for name in names:
            cells.append(cell(row.get(name) if name not in row or isinstance(row[name], bool | int)
                              else listing.cell(name, row[name])))
            if name in sums:
                cells.append(bar(row.get(name) or 0, sums[name]))
        made.add_row(*cells)
    return made


def cell(value: Any) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no", style="" if value else DIM)
    if isinstance(value, int):
        return Text(f"{value:,}")
    text = str(value)
    return Text(text, style=DIM if text in ("bytecode", "") else GOOD if ":0x" in text else "")


def bar(part: int, whole: int) -> Text:
    eighths = round(8 * BAR_WIDTH * part / whole) if whole else 0
    return Text("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip(), style="cyan")


def size(count: Any) -> str:
    """A number of bytes for people."""
    if not isinstance(count, int):
        return str(count)
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def why(rows: list[dict[str, Any]]) -> RenderableType:
    if not rows:
        return Text("everything that has native code runs natively", style=GOOD)
    made = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("reason", "function", "what it means"):
        made.add_column(name, no_wrap=name == "reason", overflow="fold")
    for row in rows:
        made.add_row(Text(row["code"], style=BAD if row["code"] in WORST else "yellow"), row.get("function") or "(all)",
                     row["sentence"].partition("]: ")[2] or row["sentence"])
    return made


def verdict(result: dict[str, Any]) -> RenderableType:
    lines = [Text(problem, style=BAD) for problem in result["problems"]] or [
        Text(f"{result['image']}: all digests match, all bytecode is well-formed", style=GOOD)]
    for name, doubt in result["not trusted here"].items():
        lines.append(Text.assemble((name, "yellow"), f": not trusted here: {doubt}"))
    return Group(*lines)

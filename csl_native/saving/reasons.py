"""Why something runs as bytecode: one row a reason, with a stable code, a text and a remedy."""

from __future__ import annotations

from ..system.records import Record


class Reason(Record):
    code: str
    text: str
    remedy: str
    what: str = "runs as bytecode"


ROWS = (
    Reason("no-set", "the image has no native code for this machine's tag",
           "make some: csl --native-compile all, or csl-image on a machine with llvmlite"),
    Reason("no-architecture", "this build has no architecture for the processor and calling convention of this program",
           "bytecode works everywhere; an architecture is one file"),
    Reason("damaged-page", "a page does not match its digest", "restore the image from a copy, or compile again"),
    Reason("kernel-abi", "the code was made for another kernel", "compile again with this version"),
    Reason("missing-feature", "the code needs a processor feature that this machine lacks",
           "compile for the baseline of this tag"),
    Reason("redefined", "the function was redefined since it was compiled", "compile it again"),
    Reason("bad-entry", "an entry point lies outside of its page", "restore the image from a copy, or compile again"),
    Reason("unresolved", "the code refers to a kernel entry that does not exist", "compile again with this version"),
    Reason("overflow", "a relocation does not fit its field", "compile again; report it if it stays"),
    Reason("switched-off", "native code is switched off", "run without --native=off"),
    Reason("not-compiled", "the function was never compiled to native code",
           "(native-compile '(name)) or csl --native-compile all"),
    Reason("not-compilable", "the function has a form that the native compiler does not take",
           "bytecode works; see the manual for what is compiled"),
    Reason("no-memory-execution", "the system refuses executable memory",
           "allow it for this program, or go on with bytecode"),
    Reason("untrusted", "nobody who is trusted here vouches for it",
           "csl-image trust KEY, csl-image sign when it is yours, or --trust=all when you know where it is from"),
    Reason("mismatch", "it belongs to another heap or module than the one that it is with",
           "restore the image from a copy, or compile again"),
    Reason("no-foreign", "a C function that the code calls is not there",
           "install the shared library; until then each call is an error that says so"),
    Reason("older-state", "the newest state of the image is damaged or gone",
           "restore the image from a copy or make it again", "is what the image was before"),
    Reason("no-bytecode", "the symbol has no bytecode definition", "define the function"),
)
REASONS = {row.code: row for row in ROWS}


class Fallback(Record):
    """One thing that runs as bytecode: ``subject`` is a function name, or empty for all of a tag."""

    code: str
    subject: str = ""
    detail: str = ""

    def row(self) -> dict[str, str]:
        """What programs want to know."""
        row = REASONS[self.code]
        return {"code": self.code, "subject": self.subject, "detail": self.detail, "text": row.text,
                "remedy": row.remedy}

    def sentence(self) -> str:
        row = REASONS[self.code]
        what = f"{self.subject}: " if self.subject else ""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{what}{row.what} [{self.code}]: {row.text}{detail}; {row.remedy}"


def no_set(name: str, tag: int, there: set[int]) -> Fallback:
    """A function has entries, but none whose pages are in the image for a tag; ``there``: the tags of those that are.
    """
    found = (f"the image has its code for {', '.join(map(str, sorted(there)))}" if there
             else "the image has its code for no tag")
    return Fallback("no-set", name, f"tag {tag}; {found}")

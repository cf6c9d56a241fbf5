"""``csl``: the command line of the original, and what is new here."""

from __future__ import annotations

import gc
import os
import sys

from csl_native.image import files
from csl_native.system.process import of_output, run_program, said

from ..architectures import by_name
from ..saving.baseimage import check_output
from ..saving.trust import LEVELS

USAGE = """usage: csl [options] [file...]     files are read in order; - is standard input

  -i FILE        start from this image; further ones are libraries for load-module, in this order; - is the
                 image of the program: the base image of csl, and NAME.img beside a link to csl that is
                 called NAME, which starts from it without -i, too
  -o FILE        the image that (preserve) and (faslout) write; load-module looks there first; - is NAME.img
                 beside a link called NAME
  -z             cold start: the base image, whatever -i says, without a restart function
  -n             do not run the restart function of the image
  -e FORM        evaluate a form after the start (repeatable)
  -D NAME=VALUE  set a variable to a string (-dNAME=VALUE too)
  -u NAME        make a variable unset
  -q             only what the program prints: no values, prompts (but on a terminal) or messages; a wrong
                 command line is an error, and standard input is not read after -e
  --modern       as at a terminal: definitions keep their source and say nothing of their compilation, a
                 misspelt variable in one is an error, and errors do not list the functions they leave
  -v             say what happens, and collector reports
  -t MODULE      print the date of a module and stop
  -j FILE        write the names of the files that were read to a file at the end
  --trace NAME --tr NAME   trace a function (repeatable)
  -g             errors at the top level print the functions they leave
  --stop-on-error  end with status 1 at the first error of a file that nothing catches
  -k SIZE        heap limit in megabytes (default: a quarter of the memory), or with K, M or G behind it
  -r SEED        seed of the random numbers
  -l FILE        write a copy of the output to a file, with what was read (but with -q)
  -- FILE        send standard output to a file
  -w-            no window, as scripts for the original say: -q, -v, -g, -o without -i and the lack of an
                 image are the original's, too (-w and -w+ the same)
  --gc-trigger N --nogui -b -s -x -a -f -m -p -y   accepted as by the original; no effect here

  --engine NAME        what runs bytecode
  --engines            list the engines: what each is, its size for each tag of the image, and whether it is here
  --native on|off      use native code, or run everything as bytecode under CPython
                       (with --engine switch: on the native loop)
  --native-compile X   compile functions to native code after loading: all, hot (those that the jit
                       compiled, in this run or one that the image remembers), or names separated by commas
  --tags A,B           ... and for these architectures too (cross-compilation)
  --jit N[,M]          compile a function while the program runs, when it was called or has looped N times,
                       and by LLVM after M times: 0 at once, -1 never; the default is CSL_NATIVE_JIT in the
                       environment, else 2000,4000000 from 20 ms on, and -1 with --engine
  --jit-most N         compile no more than N functions while the program runs
  --jit-bisect         find the function whose native code makes the program do something else than its bytecode
                       does: it runs again and again with --jit-most, in processes of its own
  --stats              say at the end what was compiled while the program ran, and what was not
  --perf-map           write the names of all native code to /tmp/perf-PID.map at the end, for perf
  --jitdump            write names and code to jit-PID.dump in the current folder, for perf inject and perf annotate
  --profile[=FILE]     say at the end which functions took the time; and write the stacks of names with
                       counts of samples to a file, as flame graphs are made of
  --gdb                let GDB see native functions: break -function lisp:NAME, backtrace
  --trust WHO          whose native code runs, and whose heap needs no proof: none, local (what you made),
                       keys (and what was signed with keys that you trust; the default), all
  --explain            say why what runs as bytecode does so; --explain=json: a JSON object a line, on
                       standard error, with code, subject, detail, text and remedy (docs/REASONS.md has the
                       codes)
  --gc-stress[=N]      collect at every point (every Nth) where a collection may come, and overwrite what is
                       freed (for testing)
  --completion SHELL   what makes bash, zsh or fish complete options (eval "$(csl --completion bash)")
  --help --version
exit status: the argument of (stop n), 0 at the end of the input, 1 after an error in a form of -e (without
-q), 2 for a wrong command line or unusable image"""

WINDOW = ("w", "w+", "w-")  # what scripts for the original begin with: other options are then as it has them
FLAGS = {"w": "", "w+": "", "w-": "", "b": "", "s": "", "x": "", "a": "", "f": "", "m": "", "p": "", "y": "", "c": "",
         "h": "", "-nogui": "", "-gui": "", "-guimin": "", "-no-rcfile": "", "-texmacs": "", "-cygwin": "", "-wait": "",
         "-ignore-load-time": ""}
ORIGINAL = "iokrleDdutj"  # which the original has with a value, that does not begin with a minus sign
ABSENT = (*"iolreDdutj",)  # of which the original says nothing when the value is not there
IMAGES = ("i", "o")  # whose value can be -, the program's own image
VALUED = {"i": "image", "o": "output", "k": "heap", "l": "log", "r": "seed", "e": "forms",
          "D": "define", "d": "define", "u": "undefine", "-": "redirect",
          "t": "module", "j": "depends", "-engine": "engine", "-native": "native", "-native-compile": "compile",
          "-tags": "tags", "-maxmem": "heap", "-jit": "jit", "-jit-most": "jit_most",
          "-gc-trigger": "gc_trigger", "-trust": "trust", "-completion": "completion",
          "-trace": "trace", "-tr": "trace"}
SWITCHES = {"z": "cold", "n": "no_restart", "q": "quiet", "v": "verbose", "-explain": "explain",
            "-gc-stress": "gc_stress", "-help": "help", "-version": "version", "-modern": "modern",
            "-engines": "engines", "-stats": "stats", "-perf-map": "perf_map", "-jitdump": "jitdump", "-gdb": "gdb",
            "-jit-bisect": "jit_bisect", "g": "backtrace", "-stop-on-error": "stop_on_error"}


JIT = (2000, 4000000)  # calls and jumps after which functions are compiled, and optimised
# Seconds in which nothing is counted, unless --jit is there.  Counting takes a fifteenth of the time of some programs,
# and reading the stencils milliseconds: a program that is over by then should not wait for them.
SHORT = 0.02


def own_image() -> str | None:
    """The image of a program that is csl by another name: what stands beside it, and is called as it is; None for csl
    itself.
    """
    folder, name = os.path.split(sys.argv[0])
    stem = name.removesuffix(".exe")
    return os.path.join(folder, stem + ".img") if os.path.islink(sys.argv[0]) and stem != "csl" else None


class UsageError(Exception):
    """A command line that cannot be followed."""


class Options:
    """The parsed command line."""

    def __init__(self) -> None:
        self.image: str | None = None
        self.output: str | None = None
        self.libraries: list[str] = []
        self.modern = self.original = False
        self.gc_trigger: str | None = None
        self.cold = self.no_restart = self.quiet = self.verbose = self.explain = self.help = self.version = False
        self.gc_stress: bool | int = False
        self.engines = self.stats = self.perf_map = self.jitdump = self.gdb = self.backtrace = self.explain_json = False
        self.stop_on_error = False
        self.heap: int | None = None
        self.log: str | None = None
        self.redirect: str | None = None
        self.seed: str | None = None
        self.module: str | None = None
        self.depends: str | None = None
        self.engine: str | None = None
        self._jit: tuple[int, int] | None = None
        self.jit_most: int | None = None
        self.jit_bisect = False
        self.native = "on"
        self.trust = "keys"
        self.compile: str | None = None
        self.completion: str | None = None
        self.profile: str | None = None  # "": a table alone
        self.tags: str | None = None
        self.forms: list[str] = []
        self.define: list[str] = []
        self.trace: list[str] = []
        self.undefine: list[str] = []
        self.files: list[str] = []

    @property
    def jit(self) -> tuple[int, int]:
        """Thresholds: those that were given; none when an engine was chosen, because then that is what should run."""
        return self._jit if self._jit is not None else (-1, -1) if self.engine is not None else JIT


def parse(arguments: list[str]) -> Options:
    """Options in the original's style: -i FILE or -iFILE, --name value or --name=value."""
    options, i, wrong, own = Options(), 0, list[str](), own_image()
    while i < len(arguments):
        a = arguments[i]
        i += 1
        if not a.startswith("-") or a == "-":
            options.files.append(a)
            continue
        name, given = a[1:], None
        if a.startswith("--") and len(a) > 2 and "=" in a:
            name, given = a[1:].split("=", 1)
        name = known(name)
        if name == "-explain" and given is not None:
            if given != "json":
                raise UsageError(f"{a}: --explain or --explain=json expected")
            options.explain_json = True
        elif name == "-gc-stress" and given is not None:
            if not given.isdecimal() or int(given) < 1:
                raise UsageError(f"{a}: a number of points from 1 on was expected, of which each last one collects")
            options.gc_stress = int(given)
        elif name == "-profile":
            if given == "":
                raise UsageError(f"{a}: the name of a file was expected behind =, or no =")
            options.profile = given or ""
        elif name in SWITCHES:
            setattr(options, SWITCHES[name], True)
        elif name in WINDOW:
            options.original = True
        elif name in FLAGS:
            pass
        elif name in VALUED or (not a.startswith("--") and name[:1] in VALUED):
            key = name if name in VALUED else name[0]
            if key != name:
                given = name[1:]
            if given is None:
                if i >= len(arguments) or (name in ORIGINAL and arguments[i][1:] and arguments[i].startswith("-")):
                    wrong.append(f"{a} needs a value")
                    if name in ("i", "o", "u"):
                        put(options, VALUED[name], "", a)
                    continue
                given = arguments[i]
                i += 1
            put(options, VALUED[key], own if own and given == "-" and key in IMAGES else given, a)
        elif not a.startswith("--") and name[:1] in FLAGS:
            pass
        else:
            wrong.append(f"unknown option {a}")
    if options.original:
        options.quiet = False  # there -q only leaves out the echo, which is not shown anyway
    for text in wrong:  # ignored, as by the original; quiet runs are strict
        if options.quiet:
            raise UsageError(f"{text}; csl --help lists the options")
        option = text.removeprefix("unknown option ").removesuffix(" needs a value")
        if option[1:] not in ABSENT:
            print(f"+++ {files.shown(option)} not accepted")
        print(f"csl: {files.shown(text)}{' is' if text.startswith('unknown') else ', and is'} ignored; csl --help "
              "lists the options", file=sys.stderr)
    if options._jit is None and options.engine is None and os.environ.get("CSL_NATIVE_JIT"):
        put(options, "jit", os.environ["CSL_NATIVE_JIT"], "CSL_NATIVE_JIT")
    if options.output == "-":
        raise UsageError("-o -: is the image of this installation, which is never written; name a file, or start csl "
                         "by a link of another name")
    if own and options.image is None and os.path.exists(own):
        options.image = own
    check_files(options)
    return options


def known(name: str) -> str:
    """The name of an option in the letters in which it is known: as by the original, -K is -k, and --NOGUI is --nogui.
    """
    if name in SWITCHES or name in FLAGS or name in VALUED or (not name.startswith("-") and name[:1] in VALUED):
        return name
    return name.lower() if name.startswith("-") else name[:1].lower() + name[1:]


def check_files(options: Options) -> None:
    """UsageError when a file that is written is another one that the command line names, or the installation's image:
    before any is opened.
    """
    read = [name for name in (options.image, *options.libraries, *options.files) if name not in (None, "-")]
    others: list[str] = []
    for option, name, inputs in (("-o", options.output, options.files), ("-l", options.log, read),
                                 ("--", options.redirect, read),
                                 ("-j", options.depends, read), ("--profile", options.profile or None, read)):
        if name is not None:
            try:
                check_output(name, [*map(str, inputs), *others])
            except files.ImageError as error:
                raise UsageError(f"{option} {error}") from None
            others.append(name)


def put(options: Options, name: str, value: str, option: str) -> None:
    if name in ("forms", "define", "undefine", "trace"):
        getattr(options, name).append(value)
    elif name == "image" and options.image is not None:
        options.libraries.append(value)
    elif name == "heap":
        options.heap = size_of(value, option)
    elif name == "native" and value not in ("on", "off"):
        raise UsageError(f"{option} {value}; on or off expected")
    elif name == "seed":
        if not (value.isascii() and value.isdecimal()):
            raise UsageError(f"{option} {value}: a number was expected, from which the random numbers begin")
        options.seed = value
    elif name == "jit_most":
        if not (value.isascii() and value.isdecimal()):
            raise UsageError(f"{option} {value}: a number of functions was expected")
        options.jit_most = int(value)
    elif name == "jit":
        from ..session.session import thresholds
        try:
            options._jit = thresholds(value)
        except ValueError as error:
            raise UsageError(f"{option} {error}") from None
    else:
        if name == "tags":
            try:
                for tag in filter(None, value.split(",")):
                    by_name(tag)
            except ValueError as error:
                raise UsageError(f"{option} {value}: {error}") from None
        if name == "engine":
            from ..engines.record import engines
            if value not in engines():
                raise UsageError(f"{option} {value}: no such engine; there are {', '.join(engines())}")
        if name == "completion":
            from ..tools.completion import SHELLS
            if value not in SHELLS:
                raise UsageError(f"{option} {value}; {', '.join(SHELLS)} expected")
        if name == "trust":
            if value not in LEVELS:
                raise UsageError(f"{option} {value}; {', '.join(LEVELS)} expected")
        setattr(options, name, value)


def size_of(text: str, option: str) -> int:
    """A size in bytes; a plain number counts megabytes, as in the original."""
    text = text.split("/")[0]
    unit = {"k": 10, "m": 20, "g": 30}.get(text[-1:].lower())
    try:
        size = int(float(text[:-1] if unit else text) * (1 << (unit or 20)))
    except ValueError:
        raise UsageError(f"{option} {text}: a size was expected, like 500, 500M or 2G") from None
    if not 16 << 20 <= size <= 1 << 40:
        raise UsageError(f"{option} {text}: between 16M and 1T expected")
    return size >> 20 << 20


def main(arguments: list[str] | None = None) -> int:
    """The program; gives the exit status."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        if options.help:
            print(USAGE)
            return 0
        if options.version:
            from csl_native import __version__
            print(f"csl-native {__version__}")
            return 0
        if options.completion is not None:
            from ..tools.completion import csl_script
            print(csl_script(options.completion))
            return 0
        if options.engines:
            from ..engines.listing import listing
            from ..saving.baseimage import base_image
            print(listing(options.image or base_image()))
            return 0
        if options.jit_bisect:
            from .bisecting import bisect
            return bisect(sys.argv[1:] if arguments is None else arguments)
        from .running import run
        return run(options)
    except UsageError as error:
        print(f"csl: {files.shown(error)}", file=sys.stderr)
        return 2
    except (OSError, MemoryError, ValueError, RuntimeError) as error:
        if of_output(error):
            raise
        print(f"csl: {files.shown(said(error))}", file=sys.stderr)
        return 2
    except ImportError as error:
        from ..system.extras import sentence
        print(f"csl: {sentence(error)}", file=sys.stderr)
        return 2
    except Exception as error:
        if os.environ.get("CSL_NATIVE_DEBUG"):
            raise
        print(f"csl: internal error: {type(error).__name__}: {error}; CSL_NATIVE_DEBUG=1 shows where, please report "
              "it", file=sys.stderr)
        return 2


def program() -> None:
    """Entry point of the ``csl`` command: ends the process without taking the interpreter apart (several ms)."""
    gc.disable()
    status = run_program("csl", main)
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    program()

"""Time, the machine, the operating system and the collector."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from ..kernel.memory import NIL, T
from ..lisp.registry import Number, Text, Value, builtin
from ..system.places import PACKAGE
from .reading import ended, path_of

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

@builtin("time", 0)
def time_(lisp: Lisp) -> int:
    """The processor's time so far, in milliseconds.  (fixp (time)) => t"""
    return int((time.process_time() - lisp.started) * 1000) << 3


@builtin("gctime", 0)
def gctime(lisp: Lisp) -> int:
    """The time that the collector took so far, in milliseconds.  (fixp (gctime)) => t"""
    return int(lisp.gc_seconds * 1000) << 3


@builtin("reclaim", 0, 1, "gc")
def reclaim(lisp: Lisp, x: Value = NIL) -> int:
    """Collect what nobody uses; nil.  (reclaim) => nil"""
    lisp.collect()
    return NIL


@builtin("timeofday", 0)
def timeofday(lisp: Lisp) -> int:
    """The seconds since 1970, and the microseconds since the last of them.  (fixp (car (timeofday))) => t"""
    now = time.time()
    return lisp.machine.cons(int(now) << 3, int(now % 1 * 1000000) << 3)


@builtin("datestamp", 0)
def datestamp(lisp: Lisp) -> int:
    """The seconds since 1970.  (fixp (datestamp)) => t"""
    return int(time.time()) << 3


@builtin("date", 0, 1)
def date(lisp: Lisp, x: Value = NIL) -> int:
    """The date, such as "28-Nov-2026".  (stringp (date)) => t"""
    return lisp.machine.string(time.strftime("%d-%b-%Y"))


@builtin("date-and-time", 0, 1)
def date_and_time(lisp: Lisp, x: Value = NIL) -> int:
    """The date and the time, such as "Sat Nov 28 00:06:00 2026".  (stringp (date!-and!-time)) => t"""
    return lisp.machine.string(time.ctime())


@builtin("get-decoded-time", 0)
def get_decoded_time(lisp: Lisp) -> int:
    """The time as a list of second, minute, hour, day, month, year and day of the week, Monday being 0.
    (length (get!-decoded!-time)) => 7
    """
    t = time.localtime()
    return lisp.machine.list([n << 3 for n in (t.tm_sec, t.tm_min, t.tm_hour, t.tm_mday, t.tm_mon, t.tm_year,
                                               t.tm_wday)])


@builtin("filedate", 1, wrong="filep", reaches=True)
def filedate(lisp: Lisp, name: Text) -> int:
    """When a file was changed last, such as "Sat Nov 28 00:06:00 2026"; nil when there is none.
    (filedate "/nowhere/x") => nil
    """
    try:
        return lisp.machine.string(time.ctime(os.path.getmtime(path_of(lisp, name))))
    except OSError:
        return NIL


@builtin("datelessp", 2)
def datelessp(lisp: Lisp, a: Text, b: Text) -> int:
    """Is the first of two times, as `filedate` gives them, the earlier one?
    (datelessp "Sat Nov 28 00:06:00 2026" "Sat Nov 28 00:07:00 2026") => t
    """
    def seconds(x: int) -> float:
        try:
            return time.mktime(time.strptime(lisp.machine.text(x)))
        except ValueError:
            raise lisp.errors.plain("datelessp", a, b) from None
    return lisp.truth(seconds(a) < seconds(b))


@builtin("getenv", 1, reaches=True)
def getenv(lisp: Lisp, name: Text) -> int:
    """A variable of the environment, or nil.  (getenv "NOBODY_SET_THIS") => nil"""
    value = os.environ.get(lisp.machine.text(name))
    return NIL if value is None else lisp.machine.string(value)


@builtin("setenv", 2, reaches=True)
def setenv(lisp: Lisp, name: Text, value: Text) -> int:
    """Set a variable of the environment; the value.
    (progn (setenv "CSL_EXAMPLE" "5") (getenv "CSL_EXAMPLE")) => "5"
    """
    os.environ[lisp.machine.text(name)] = lisp.machine.text(value)
    return value


@builtin("system", 1, 1, "silent-system", reaches=True)
def system(lisp: Lisp, command: Text) -> int:
    """Run a command; its status.  (system "exit 3") => 3"""
    lisp.output.flush()
    process = subprocess.Popen(lisp.machine.text(command), shell=True)
    try:
        lisp.machine.wait(ended(process))
        return process.returncode << 3
    except BaseException:
        process.kill()
        process.wait()
        raise


@builtin("getpid", 0)
def getpid(lisp: Lisp) -> int:
    """The number of this process.  (fixp (getpid)) => t"""
    return os.getpid() << 3


@builtin("sleep", 1)
def sleep(lisp: Lisp, milliseconds: Number) -> int:
    """Wait for so many milliseconds; nil.  (sleep 1) => nil"""
    end = time.perf_counter() + lisp.to_number(milliseconds) / 1000

    def over(seconds: float) -> bool:
        time.sleep(max(0.0, min(seconds, end - time.perf_counter())))
        return time.perf_counter() >= end
    lisp.machine.wait(over)
    return NIL


@builtin("chdir", 1, 1, "cd", reaches=True)
def chdir(lisp: Lisp, name: Text) -> int:
    """Change the folder that file names begin in; t.  (chdir ".") => t"""
    try:
        os.chdir(path_of(lisp, name))
    except OSError as error:
        raise lisp.errors.plain(error.strerror or str(error)) from None
    return T


@builtin("get-current-directory", 0, reaches=True)
def get_current_directory(lisp: Lisp) -> int:
    """The folder that file names begin in.  (stringp (get!-current!-directory)) => t"""
    return lisp.machine.string(os.getcwd())


@builtin("get-lisp-directory", 0, reaches=True)
def get_lisp_directory(lisp: Lisp) -> int:
    """The folder that csl is in.  (stringp (get!-lisp!-directory)) => t"""
    return lisp.machine.string(PACKAGE)


@builtin("tmpnam", 0, 1, reaches=True)
def tmpnam(lisp: Lisp, suffix: Text = NIL) -> int:
    """A new file for a while, with an ending if one is given; its name.  (delete!-file (tmpnam)) => t"""
    fd, name = tempfile.mkstemp("" if suffix == NIL else "." + lisp.machine.text(suffix))
    os.close(fd)
    return lisp.machine.string(name)


@builtin("tmpdir", 0, reaches=True)
def tmpdir(lisp: Lisp) -> int:
    """The folder for files that are needed for a while.  (stringp (tmpdir)) => t"""
    return lisp.machine.string(tempfile.gettempdir())


@builtin("verbos", 1)
def verbos(lisp: Lisp, n: Value) -> int:
    """Set what is told about collections, as a number; the one before.  (verbos (verbos 0)) => 0"""
    m = lisp.machine
    key = m.intern("*verbos*")
    old = m.value(key)
    m.set_value(key, 0 if n == NIL else n if n & 7 == 0 else 8)
    return 0 if old is None else old


@builtin("window-heading", 1, 1)
def window_heading(lisp: Lisp, x: Value) -> int:
    """Nil: there is no window.  (window!-heading "x") => nil"""
    return NIL


@builtin("gc-statistics", 0)
def gc_statistics(lisp: Lisp) -> int:
    """((name . number) ...): collections, bytes allocated, live and in the heap, milliseconds in all and of the
    longest ones.
    (caar (gc!-statistics)) => collections
    """
    m = lisp.machine
    rows = (("collections", m.cage["gc_count"]), ("full", m.cage["full_count"]), ("bytes", m.cage["gc_bytes"]),
            ("live", m.cage["live_lines"] << 8), ("heap", m.cage["heap_top"] - m.cage["heap_start"]),
            ("milliseconds", int(lisp.gc_seconds * 1000)),
            ("longest-young-milliseconds", int(lisp.gc_longest[0] * 1000)),
            ("longest-full-milliseconds", int(lisp.gc_longest[1] * 1000)))
    return m.list([m.cons(m.intern(name), m.integer(value)) for name, value in rows])


@builtin("math-display", 1)
def math_display(lisp: Lisp, x: Value) -> int:
    """nil: there is no window that shows formulas.  (math!-display 0) => nil"""
    return NIL


@builtin("find-gnuplot", 0, reaches=True)
def find_gnuplot(lisp: Lisp) -> int:
    """The path of gnuplot, or nil.  (find!-gnuplot) is not run: it depends on the machine"""
    path = shutil.which("gnuplot")
    return NIL if path is None else lisp.machine.string(path)


@builtin("delete-wildcard", 1, reaches=True)
def delete_wildcard(lisp: Lisp, pattern: Text) -> int:
    """Delete the files that match a pattern; t when there were some.  (delete!-wildcard "/nowhere/*.x") => nil"""
    found = [path for path in glob.glob(path_of(lisp, pattern)) if os.path.isfile(path)]
    for path in lisp.machine.steps(found):
        os.remove(path)
    return lisp.truth(bool(found))


@builtin("truename", 1, reaches=True)
def truename(lisp: Lisp, name: Text) -> int:
    """The whole path of a file that exists.  (truename "/nowhere/x") is an error"""
    path = os.path.realpath(path_of(lisp, name))
    if not os.path.exists(path):
        raise lisp.errors.plain("truename: cannot stat file")
    return lisp.machine.string(path)


@builtin("filestatus", 2, reaches=True)
def filestatus(lisp: Lisp, name: Text, action: Value) -> int:
    """What is known of a file, as in Portable Standard Lisp: ((name (text . number)) ...), or nil when there is
    none.
    (filestatus "/nowhere/x" nil) => nil
    """
    m = lisp.machine
    try:
        found = os.stat(path_of(lisp, name))
    except OSError:
        return NIL
    rows = [("user", str(found.st_uid), found.st_uid), ("group", str(found.st_gid), found.st_gid),
            ("mode", oct(found.st_mode), found.st_mode),
            ("size", str(found.st_size), found.st_size), ("writetime", time.ctime(found.st_mtime), int(found.st_mtime)),
            ("accesstime", time.ctime(found.st_atime), int(found.st_atime)),
            ("statustime", time.ctime(found.st_ctime), int(found.st_ctime))]
    return m.list([m.list([m.intern(key), m.cons(m.string(text), m.integer(number))]) for key, text, number in rows])


@builtin("mapstore", 1)
def mapstore(lisp: Lisp, what: Value) -> int:
    """How often functions were called or looped as bytecode, the most frequent first: 2 or 3 give ((name . count)
    ...), others print it; even numbers, and nil, begin to count anew.
    (listp (mapstore 3)) is not run: it depends on what ran
    """
    m = lisp.machine
    m.hurry()
    rows = lisp.counts()
    if what == NIL or what & 8 == 0:
        lisp.clear_counts()
    if what & 7 == 0 and what >> 3 in (2, 3):
        return m.list([m.cons(symbol, m.integer(count)) for symbol, count in m.steps(rows)])
    for symbol, count in m.steps(rows):
        lisp.output.write(f"{count:12d}  {lisp.printer.text(symbol)}\n")
    return NIL

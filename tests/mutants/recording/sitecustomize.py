"""Which lines of the files under test does each test run?
Loaded by every Python that finds it first in its path, also by what tests start.
"""

import atexit
import json
import os
import sys
import threading

_wanted = set(os.environ.get("MUTANTS_FILES", "").split(os.pathsep))
_root, _folder = os.environ.get("MUTANTS_ROOT", ""), os.environ.get("MUTANTS_RECORD", "")
_names, _seen = {}, {}


def _file(name):
    if name not in _names:
        path = os.path.relpath(os.path.realpath(name), _root) if name[:1] == "/" else name
        _names[name] = path if path in _wanted else None
    return _names[name]


def _call(frame, event, argument):
    name = _file(frame.f_code.co_filename)
    if name is None:
        return None
    lines = _seen.setdefault((os.environ.get("PYTEST_CURRENT_TEST", ""), name), set())

    def line(frame, event, argument):
        lines.add(frame.f_lineno)
        return line
    lines.add(frame.f_lineno)
    return line


def _write():
    sys.settrace(None)
    with open(os.path.join(_folder, f"{os.getpid()}.json"), "w") as f:
        json.dump([[test, name, sorted(lines)] for (test, name), lines in list(_seen.items())], f)


if _folder:
    atexit.register(_write)
    threading.settrace(_call)
    sys.settrace(_call)

"""What is used where it is installed: each module with the extra that brings it (``pyproject.toml``), and what it is
for.
"""

from __future__ import annotations

USES = {  # module: (distribution, extra, what is done with it)
    "llvmlite": ("llvmlite", "compile", "native code is compiled with"),
    "elftools": ("pyelftools", "compile", "what LLVM makes is read with"),
    "capstone": ("capstone", "compile", "machine instructions are taken apart with"),
    "keystone": ("keystone-engine", "lap", "assembly text is assembled with"),
    "cryptography": ("cryptography", "trust", "signatures are made and checked with"),
    "prompt_toolkit": ("prompt_toolkit", "repl", "lines are edited with"),
    "ipykernel": ("ipykernel", "jupyter", "the kernel for Jupyter is made with"),
    "IPython": ("ipython", "jupyter", "%csl is made known with"),
    "pygments": ("pygments", "jupyter", "Lisp text is coloured with"),
    "traitlets": ("traitlets", "jupyter", "the kernel for Jupyter is set up with"),
    "jupyter_client": ("jupyter_client", "jupyter", "the kernel is made known to Jupyter with"),
    "rich": ("rich", "repl", "tables and progress are drawn with"),
}


def missing(module: str) -> str:
    """The sentence that says that a module is not here, and what to install."""
    distribution, extra, what = USES[module]
    return f"{what} {distribution}, which is not installed; install csl-native[{extra}]"


def sentence(error: ImportError) -> str:
    """What an import that failed means."""
    module = (error.name or "").partition(".")[0]
    return missing(module) if module in USES else str(error)

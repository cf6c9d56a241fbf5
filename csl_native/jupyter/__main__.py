"""``python -m csl_native.jupyter install`` makes the kernel known to Jupyter.

With ``-f FILE``, as Jupyter starts it, this is the kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile

from ..system.extras import sentence

NAME = "csl"


def spec(image: str | None, title: str) -> dict[str, object]:
    """What Jupyter is to know of the kernel."""
    more = [f"--LispKernel.image={os.path.abspath(image)}"] if image else []
    return {
        "argv": [sys.executable, "-m", "csl_native.jupyter", "-f", "{connection_file}", *more],
        "display_name": title,
        "language": "standard-lisp",
        "interrupt_mode": "signal",
        "metadata": {"debugger": False},
    }


def install(arguments: list[str]) -> int:
    from jupyter_client.kernelspec import KernelSpecManager

    parser = argparse.ArgumentParser(
        "python -m csl_native.jupyter install", description="Make the kernel known to Jupyter."
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--prefix", metavar="FOLDER", help="for the Jupyter of an environment; default: that of this Python"
    )
    where.add_argument("--user", action="store_true", help="for every Jupyter of this user")
    parser.add_argument("--name", default=NAME, help="what Jupyter calls the kernel; default: %(default)s")
    parser.add_argument("--title", default="Standard Lisp (csl-native)", help="what people read; default: %(default)s")
    parser.add_argument("--image", metavar="FILE", help="the image that notebooks begin from")
    options = parser.parse_args(arguments)
    if options.image and not os.path.isfile(options.image):
        parser.error(f"--image {options.image}: no such file")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "kernel.json"), "w", encoding="utf-8") as file:
            json.dump(spec(options.image, options.title), file, indent=1)
        place = KernelSpecManager().install_kernel_spec(
            folder, options.name, user=options.user, prefix=None if options.user else options.prefix or sys.prefix
        )
    print(f"the kernel {options.name} is in {place}; jupyter lab offers it, "
          f"and jupyter kernelspec remove {options.name} removes it")
    return 0


def main(arguments: list[str]) -> int:
    try:
        if arguments[:1] == ["install"]:
            return install(arguments[1:])
        if not any(each.startswith(("-f", "--f")) for each in arguments):
            print(
                "usage: python -m csl_native.jupyter install [--user | --prefix FOLDER] [--name NAME] [--title TEXT] "
                "[--image FILE]",
                file=sys.stderr,
            )
            return 2
        from ipykernel.kernelapp import IPKernelApp

        from .kernel import LispKernel
    except ImportError as error:
        print(f"csl_native.jupyter: {sentence(error)}", file=sys.stderr)
        return 2
    IPKernelApp.launch_instance(argv=arguments, kernel_class=LispKernel)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

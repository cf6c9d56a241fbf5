"""Compilation jobs in processes of their own, because LLVM's library does one thing at a time in each process.

A job is an architecture with the functions of one unit, or with none for the kernel; its result is a block.  What comes
out depends on the job alone, so the number of processes changes nothing but the time.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from queue import SimpleQueue
from typing import IO

from ..architectures import Architecture, by_name, by_tag
from ..stencils.making import make
from ..system.extras import missing
from ..system.isolated import command
from ..system.process import processors
from ..system.records import Record
from .compilable import Source
from .compiler import CompilerMissing, compile_kernel, library
from .elf import Block
from .optimised import compile_unit


class Job(Record):
    architecture: str
    sources: tuple[Source, ...] = ()  # empty: the kernel, or its stencils
    lower: tuple[str, ...] = ()  # lower refinements whose code the image has
    stencils: bool = False


@cache
def kernel_block(architecture: Architecture, engines: tuple[str, ...] | None = None) -> Block:
    return compile_kernel(architecture, engines)


@cache
def stencil_block(architecture: Architecture) -> Block:
    return make(architecture)


def perform(job: Job) -> Block:
    """Compile.
    Of a refinement only the functions that use more than a lower one has: all other code the image has already.
    """
    architecture = by_name(job.architecture)
    if job.stencils:
        return stencil_block(architecture)
    if not job.sources:
        return kernel_block(architecture)
    sources = list(job.sources)
    block = compile_unit(architecture, sources)
    if architecture.level:
        used = used_features(architecture, block)
        stored = [frozenset[str]()] + [by_name(name).baseline for name in job.lower]
        chosen = [source for source in sources if not any(features.issuperset(used[source.label])
                                                          for features in stored)]
        if len(chosen) < len(sources):
            block = compile_unit(architecture, chosen) if chosen else Block()
        block.features = used_features(architecture, block)
    return block


def used_features(architecture: Architecture, block: Block) -> dict[str, list[str]]:
    """By label, the features that the instructions of a function need, the baseline's left out (by capstone)."""
    basic = by_tag(architecture.number)
    plain = basic.baseline if basic is not None else frozenset()
    result: dict[str, set[str]] = {}
    for name, place in block.symbols.items():
        label = name.partition(".")[0]
        found = code_features(architecture, bytes(block.data[place:place + block.sizes[name]]))
        result.setdefault(label, set()).update(found - plain)
    return {label: sorted(found) for label, found in result.items()}


def code_features(architecture: Architecture, code: bytes) -> frozenset[str]:
    """The features that the instructions of some code need, as far as the architecture's record tells them."""
    try:
        import capstone
    except ImportError as error:
        raise CompilerMissing(missing("capstone")) from error
    engine = architecture.disassembler(capstone)
    engine.detail = True
    return frozenset(feature for instruction in engine.disasm(code, 0) for feature in architecture.uses(instruction))


class Worker:
    """One compiling process; one job at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(command("from csl_native.native.workers import serve; serve()"),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, job: Job) -> Block:
        """Compile; an error there is raised here."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        try:
            send(stdin, job)
            answer = receive(stdout)
        except BrokenPipeError:
            answer = None
        if isinstance(answer, BaseException):
            raise answer
        if not isinstance(answer, Block):
            raise RuntimeError(f"a compiling process for {job.architecture} ended with status {self.process.wait()}; "
                               "see its message above")
        return answer

    def compile(self, architecture: str, source: Source) -> Block:
        """Compile one function."""
        return self.ask(Job(architecture, (source,)))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # something unsent to a process that ended
                    pipe.close()


def compile_jobs(jobs: list[Job], wanted: int = 0) -> Iterator[Block]:
    """The blocks of jobs, in their order, as they become ready; ``wanted`` processes (0: one a processor, when there
    are several jobs).
    """
    if jobs:
        library()  # here, too: who lacks it is told so at once, and not by a process
    count = min(wanted or processors(), len(jobs))
    if count < 2:
        yield from map(perform, jobs)
        return
    workers = [Worker() for _ in range(count)]
    idle: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def ask(job: Job) -> Block:
        worker = idle.get()
        try:
            return worker.ask(job)
        finally:
            idle.put(worker)
    try:
        with ThreadPoolExecutor(count) as pool:
            yield from pool.map(ask, jobs)
    finally:
        for worker in workers:
            worker.close()


def send(pipe: IO[bytes], value: object) -> None:
    data = pickle.dumps(value)
    pipe.write(struct.pack("<Q", len(data)) + data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> object:
    head = pipe.read(8)
    return pickle.loads(pipe.read(struct.unpack("<Q", head)[0])) if len(head) == 8 else None


def serve() -> None:
    """A compiling process: jobs on standard input, blocks on standard output.
    It ends with the one who asks, also while it compiles.
    """
    jobs: SimpleQueue[object] = SimpleQueue()

    def listen() -> None:
        while isinstance(job := receive(sys.stdin.buffer), Job):
            jobs.put(job)
        os._exit(0)
    threading.Thread(target=listen, daemon=True).start()
    while True:
        job = jobs.get()
        assert isinstance(job, Job)
        answer: Block | BaseException
        try:
            answer = perform(job)
        except Exception as error:
            answer = error
        try:
            send(sys.stdout.buffer, answer)
        except BrokenPipeError:  # nobody waits any more
            os._exit(1)

"""What can be wrong with a module: the five kinds of error of its builder, and an exception that nobody caught."""

from __future__ import annotations

from csl_native.system.exceptions import Error


class ModuleError(Error, ValueError):
    """Of all that is about typed modules."""


class NotFoundException(ModuleError):
    """There is nothing with this number, or the module was dropped."""


class RangeException(ModuleError):
    """A number is outside of its limits: an offset, a count, the index of a reference, a jump out of its frame."""


class OperationException(ModuleError):
    """Something cannot be done here: a register that is not allocated, frames that do not nest, a packed module that is
    called.
    """


class TypeException(ModuleError):
    """An instruction's argument is not sufficient for it, or not of the type that it needs."""


class FlagsException(ModuleError):
    """Flags that do not exist or do not go together."""


class RuntimeException(ModuleError):
    """An exception of a typed procedure that nobody caught; ``code`` is what the descriptor ED held."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

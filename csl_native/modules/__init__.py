"""Typed modules: small procedures that are verified when they are built, and run everywhere; docs/typed-modules.md."""

from .builder import ModuleBuilder
from .errors import (
           FlagsException,
           ModuleError,
           NotFoundException,
           OperationException,
           RangeException,
           RuntimeException,
           TypeException,
)
from .instructions import Instruction, decode, encode, instruction
from .module import Module
from .types import ED, EXTERNAL, NON_FIXED_REF, READER, THREAD_LOCAL_REG, TOP_LEVEL_REG, WORD, WRITER
from .variables import Variable

__all__ = ["ED", "EXTERNAL", "NON_FIXED_REF", "READER", "THREAD_LOCAL_REG", "TOP_LEVEL_REG", "WORD", "WRITER",
           "FlagsException", "Instruction",
           "Module", "ModuleBuilder", "ModuleError", "NotFoundException", "OperationException", "RangeException",
           "RuntimeException", "TypeException", "Variable", "decode", "encode", "instruction"]

"""The instructions: their definitions, their table, and bytecode made of them."""

known: list[bytes] = []  # the table of the image that this process began with, so that no start derives it

"""Variables that the original has and the system itself does not need: how they are declared, and what they are."""

from __future__ import annotations

import math
import sys

LARGEST, SMALLEST, EPSILON = sys.float_info.max, sys.float_info.min, sys.float_info.epsilon
SINGLE_LARGEST, SINGLE_SMALLEST, SINGLE_EPSILON = (2 - 2.0 ** -23) * 2.0 ** 127, 2.0 ** -126, 2.0 ** -23
SHORT_LARGEST, SHORT_EPSILON = (2 - 2.0 ** -19) * 2.0 ** 127, 2.0 ** -19  # 20 bits


def limits(kind: str, largest: float, smallest: float, epsilon: float) -> dict[str, float]:
    """The limits of a kind of floats of Common Lisp; here all floats are double, and these numbers, too."""
    rows = {f"most-positive-{kind}-float": largest, f"most-negative-{kind}-float": -largest,
            f"{kind}-float-epsilon": epsilon, f"{kind}-float-negative-epsilon": epsilon / 2}
    for middle in ("", "normalized-"):
        rows |= {f"least-positive-{middle}{kind}-float": smallest, f"least-negative-{middle}{kind}-float": -smallest}
    return rows


NUMBERS: dict[str, int | float] = {
    **limits("double", LARGEST, SMALLEST, EPSILON), **limits("long", LARGEST, SMALLEST, EPSILON),
    **limits("single", SINGLE_LARGEST, SINGLE_SMALLEST, SINGLE_EPSILON),
    **limits("short", SHORT_LARGEST, SINGLE_SMALLEST, SHORT_EPSILON),
    "pi": math.pi, "most-positive-fixnum": (1 << 59) - 1, "most-negative-fixnum": -1 << 59,
    "greatest_fixnum": (1 << 27) - 1, "least_fixnum": -1 << 27, "internal-time-units-per-second": 1000,
    "!fleps1": 2.0 ** -44, "!plumin": 2 * SMALLEST * 1e12, "!plumax": LARGEST / 2e12,
    "!timmin": math.sqrt(2 * SMALLEST), "!timmax": math.sqrt(LARGEST / 2),
}
CHARACTERS = {"carriage-return": "\r", "$ff$": "\f", "esc*": "\a"}
GLOBALS = [*NUMBERS, *CHARACTERS,
           *"*error-messages* *full-oblist *noisy eof* ofl* program* ttype* crbuf* ~indefinite-value~".split()]
FLUIDS = ("*applyhook* *avail-space* *break-loop* *evalhook* *macroexpand-hook* *nocompile *ord *package* *pgwd *r2i "
          "*resources* *unsafecar "
          "*used-space* *where_defined* @cslbase @srcdir blockstack c_file dfprintsave echo file_name full-lispargs* "
          "gcknt* l_contents l_file "
          "lispargs* literal_vector localdecs my_gensym_counter o_file pending_functions proglabs reloadenv "
          "restart_label setup_name").split()
PLAIN = ["trap-time*"]
UNSET = ("ttype*", "~indefinite-value~")  # declared, and without a value
VALUES = {"*ord": "t", "eof*": "~indefinite-value~", "program*": "~indefinite-value~"}  # the others are nil

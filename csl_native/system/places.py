"""Where this package is, and the checkout that it may be in."""

from __future__ import annotations

import os

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHECKOUT = os.path.dirname(PACKAGE)  # the checkout, or the folder of packages that it is installed in

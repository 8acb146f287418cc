# SPDX-License-Identifier: Apache-2.0
"""All rows by name."""
from . import rows_bodies, rows_calls, rows_heads  # noqa: F401 (they register themselves)
from .row import Row

ROWS = Row.rows

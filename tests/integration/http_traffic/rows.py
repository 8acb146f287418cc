# SPDX-License-Identifier: Apache-2.0
"""All rows by name, as they register themselves."""
from . import (rows_bodies, rows_calls, rows_connections, rows_early, rows_ends,  # noqa: F401
               rows_expect, rows_heads, rows_processes, rows_waits)
from .row import Row

ROWS = Row.rows

# SPDX-License-Identifier: Apache-2.0
"""Where a kernel cannot tell all that newer ones can, so that a comparison has to know of it."""
import os
import re

import kernel_tls

BEGINS = "sends are timed by their end: the tracepoint at their begin came with Linux 6.16"

# (backend, the release that brought what is missing before, what is different)
DIFFERENCES = [("tracepoints", (6, 16), BEGINS)]

# (row, the release whose kernels can serve it, why older ones cannot): it is not run there
UNSERVED = [("over-mptcp", (5, 15), "Debian's kernel is built without MPTCP"),
            *((row, (5, 15), "Debian's kernel is built without TLS") for row in kernel_tls.ROWS),
            *((row, (99, 0), "only tracepoints tell when mapped bytes are received, and all hooks "
               "are compared here") for row in ("receive-by-zerocopy-receive",
                                                "zerocopy-receive-then-idle"))]


def release():
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))


def of(backend):
    """What is different with these hooks on this kernel."""
    return [*(f"{row} is not run: {why}" for row, why in unserved().items()),
            *(what for hooks, since, what in DIFFERENCES
              if hooks == backend and release() < since)]


def unserved():
    """{row that this kernel cannot serve: why}"""
    return {row: why for row, since, why in UNSERVED if release() < since}


def interrupted():
    """Whether tracepoints' programs may be interrupted by other tasks (README, Limits)."""
    return release() >= (7, 0)

# SPDX-License-Identifier: Apache-2.0
"""`python3 -m http_traffic server FROM TO ROW FOLDER` prints its address, then, like
`python3 -m http_traffic client FROM TO ROW ADDRESS`, one line of JSON for each request.

FROM and TO are pipes from and to the other process. In place of an address there may be the number
of an open socket.
"""
import json
import sys

from . import rows
from .row import Side


def run(role, from_other, to_other, name, where):
    row = rows.ROWS[name]()
    pipes = int(from_other), int(to_other)
    if role == "server":
        side = Side(role, row, pipes)
        side.listen(where)
        row.server(side)
    else:
        address = json.loads(where)
        row.client(Side(role, row, pipes,
                        tuple(address) if isinstance(address, list) else address))


if __name__ == "__main__":
    run(*sys.argv[1:])

# SPDX-License-Identifier: Apache-2.0
"""`python3 -m http_traffic server ROW FOLDER` prints its address, then, like
`python3 -m http_traffic client ROW ADDRESS`, one line of JSON for each request."""
import json
import sys

from . import rows
from .row import Side

role, name, where = sys.argv[1:]
row = rows.ROWS[name]()
if role == "server":
    side = Side(role, row)
    side.listen(where)
    row.server(side)
else:
    address = json.loads(where)
    row.client(Side(role, row, tuple(address) if isinstance(address, list) else address))

# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 traffic with its own truth, for http_truth.py: `python3 -m http_traffic SIDE ROW`.

A row (row.py) is one kind of traffic between a server and a client process, which both know each
byte that will be said. wire.py reads the clock around each system call, so that afterwards the
truth is known of each request: which calls moved its first and last bytes, and when.
"""

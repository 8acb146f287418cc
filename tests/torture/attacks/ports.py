# SPDX-License-Identifier: Apache-2.0
"""Connections that are refused at thousands of ports, and listeners that come and go."""
import contextlib
import socket

from attack import Attack

attack = Attack()
while attack.goes_on(0.0005):
    port = attack.random.randrange(20000, 60000)
    with socket.socket() as client, contextlib.suppress(OSError):
        client.connect(("127.0.0.1", port))
    if attack.random.random() < 0.1:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with socket.create_connection(listener.getsockname()):
                listener.accept()[0].close()

# SPDX-License-Identifier: Apache-2.0
"""Connections that are refused at thousands of ports, and listeners that come and go."""
import contextlib
import socket

from attack import Attack

# Below the ports that the kernel gives by itself: the neighbours' own servers listen there.
PORTS = range(10000, 32768)

attack = Attack()
while attack.goes_on(0.0005):
    port = attack.random.choice(PORTS)
    with socket.socket() as client, contextlib.suppress(OSError):
        client.connect(("127.0.0.1", port))
    if attack.random.random() < 0.1:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with socket.create_connection(listener.getsockname()):
                listener.accept()[0].close()

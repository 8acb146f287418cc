# SPDX-License-Identifier: Apache-2.0
"""HTTP servers and clients whose bytes move through io_uring (programs/uring.c), and their truth."""
import collections
import os

from harness import free_port, output_of, start, stop, unique, wait_until

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs", "uring.c")
UNREADABLE = "fixed"  # a mode of whose receives the kernel keeps no address
COUNT = {side: f"http_{side}_request_duration_seconds_count" for side in ("server", "client")}


def modes(uring):
    """Those that this kernel has."""
    return output_of(uring, "modes", name="uring-modes").split()


def counted(text):
    """{(method, status): requests} of the lines that uring.c prints."""
    return collections.Counter({(method, status): int(requests) for method, status, requests
                                in map(str.split, text.splitlines())})


def is_listening(address):
    """Without a connection to it, which would be one of those that it waits for."""
    if address.startswith("/"):
        return os.path.exists(address)
    with open("/proc/net/tcp", encoding="utf-8") as sockets:
        return f"0100007F:{int(address):04X} 00000000:0000 0A" in sockets.read()


def serve(uring, mode, connections, ask, address=None):
    """What a server counted for which ask(address) made so many connections, and its name."""
    address, name = address or str(free_port()), unique(f"{mode}-server")
    with start(uring, "server", mode, address, str(connections), name=name) as server:
        try:
            wait_until(lambda: is_listening(address), "the server listens")
            ask(address)
            output, _ = server.communicate(timeout=20)
        finally:
            stop(server)
    assert server.returncode == 0
    return counted(output.decode()), name


def ask_by(uring, mode, address, connections, requests):
    """What a client counted that makes so many requests on each connection, and its name."""
    name = unique(f"{mode}-client")
    answers = counted(output_of(uring, "client", mode, address, str(connections), str(requests),
                                name=name))
    assert sum(answers.values()) == connections * requests and len(answers) == 4
    return answers, name


def both(uring, mode, connections, requests, address=None):
    """What a server counted that a client of the same mode asked, and the names of both."""
    by_client = []
    served, server = serve(
        uring, mode, connections,
        lambda at: by_client.extend(ask_by(uring, mode, at, connections, requests)), address)
    answers, client = by_client
    assert served == answers
    return served, server, client


def figures(*sides):
    """Of each (side, service, truth): that it is counted, and nothing else, under no other name."""
    return [*((COUNT[side], {"service_name": service, "http_request_method": method,
                             "http_response_status_code": status}, requests)
              for side, service, truth in sides for (method, status), requests in truth.items()),
            *((COUNT[side], {"service_name": service}, sum(truth.values()))
              for side, service, truth in sides)]

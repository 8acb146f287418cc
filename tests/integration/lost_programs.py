# SPDX-License-Identifier: Apache-2.0
"""What is lost with each of Sonde's BPF programs, and traffic that shows whether the rest counts."""

REQUESTS, CALLS = 20, 300

# Requests over one connection, both ends in one process, which then does some system calls.
TRAFFIC = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
for _ in range(int(sys.argv[1])):
    client.sendall(b"GET /programs HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    server.recv(4096)
    server.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    client.recv(4096)
for _ in range(int(sys.argv[2])):
    os.getppid()
"""

# Those that a source cannot be without; others cost no source.
NEEDED = {
    "syscall_enter": "syscall", "syscall_exit": "syscall",
    "tcp_state": "tcp", "tcp_sweep": "tcp",
    "process_exec": "process", "process_fork": "process", "process_exit": "process",
    "http_state": "http", "http_destroy": "http",
}
IS_OFF = {"syscall": "system calls are off", "process": "processes are off", "http": "HTTP is off",
          "tcp": "TCP is off, and HTTP does not learn how connections began"}


def expected(service, off=()):
    """What the traffic must show, but for the sources that are off."""
    shown = {
        "syscall": [("sonde_syscall_duration_seconds_count", {"syscall": "getppid"}, CALLS)],
        "tcp": [("sonde_tcp_connections_total",
                 {"direction": direction, "result": "established"}, 1)
                for direction in ("inbound", "outbound")],
        "http": [(f"http_{side}_request_duration_seconds_count",
                  {"http_response_status_code": "200"}, REQUESTS)
                 for side in ("server", "client")],
        "process": [("sonde_process_exits_total", {"reason": "success"}, 1)],
    }
    return [(name, {"service_name": service, **labels}, 0 if source in off else value)
            for source, rows in shown.items() for name, labels, value in rows]

# SPDX-License-Identifier: Apache-2.0
"""The small servers and clients of test_http.py, as texts for `python3 -c`."""

PYTHON_SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        body = b"x" * 100
        self.send_response(200)
        if self.path != "/until-close":
            self.send_header("Content-Length", str(len(body)))
        else:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

DOWNLOAD_CLIENT = """
import socket, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # else it may grow to all
    connection.sendall(b"GET /file HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
    begin, received = time.monotonic(), 0
    while received < 16 << 20:
        received += len(connection.recv(1 << 16))
    time.sleep(0.5)
    end = time.monotonic()
    while data := connection.recv(1 << 16):
        end, received = time.monotonic(), received + len(data)
    assert received > 32 << 20
    print(end - begin)
"""

HALF_CLOSING_CLIENT = """
import socket, sys, time
for _ in range(10):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as c:
        c.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
        c.shutdown(socket.SHUT_WR)
        time.sleep(0.02)  # the whole answer and the server's FIN are there before the first read
        while c.recv(4096):
            pass
"""

# Answers when its client has closed.
LATE_SERVER = r"""
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    if connection.recv(4096):
        while connection.recv(4096):
            pass  # until the client has closed
        assert connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") == 43
    connection.close()
"""

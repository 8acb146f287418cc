# SPDX-License-Identifier: Apache-2.0
"""The small servers and clients of test_http.py, as texts for `python3 -c` and `node -e`."""

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

PYTHON_CLIENT = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for line in sys.stdin:
    for i in range(int(line)):
        connection.request("GET", f"/{i}")
        response = connection.getresponse()
        response.read()
        assert response.status == 200
    print("done", flush=True)
"""

NODE_SERVER = """
require("http").createServer((request, response) => response.end("hello"))
    .listen(+process.argv[1], "127.0.0.1")
"""

NODE_CLIENT = """
const http = require("http"), agent = new http.Agent({keepAlive: true, maxSockets: 4})
for (let i = 0; i < +process.argv[2]; i++)
    http.get({host: "127.0.0.1", port: +process.argv[1], path: "/" + i, agent}, r => r.resume())
setInterval(() => Object.keys(agent.sockets).length || process.exit(0), 20)
"""

SILENT_SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.close()
"""

# Answers, each in its way, as many requests as come; all answers end with "hello".
WAYS_SERVER = """
import os, socket, sys, threading
answer = b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello"
def answer_bytewise(c):
    for byte in answer:
        c.send(bytes([byte]))
def answer_in_pieces(c):
    c.sendmsg([bytes([byte]) for byte in answer])
def answer_in_chunks(c):
    c.sendall(b"HTTP/1.1 200 OK\\r\\nX-Long: " + b"y" * 3000 +
              b"\\r\\ntransfer-encoding:  gzip, chunked\\r\\n\\r\\n6;extension=1\\r\\nabc")
    for part in (b"def\\r\\nA", b"\\r", b"\\n0123456789\\r\\n", b"0\\r\\nTrailer: hello",
                 b"\\r\\n\\r\\n"):
        c.sendall(part)
def answer_after_hints(c):
    for _ in range(3):
        c.sendall(b"HTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\n")
    c.sendall(answer)
def answer_by_child(c):
    child = os.fork()
    if not child:
        c.sendall(answer)
        os._exit(0)
    os.waitpid(child, 0)
def answer_by_thread(c):
    thread = threading.Thread(target=c.sendall, args=(answer,))
    thread.start()
    thread.join()
def answer_after_peeking(c):
    c.sendall(answer)
port, way = int(sys.argv[1]), sys.argv[2]
listener = socket.create_server(("127.0.0.1", port))
while True:
    c, _ = listener.accept()
    head = b""
    while True:
        if way == "after_peeking":
            c.recv(10, socket.MSG_PEEK)
        more = c.recv(4096)
        if not more:
            break
        head += more
        if head.endswith(b"\\r\\n\\r\\n"):
            globals()["answer_" + way](c)
            head = b""
    c.close()
"""

# Asks ten times in its way.
WAYS_CLIENT = """
import os, socket, sys
request = b"GET /a HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
def ask_plainly():
    c.sendall(request)
def ask_in_pieces():
    c.sendmsg([bytes([byte]) for byte in request])
def ask_by_writev():
    os.writev(c.fileno(), [request[:3], request[3:9], b"", request[9:]])
def ask_by_write():
    os.write(c.fileno(), request)
def ask_long():
    c.sendall(b"GET /" + b"z" * 2000 + b" HTTP/1.1\\r\\nCookie: " + b"c" * 6000 + b"\\r\\n" +
              b"".join(b"H%d: v\\r\\n" % i for i in range(80)) + b"\\r\\n")
way = sys.argv[2]
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for _ in range(10):
    globals()["ask_" + way]()
    data = b""
    while b"hello" not in data:
        c.recv(3, socket.MSG_PEEK)
        data += c.recv(4096)
    if data.find(b"Trailer") >= 0 and not data.endswith(b"\\r\\n\\r\\n"):
        c.recv(4)
"""

# Both ends of one connection that read, the i-th time, i bytes and then the rest.
SPLIT_PEER = """
import socket, sys
REQUESTS = 700
def request(i):
    return (b"GET /split/" + b"p" * (i % 7 * 50) + b" HTTP/1.1\\r\\nX-Long: " + b"l" * 300 +
            b"\\r\\nContent-Length: 9\\r\\nX-Long: " + b"m" * 300 + b"\\r\\n\\r\\nGET / HTT")
def response(i):
    body = b"HTTP/1.1 500 No\\r\\n\\r\\n"
    return (b"HTTP/1.1 %d Fine\\r\\nServer: " % (200 + i % 3) + b"s" * 300 + b"\\r\\nX-Long: " +
            b"t" * 200 + b"\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
def receive(c, expected, first):
    data = c.recv(min(first, len(expected)), socket.MSG_WAITALL)
    while data and len(data) < len(expected):
        data += c.recv(len(expected) - len(data))
    assert data == expected or not data
    return data
if sys.argv[1] == "server":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
    while True:
        c, _ = listener.accept()
        i = 0
        while receive(c, request(i), i + 1):
            c.sendall(response(i))
            i += 1
else:
    c = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for i in range(REQUESTS):
        whole = request(i)
        c.sendmsg([whole[:i], whole[i:]])
        receive(c, response(i), i + 1)
"""

DOWNLOAD_CLIENT = """
import socket, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
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

# SPDX-License-Identifier: Apache-2.0
"""A crawler that asks a server for ever new paths: words, slugs, numbers and rubbish."""
import http.client
import http.server
import socketserver
import threading
import urllib.parse

from attack import Attack


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(404 if self.path.endswith("x") else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


attack = Attack()
server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = http.client.HTTPConnection(*server.server_address, timeout=60)


def segment():
    return attack.random.choice((
        attack.word(), f"{attack.word()}-{attack.word()}", str(attack.random.randrange(10 ** 6)),
        urllib.parse.quote(attack.nasty())[:200]))


while attack.goes_on():
    depth = attack.random.randint(1, 12)
    client.request("GET", "/" + "/".join(segment() for _ in range(depth)),
                   headers={"Host": f"{attack.word()}.example"})
    client.getresponse().read()

# SPDX-License-Identifier: Apache-2.0
"""Answers `Expect: 100-continue` at once with the status that the path names, and keeps the
connection. Says of each request `method target status`: python3 expect-server.py PORT"""
import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def handle_expect_100(self):
        status = int(self.path.strip("/").split("/")[0])
        if status == 100:
            return super().handle_expect_100()
        self.reply(status)
        return False

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply(200)

    do_GET = do_PUT = do_POST

    def log_request(self, code="-", size="-"):
        if int(code) != 100:
            print(f'"{self.command} {self.path} HTTP/1.1" {int(code)}', flush=True)


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

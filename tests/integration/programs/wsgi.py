# SPDX-License-Identifier: Apache-2.0
"""The application that gunicorn serves."""

STATUSES = {"/moved": "301 Moved", "/missing": "404 Not Found", "/empty": "204 No Content",
            "/broken": "500 Broken"}


def application(environ, start_response):
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    status = STATUSES.get(environ["PATH_INFO"], "200 OK")
    if status[:3] == "204":
        start_response(status, [])
        return []
    start_response(status, [("Content-Length", "6")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"hello\n"]

# SPDX-License-Identifier: Apache-2.0
"""Makes a number of requests, each `method target` by turns, over one connection that is kept,
with the library of its first argument. Each answer is a line `method target status`."""
import http.client
import sys

import requests

library, port, count, *asks = sys.argv[1:]
connection = http.client.HTTPConnection("127.0.0.1", int(port))
session = requests.Session()


def status_of(method, path):
    body = b"GET / HTTP/1.1\r\n\r\n" if method == "POST" else None
    if library == "requests":
        return session.request(method, f"http://127.0.0.1:{port}{path}", data=body,
                               allow_redirects=False).status_code
    connection.request(method, path, body)
    response = connection.getresponse()
    response.read()
    return response.status


for i in range(int(count)):
    method, path = asks[i % len(asks)].split()
    print(method, path, status_of(method, path))

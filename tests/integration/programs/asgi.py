# SPDX-License-Identifier: Apache-2.0
"""The application that uvicorn serves."""

STATUSES = {"/moved": 301, "/missing": 404, "/empty": 204, "/broken": 500}


async def application(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    status = STATUSES.get(scope["path"], 200)
    body = b"" if status == 204 else b"hello\n"
    headers = [(b"content-length", b"6")] if body else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

# SPDX-License-Identifier: Apache-2.0
"""Real servers and clients for test_http_programs.py: how each is built, started and asked.

A server's access log is the truth of what it served, a client's own report that of what it asked.
The configurations and sources lie in programs/; @port@, @origin@ and @folder@ in them and in the
commands stand for what a test chose. Everything that a server logs or prints is in one file.
"""
import collections
import contextlib
import dataclasses
import os
import re
import shutil
import socket
import subprocess
import tempfile

from harness import free_port, program, unique, wait_until

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
PYTHON = "/usr/bin/python3"

# By turns; Python's http.server refuses POST without reading its body, which resets the connection.
ASKS = ("GET /", "GET /missing", "HEAD /", "POST /", "GET /moved", "GET /empty", "DELETE /",
        "GET /broken", "GET /a/b?c=d")
ASKS_WITHOUT_BODY = tuple(ask for ask in ASKS if ask != "POST /")

# `method target status`, or as Python's servers have it
ANSWERED = re.compile(r'([A-Z]+) [/*]\S* (?:HTTP/1\.1" )?(\d{3})\b')


@dataclasses.dataclass(frozen=True)
class Server:
    """How to start a server: @listen@ stands for its TCP port or Unix socket, as it says that."""
    command: tuple
    configuration: str = ""  # in programs/
    tcp: str = "@port@"
    unix: str = ""  # it does not listen on one
    requests: int = 100_000  # as many as take a few seconds
    asks: tuple = ASKS
    values: dict = dataclasses.field(default_factory=dict)


NGINX = ("/usr/sbin/nginx", "-e", "@folder@/error.log", "-c")
APACHE = ("/usr/sbin/apache2", "-D", "FOREGROUND", "-f", "@folder@/apache.conf")
GUNICORN = ("/usr/bin/gunicorn", "--chdir", PROGRAMS, "--bind=@listen@", "--workers=2",
            "--access-logfile=-", "--access-logformat=%(m)s %(U)s %(s)s", "--keep-alive=60",
            "wsgi:application")
URLS = {"tcp": "127.0.0.1:@port@", "unix": "unix:@folder@/socket"}

SERVERS = {
    "nginx": Server((*NGINX, "@folder@/nginx.conf"), "nginx.conf", **URLS),
    "apache-event": Server(APACHE, "apache.conf", values={"mpm": "event"}),
    "apache-prefork": Server(APACHE, "apache.conf", values={"mpm": "prefork"}),
    "lighttpd": Server(("/usr/sbin/lighttpd", "-D", "-f", "@folder@/lighttpd.conf"),
                       "lighttpd.conf"),
    "go": Server(("@built@/server-go", "@listen@")),
    "java": Server(("java", "-Dsun.net.httpserver.nodelay=true", "-cp", "@built@", "Server",
                    "@listen@")),
    "rust": Server(("@built@/server-rs", "@listen@")),
    "node": Server(("node", f"{PROGRAMS}/node-server.js", "@listen@"), unix="@folder@/socket"),
    "python": Server((PYTHON, "-u", "-m", "http.server", "--protocol=HTTP/1.1", "--bind=127.0.0.1",
                      "--directory=@folder@/files", "@listen@"),
                     requests=10_000, asks=ASKS_WITHOUT_BODY),
    "gunicorn-sync": Server((*GUNICORN, "--worker-class=sync"), **URLS, requests=10_000),
    "gunicorn-gthread": Server((*GUNICORN, "--worker-class=gthread", "--threads=4"), **URLS,
                               requests=20_000),
    "uvicorn": Server(("/usr/bin/uvicorn", "--app-dir", PROGRAMS, "@listen@", "asgi:application"),
                      tcp="--port=@port@", unix="--uds=@folder@/socket", requests=20_000),
}
# They log nothing: what the origin logs has passed through them. HAProxy would leave out lines that
# its threads write at once.
PROXIES = {
    "nginx-proxy": Server((*NGINX, "@folder@/nginx-proxy.conf"), "nginx-proxy.conf"),
    "haproxy": Server(("/usr/sbin/haproxy", "-db", "-f", "@folder@/haproxy.cfg"), "haproxy.cfg"),
}


def build(folder):
    """Compiles what is in programs/ into a folder."""
    go = shutil.which("go") or "/usr/local/go/bin/go"
    for command in (
            (go, "build", "-o", f"{folder}/client-go", f"{PROGRAMS}/client.go"),
            (go, "build", "-o", f"{folder}/server-go", f"{PROGRAMS}/server.go"),
            ("rustc", "-O", "-o", f"{folder}/server-rs", f"{PROGRAMS}/server.rs"),
            ("javac", "-d", folder, f"{PROGRAMS}/Server.java")):
        subprocess.run(command, check=True, timeout=300)


def answers_in(text):
    """{(method, status): requests} of a log or a report."""
    return collections.Counter(ANSWERED.findall(text))


@dataclasses.dataclass
class Running:
    """A server that runs: where it listens, its service name and its log."""
    address: str  # a port or the path of a socket
    name: str
    log: str
    process: subprocess.Popen

    def served(self):
        """{(method, status): requests} of its log."""
        with open(self.log, encoding="utf-8") as log:
            return answers_in(log.read())

    def served_at_last(self, requests):
        """The same, once it logged this many: an answer may come before the line that tells it."""
        wait_until(lambda: sum(self.served().values()) >= requests, f"{requests} in {self.log}")
        return self.served()


def accepts(path):
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        return True
    return False


def make_files(folder):
    """What the file servers among them serve."""
    os.makedirs(f"{folder}/moved")
    os.makedirs(f"{folder}/a")
    for path in "index.html", "a/b":
        with open(f"{folder}/{path}", "w", encoding="utf-8") as file:
            file.write("hello\n")


@contextlib.contextmanager
def serve(name, built, over_unix=False, **values):
    """Runs a server in the foreground, in a folder that its workers (who are nobody) can read."""
    server, port = {**SERVERS, **PROXIES}[name], free_port()
    with tempfile.TemporaryDirectory(prefix="sonde-test-", dir="/tmp") as folder:
        values |= {"folder": folder, "port": port, "built": built, **server.values}

        def filled(text):
            return re.sub("@([a-z]+)@", lambda name: str(values[name[1]]), text)

        values["listen"] = filled(server.unix if over_unix else server.tcp)
        os.chmod(folder, 0o755)
        make_files(f"{folder}/files")
        if server.configuration:
            with open(f"{PROGRAMS}/{server.configuration}", encoding="utf-8") as template, \
                    open(f"{folder}/{server.configuration}", "w", encoding="utf-8") as file:
                file.write(filled(template.read()))
        service = unique(name)
        # Apache ends its whole process group, so it must not be that of the tests.
        with open(f"{folder}/log", "ab") as log, \
                program(*map(filled, server.command), port=None if over_unix else port,
                        name=service, stdout=log, stderr=log, start_new_session=True) as process:
            address = f"{folder}/socket" if over_unix else str(port)
            if over_unix:
                wait_until(lambda: accepts(address), f"{name} listens")
            yield Running(address, service, log.name, process)

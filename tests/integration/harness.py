# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: Sonde under test, the programs it watches, and its figures.

Every program is started here on loopback with a free port, and ended by its process id.
"""
import collections
import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SONDE = os.path.join(ROOT, "build", "sonde")
NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all")
# until something that starts must be there, on a busy machine; an emulated one needs more
START_SECONDS = int(os.environ.get("START_SECONDS", "20"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, what, seconds=START_SECONDS):
    """Waits until condition() is true, and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"waited {seconds} s for: {what}"
        time.sleep(0.02)


def port_open(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def stop(process, with_signal=signal.SIGTERM, seconds=20):
    """Ends a program that a test started; returns its exit status."""
    if process.poll() is None:
        process.send_signal(with_signal)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def only(*keys):
    """Flags that switch off all sources but those of these keys, wherever there are more."""
    with open(os.path.join(ROOT, "user", "record", "sources.h"), encoding="utf-8") as file:
        listed = re.findall(r'ROW\(SOURCE_\w+, \w+, "([\w-]+)"', file.read())
    assert set(keys) <= set(listed), f"of {listed} there are not all of {keys}"
    return [f"--no-{key}" for key in listed if key not in keys]


def clean_environment(**more):
    """The environment without anything that would configure Sonde or name a service."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SONDE_", "OTEL_"))}
    environment.update(more)
    return environment


SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """A scrape: samples as (name, labels, value)."""

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            match = SAMPLE.match(line)
            if match:
                name, labels, value = match.groups()
                self.samples.append((name, dict(LABEL.findall(labels or "")), float(value)))

    def select(self, name, **labels):
        """Samples of this name whose labels include these ("" for a label that is not there)."""
        return [s for s in self.samples if s[0] == name
                and all(s[1].get(k, "") == v for k, v in labels.items())]

    def sum(self, name, **labels):
        return sum(value for _, _, value in self.select(name, **labels))

    def losses(self, source):
        """Events that were not delivered, by outcome."""
        return {labels["outcome"]: value
                for _, labels, value in self.select("sonde_events_total", source=source)
                if labels["outcome"] != "delivered"}

    def dropped(self, source):
        return sum(self.losses(source).values())


class Sonde:
    """`sonde run` with a free port, ready when the constructor returns; command: what starts it."""

    def __init__(self, tmp_path, *flags, wait=True, command=(SONDE,), address="127.0.0.1",
                 **environment):
        self.stderr_path = os.path.join(str(tmp_path), f"sonde-{time.monotonic_ns()}.log")
        self.port = free_port()
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(
                [*command, "run", "--quiet", "--listen", f"{address}:{self.port}", *flags],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                env=clean_environment(**environment))
        if wait:
            self.wait_ready()

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, f"sonde ended: {self.log()}"
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(self.url("/readyz"), timeout=5).status == 200
        wait_until(ready, "sonde is ready")

    def url(self, path="/metrics"):
        return f"http://127.0.0.1:{self.port}{path}"

    def text(self):
        return urllib.request.urlopen(self.url(), timeout=30).read().decode()

    def metrics(self):
        return Metrics(self.text())

    def log(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def stop(self, with_signal=signal.SIGTERM):
        return stop(self.process, with_signal)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()


@contextlib.contextmanager
def program(*command, port=None, name=None, **popen):
    """Runs a program while the block runs; waits for its port; `name` becomes OTEL_SERVICE_NAME."""
    environment = clean_environment(**({"OTEL_SERVICE_NAME": name} if name else {}))
    popen.setdefault("stdout", subprocess.DEVNULL)
    popen.setdefault("stderr", subprocess.DEVNULL)
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, **popen)
    try:
        if port:
            wait_until(lambda: port_open(port), f"{command[0]} listens")
        yield process
    finally:
        stop(process)


@contextlib.contextmanager
def nginx(tmp_path, port, locations='location / { return 200 "hello\\n"; }', workers=2):
    """nginx in the foreground; its access log, one line `method target status` each, is the truth."""
    folder = os.path.join(str(tmp_path), f"nginx-{port}")
    os.makedirs(folder)
    log = os.path.join(folder, "access.log")
    configuration = os.path.join(folder, "nginx.conf")
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(f"""
            daemon off; worker_processes {workers}; pid {folder}/pid;
            error_log {folder}/error.log; events {{ worker_connections 1024; }}
            http {{
                log_format truth '$request_method $request_uri $status $body_bytes_sent';
                access_log {log} truth;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
                keepalive_requests 100000000; client_max_body_size 0;
                server {{ listen 127.0.0.1:{port}; {locations} }}
            }}""")
    with program("/usr/sbin/nginx", "-e", f"{folder}/error.log", "-c", configuration, port=port,
                 name=f"nginx-{port}"):
        yield log


def access_log(path):
    """Lines of an nginx access log as lists of words."""
    with open(path, encoding="utf-8") as log:
        return [line.split() for line in log]


def unique(name):
    """A service name that no other call gives, in this test run or another one."""
    return f"{name}-{secrets.token_hex(6)}"


def expect(sonde, *figures, seconds=15, settle=1.1):
    """Waits until Sonde shows all figures, (metric, labels, value) each, and stays at them.

    `settle`: longer than a sweep, so that what is counted twice shows by then.
    """
    def shown():
        metrics = sonde.metrics()
        return [(name, labels, metrics.sum(name, **labels)) for name, labels, _ in figures]

    def wrong():
        return [f"{name}{labels} is {is_:g}, should be {should:g}"
                for (name, labels, is_), (_, _, should) in zip(shown(), figures) if is_ != should]

    end = time.monotonic() + seconds
    while wrong() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(settle)
    assert not wrong(), "\n".join([*wrong(), *(
        f"lost: {labels} {value:g}"
        for _, labels, value in sonde.metrics().select("sonde_events_total")
        if labels["outcome"] != "delivered" and value)])


def start(*command, name=None, **popen):
    """Starts a program as `program` does, for tests that end it themselves."""
    popen.setdefault("stdin", subprocess.DEVNULL)
    popen.setdefault("stdout", subprocess.PIPE)
    return subprocess.Popen(
        command, env=clean_environment(**({"OTEL_SERVICE_NAME": name} if name else {})), **popen)


def run(*command, name=None, **popen):
    """Runs a program to its end, and returns its exit status and standard output."""
    with start(*command, name=name, **popen) as process:
        output, _ = process.communicate(timeout=60)
    return process.returncode, output.decode()


def output_of(*command, name, seconds=60, **more):
    """Runs a program to its end under a service name of its own; returns what it printed."""
    result = subprocess.run(command, env=clean_environment(OTEL_SERVICE_NAME=name), timeout=seconds,
                            capture_output=True, check=False, **more)
    assert result.returncode == 0, f"{command[0]}: {result.stderr.decode()}"
    return result.stdout.decode()


def curl(port, *paths, name, options=()):
    """GETs each path over one connection, and throws away what comes."""
    subprocess.run(["curl", "-s", *options, *(f"http://127.0.0.1:{port}{path}" for path in paths)],
                   stdout=subprocess.DEVNULL, check=True, timeout=60,
                   env=clean_environment(OTEL_SERVICE_NAME=name))


def http_counts(metrics, side, service):
    """{(method, status): requests}; in place of a status that is missing, the error's type."""
    result = collections.Counter()
    for _, labels, value in metrics.select(f"http_{side}_request_duration_seconds_count",
                                           service_name=service):
        status = labels.get("http_response_status_code") or labels.get("error_type")
        result[labels["http_request_method"], status] += int(value)
    return result

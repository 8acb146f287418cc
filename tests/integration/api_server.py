# SPDX-License-Identifier: Apache-2.0
"""An API server for pods, over TLS: it answers with what Kubernetes' own has answered. At /pods it is a
kubelet, whose list has no version.

The list and the watch of tests/kubernetes/ were recorded from Kubernetes 1.34. A test adds events to
them, and says what is to go wrong.
"""
import copy
import http.server
import json
import os
import queue
import ssl
import subprocess
import threading
import urllib.parse

from harness import free_port

ANSWERS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kubernetes")
NODE = "node1"


def answer(name):
    with open(os.path.join(ANSWERS, name), encoding="utf-8") as file:
        return file.read()


def recorded(name):
    """The pod of that name in the recorded list."""
    pods = json.loads(answer("list.json"))["items"]
    return copy.deepcopy(next(pod for pod in pods if pod["metadata"]["name"] == name))


def certify(folder):
    """An authority and a certificate for 127.0.0.1, as files."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", "-days", "2", "-subj", "/CN=authority", *key, "-keyout", "ca.key",
            "-out", "ca.crt", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-subj", "/CN=apiserver", *key, "-keyout", "server.key", "-out", "server.csr")
    with open(os.path.join(folder, "server.ext"), "w", encoding="utf-8") as file:
        file.write("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "server.ext", "-out", "server.crt")


class ServiceAccount:
    """Token and authority in a folder, where the kubelet would put them: a new token is another
    folder, to which a link is turned."""

    def __init__(self, folder, authority):
        self.folder, self.authority, self.count = str(folder), authority, 0
        os.makedirs(self.folder)
        self.rotate("first")
        for name in ("token", "ca.crt"):
            os.symlink(f"..data/{name}", f"{self.folder}/{name}")

    def rotate(self, token):
        self.count += 1
        fresh = f"{self.folder}/..{self.count}"
        os.mkdir(fresh)
        for name, text in (("token", token), ("ca.crt", self.authority)):
            with open(f"{fresh}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        os.symlink(f"..{self.count}", f"{self.folder}/..new")
        os.rename(f"{self.folder}/..new", f"{self.folder}/..data")


class ApiServer:
    def __init__(self, folder, pods=None):
        os.makedirs(folder, exist_ok=True)
        self.folder = str(folder)
        certify(self.folder)
        with open(f"{self.folder}/ca.crt", encoding="utf-8") as file:
            self.account = ServiceAccount(f"{self.folder}/account", file.read())
        self.port = free_port()
        self.token = "first"
        self.list = json.loads(answer("list.json"))
        if pods is not None:
            self.list["items"] = pods
        self.version = int(self.list["metadata"]["resourceVersion"])
        self.watches = []    # queues of those that are open, of this node's pods;
        self.peer_watches = {"pods": [], "services": []}  # and of all pods, and of Services
        self.peers = {"pods": {}, "services": {}}         # the objects of these, by name
        self.refuse_peers = {"pods": [], "services": []}  # as `refuse`, of these
        self.requests = []   # (path, query, token)
        self.refuse = []     # bodies or statuses for the next requests, in place of the answer
        self.lock = threading.Lock()
        self.server = None

    def flags(self):
        account = self.account.folder
        return ("--kubernetes", "on", "--kubernetes-api", f"https://127.0.0.1:{self.port}",
                "--kubernetes-token-file", f"{account}/token",
                "--kubernetes-ca-file", f"{account}/ca.crt", "--kubernetes-node", NODE)

    # --- what happens to pods ---

    def put(self, pod, kind=None):
        """Adds or changes a pod, and tells those who watch."""
        with self.lock:
            name = pod["metadata"]["name"]
            known = [p for p in self.list["items"] if p["metadata"]["name"] != name]
            kind = kind or ("ADDED" if len(known) == len(self.list["items"]) else "MODIFIED")
            self.version += 1
            pod["metadata"]["resourceVersion"] = str(self.version)
            self.list["metadata"]["resourceVersion"] = str(self.version)
            self.list["items"] = known + ([pod] if kind != "DELETED" else [])
            self.tell(json.dumps({"type": kind, "object": pod}) + "\n")

    def delete(self, pod):
        self.put(pod, "DELETED")

    def tell(self, text):
        for watch in self.watches:
            watch.put(text)

    def end_watches(self):
        self.tell(None)

    def put_peer(self, kind, item, event=None):
        """Adds, changes or (DELETED) takes away a pod of any node, or a Service."""
        with self.lock:
            name = (item["metadata"]["namespace"], item["metadata"]["name"])
            self.version += 1
            item["metadata"]["resourceVersion"] = str(self.version)
            event = event or ("MODIFIED" if name in self.peers[kind] else "ADDED")
            self.peers[kind][name] = item
            if event == "DELETED":
                del self.peers[kind][name]
            self.tell_peers(kind, json.dumps({"type": event, "object": item}) + "\n")

    def tell_peers(self, kind, text):
        for watch in self.peer_watches[kind]:
            watch.put(text)

    def list_peers(self, kind):
        return {"kind": {"pods": "PodList", "services": "ServiceList"}[kind],
                "metadata": {"resourceVersion": str(self.version)},
                "items": list(self.peers[kind].values())}

    # --- life ---

    def start(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                api.answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that does not trust us, or has gone

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.folder}/server.crt", f"{self.folder}/server.key")
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        if not self.server:
            return
        self.server.shutdown()
        self.server.server_close()
        self.end_watches()
        for kind in self.peer_watches:
            self.tell_peers(kind, None)
        self.server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- requests ---

    def lists(self):
        return [r for r in self.requests if "watch" not in r[1]]

    def answer(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        kind = url.path.rsplit("/", 1)[1]
        by_kubelet = url.path == "/pods"
        of_node = by_kubelet or "fieldSelector" in query
        refuse = self.refuse if of_node else self.refuse_peers[kind]
        self.requests.append((url.path, query, token))
        if token != self.token:
            self.send(handler, 401, '{"kind":"Status","message":"Unauthorized","code":401}')
        elif refuse:
            self.spoil(handler, refuse.pop(0))
        elif "watch" in query:
            self.watch(handler, int(query["resourceVersion"]),
                       self.watches if of_node else self.peer_watches[kind])
        else:
            with self.lock:
                text = json.dumps({**self.list, "metadata": {}} if by_kubelet else
                                  self.list if of_node else self.list_peers(kind),
                                  separators=(",", ":"))
            self.send(handler, 200, text)

    def send(self, handler, status, text, length=None):
        body = text.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(length or len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def spoil(self, handler, how):
        if isinstance(how, int):
            self.send(handler, how, json.dumps({"kind": "Status", "message": "no", "code": how}))
        elif how == "torn":  # the connection ends in the middle of a line
            text = json.dumps({"type": "MODIFIED", "object": self.list["items"][0]})
            self.send(handler, 200, text[:len(text) // 2], len(text))
            handler.close_connection = True
        else:
            self.send(handler, 200, how)

    def watch(self, handler, version, watches):
        if version > self.version:
            self.send(handler, 504, '{"kind":"Status","message":"Too large","code":504}')
            return
        events = queue.Queue()
        with self.lock:
            watches.append(events)
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            while (text := events.get()) is not None:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))
            handler.wfile.write(b"0\r\n\r\n")
        finally:
            watches.remove(events)

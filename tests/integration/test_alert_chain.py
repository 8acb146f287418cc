# SPDX-License-Identifier: Apache-2.0
"""From a fault to whom it concerns: Sonde, Prometheus with the rules and Alertmanager with the routes of deploy/."""
import contextlib
import glob
import http.server
import json
import os
import re
import signal
import threading

import yaml

from cgroups import small_memory_cgroup
from harness import ROOT, Sonde, free_port, program, run, unique, wait_until
from prometheus import prometheus

RULES = sorted(glob.glob(f"{ROOT}/deploy/prometheus/rules/*.yml"))


@contextlib.contextmanager
def receivers():
    """An address, and {receiver: alerts that came to it}."""
    told = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.setdefault(self.path.strip("/"), []).extend(body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", told
        server.shutdown()


@contextlib.contextmanager
def alertmanager(tmp_path, url):
    """With the shipped routes; each receiver is a page of that address, and none waits for more to come."""
    with open(f"{ROOT}/deploy/alertmanager/alertmanager.yml", encoding="utf-8") as file:
        shipped = yaml.safe_load(re.sub("(group_wait|group_interval): .*", r"\1: 1s", file.read()))
    shipped["receivers"] = [{"name": receiver["name"],
                             "webhook_configs": [{"url": f"{url}/{receiver['name']}"}]}
                            for receiver in shipped["receivers"]]
    del shipped["global"]
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(shipped))
    port = free_port()
    with program("prometheus-alertmanager", f"--config.file={tmp_path}/alertmanager.yml",
                 f"--storage.path={tmp_path}/alertmanager", "--cluster.listen-address=",
                 f"--web.listen-address=127.0.0.1:{port}", port=port):
        yield port


def test_oom_kill_is_told_in_the_channel_and_to_nobody_else(tmp_path, calls):
    name = unique("eater")
    with receivers() as (url, told), alertmanager(tmp_path, url) as port, Sonde(tmp_path) as sonde, \
            prometheus(tmp_path, sonde, rules=RULES, alertmanager=port):
        with small_memory_cgroup() as folder:
            join = f"join={os.path.join(folder, 'cgroup.procs')}"
            assert run(calls, join, "eat=64", name=name)[0] == -signal.SIGKILL

        def alerts(receiver):
            return [alert for alert in told.get(receiver, []) if alert["labels"]["service"] == name]
        wait_until(lambda: alerts("channel"), "an alert")
        found = alerts("channel")[0]
        assert found["status"] == "firing"
        assert found["labels"]["alertname"] == "OomKilled"
        assert found["labels"]["severity"] == "warning"
        assert found["annotations"]["summary"] == \
            f"{name}: the kernel killed a process of it for lack of memory"
        assert found["annotations"]["runbook_url"].endswith("runbooks.md#oomkilled")
        assert found["annotations"]["dashboard"].endswith(f"/d/sonde-node?var-service={name}")
        assert not [receiver for receiver in told if receiver != "channel" and alerts(receiver)]

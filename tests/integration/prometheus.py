# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus, which scrapes a Sonde each second, and what it says."""
import contextlib
import json
import urllib.parse
import urllib.request

from harness import free_port, program, wait_until


class Prometheus:
    """What answers at this address."""

    def __init__(self, url):
        self.url = url

    def api(self, path, **parameters):
        """The data of an answer of its API."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as response:
            return json.load(response)["data"]

    def query(self, expression):
        with contextlib.suppress(OSError):  # while it starts
            return self.api("query", query=expression)["result"]
        return []

    def value(self, expression):
        """Of an expression that has one number as its result; None as long as it has none."""
        result = self.query(expression)
        assert len(result) <= 1, result
        return float(result[0]["value"][1]) if result else None

    def wait_up(self):
        wait_until(lambda: self.value('up{job="sonde"}') == 1, "the target is up")

    def errors(self):
        """Of its targets' last scrapes, "" for those that went well."""
        return [target["lastError"] for target in self.api("targets")["activeTargets"]]


@contextlib.contextmanager
def prometheus(tmp_path, sonde, *flags, rules=(), alertmanager=None):
    """Runs it while the block runs, with these files of rules and an Alertmanager at that port; what it
    scrapes has the job "sonde"."""
    alerting = [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}] if alertmanager else []
    port = free_port()
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: {list(rules)}
alerting: {{alertmanagers: {json.dumps(alerting)}}}
scrape_configs:
- job_name: sonde
  static_configs: [{{targets: ['127.0.0.1:{sonde.port}']}}]
""")
    with program("prometheus", f"--config.file={configuration}",
                 f"--storage.tsdb.path={tmp_path}/storage",
                 f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", *flags,
                 port=port, cwd=tmp_path):
        running = Prometheus(f"http://127.0.0.1:{port}")
        running.wait_up()
        yield running

# SPDX-License-Identifier: Apache-2.0
"""Sonde, whose many thousand samples are read as far as they are asked for: here all is slow."""
import collections
import re

from harness import LABEL, Metrics, Sonde, port_open, wait_until


class LeanMetrics(Metrics):
    def __init__(self, text):
        self.text = "\n" + text
        self.found = {}

    def by_service(self, name):
        """{service: its samples of this name}"""
        if name not in self.found:
            self.found[name] = collections.defaultdict(list)
            for labels, value in re.findall(rf"\n{name}(?:{{(.*)}})? (\S+)", self.text):
                labels = dict(LABEL.findall(labels))
                self.found[name][labels.get("service_name", "")].append(
                    (name, labels, float(value)))
        return self.found[name]

    def select(self, name, **labels):
        found = self.by_service(name)
        services = [labels["service_name"]] if "service_name" in labels else list(found)
        return [sample for service in services for sample in found.get(service, [])
                if all(sample[1].get(label, "") == value for label, value in labels.items())]


class LeanSonde(Sonde):
    def wait_ready(self):
        """To ask for it all the time would take a good part of a CPU from Sonde's start."""
        wait_until(lambda: port_open(self.port) or self.process.poll() is not None,
                   "sonde listens")
        super().wait_ready()

    def metrics(self):
        return LeanMetrics(self.text())

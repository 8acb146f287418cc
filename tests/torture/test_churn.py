# SPDX-License-Identifier: Apache-2.0
"""All attacks at once, over and over: memory, series, descriptors and maps of Sonde stay flat.

CHURN_SECONDS: how long (`make torture` takes 20 minutes). What is kept of names that have ended is
given back within that time, as series-ttl is a tenth of it.
"""
import contextlib
import os
import statistics
import time

import attack
from harness import Sonde
from neighbour import Neighbour
from test_attacks import SEED, check_samples

SECONDS = float(os.environ.get("CHURN_SECONDS", "60"))
SAMPLES = 60

# What may be more at the end than it was in the middle: (part of it, and as much besides).
GROWTH = {
    "process_resident_memory_bytes": (0.05, 2 << 20),
    "sonde_series": (0.10, 200),
    "process_open_fds": (0.10, 16),  # the crowd at the listener comes and goes
    "sonde_bpf_map_bytes": (0, 0),
}


def growth(taken):
    """What of GROWTH is more in the last third of the samples than it may be."""
    third = len(taken) // 3
    wrong = []
    for family, (part, besides) in GROWTH.items():
        values = [sample[family] for sample in taken]
        middle = statistics.median(values[third:third * 2])
        end = statistics.median(values[third * 2:])
        print(f"{family}: {middle:.0f}, at the end {end:.0f}")
        if end > middle * (1 + part) + besides:
            wrong.append((family, values))
    return wrong


def test_memory_series_descriptors_and_maps_are_flat(tmp_path):
    print(f"TORTURE_SEED={SEED}")
    taken = []
    with Sonde(tmp_path, "--series-ttl", f"{int(SECONDS / 10) + 1}s") as sonde, \
            Neighbour("old") as old, contextlib.ExitStack() as attacks:
        for number, name in enumerate(attack.names()):
            attacks.enter_context(attack.running(name, SECONDS + 60, SEED + number, sonde.port))
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(SECONDS / SAMPLES)
            old.ask("GET", "/catalogue", 200, 10)
            metrics = sonde.metrics()
            taken.append({family: metrics.sum(family) for family in GROWTH})
        check_samples(metrics)
        assert not growth(taken)
        old.ask("POST", "/checkout", 500, 20)
        with Neighbour("new") as new:
            new.ask("GET", "/cart", 200, 30)
            attacks.close()
            old.check(sonde)
            new.check(sonde)
        assert sonde.stop() == 0

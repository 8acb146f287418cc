# SPDX-License-Identifier: Apache-2.0
"""Each attack by itself, on a Sonde that was built with the sanitizers: the neighbours stay whole.

TORTURE_SECONDS: how long each lasts. TORTURE_SEED: what it does; a failure tells the one it had.
"""
import collections
import os
import random
import time

import pytest

import attack
from harness import ROOT, Sonde
from neighbour import Neighbour

SECONDS = float(os.environ.get("TORTURE_SECONDS", "5"))
SEED = int(os.environ.get("TORTURE_SEED") or random.randrange(1 << 31))
SANITIZED = os.path.join(ROOT, "build", "sanitize", "sonde")


def check_samples(metrics):
    """No two samples have the same name and labels: a Prometheus would refuse or halve them."""
    seen = collections.Counter((name, tuple(sorted(labels.items())))
                               for name, labels, _ in metrics.samples)
    assert not [sample for sample, count in seen.items() if count > 1]


def check_end(sonde):
    """Sonde ends well when asked, and no sanitizer has found anything."""
    assert sonde.stop() == 0, sonde.log()
    log = sonde.log()
    assert "Sanitizer" not in log and "runtime error" not in log, log


@pytest.mark.parametrize("name", attack.names())
def test_neighbours_are_whole_beside(name, tmp_path):
    print(f"TORTURE_SEED={SEED}")
    with Sonde(tmp_path, command=(SANITIZED,)) as sonde, Neighbour("old") as old:
        old.ask("GET", "/catalogue", 200, 50)
        with attack.running(name, SECONDS, SEED, sonde.port) as attacker:
            time.sleep(SECONDS / 2)
            if attacker.poll() == attack.SKIPPED:
                pytest.skip(f"this machine does not have what {name} needs")
            # who was there first meets its first failure, and somebody new comes
            old.ask("POST", "/checkout", 500, 20)
            with Neighbour("new") as new:
                new.ask("GET", "/cart", 200, 30)
                new.ask("DELETE", "/cart", 404, 5)
                attacker.wait(60 + SECONDS)
                old.check(sonde)
                new.check(sonde)
        check_samples(sonde.metrics())
        check_end(sonde)


@pytest.mark.parametrize("name", ("environment", "mapped", "names", "sleepers"))
def test_sonde_starts_beside(name, tmp_path):
    print(f"TORTURE_SEED={SEED}")
    with attack.running(name, SECONDS + 10, SEED, 0):
        time.sleep(2)
        with Sonde(tmp_path, command=(SANITIZED,)) as sonde, Neighbour("new") as new:
            new.ask("GET", "/cart", 200, 30)
            new.check(sonde)
            check_end(sonde)

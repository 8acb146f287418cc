# SPDX-License-Identifier: Apache-2.0
"""Makes harness.py importable, and gives each test a Sonde where it asks for one."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import SONDE, Sonde  # noqa: E402


@pytest.fixture
def sonde(tmp_path):
    with Sonde(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def calls(tmp_path_factory):
    """calls.c, built: a program that does a known number of known things."""
    program = tmp_path_factory.mktemp("calls") / "calls"
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "calls.c")
    subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-static", "-o", program, source],
                   check=True)
    return str(program)


@pytest.fixture
def named_by_executable():
    """Skips where the tests run inside a unit or a container, which would name their programs."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        cgroups = file.read()
    if re.search(r"\.service|[0-9a-f]{64}", cgroups):
        pytest.skip("the tests run inside a systemd unit or a container, whose name wins")


@pytest.fixture
def public_sonde():
    """A copy of Sonde, and a folder, that every user can reach: the tree may be a private one."""
    with tempfile.TemporaryDirectory(prefix="sonde-test-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield shutil.copy(SONDE, folder)


@pytest.fixture
def other_address():
    """An address of this machine, for the loopback device, that is no loopback address."""
    address = "198.18.99.1"
    if subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], capture_output=True,
                      check=False).returncode:
        pytest.skip("no address can be added here")
    yield address
    subprocess.run(["ip", "addr", "delete", f"{address}/32", "dev", "lo"], check=True)

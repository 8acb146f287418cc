# SPDX-License-Identifier: Apache-2.0
"""Makes harness.py importable, and gives each test a Sonde where it asks for one."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import Sonde  # noqa: E402


@pytest.fixture
def sonde(tmp_path):
    with Sonde(tmp_path) as running:
        yield running

# SPDX-License-Identifier: Apache-2.0
"""Makes the harness of the integration tests importable."""
import os
import sys

TORTURE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [TORTURE, os.path.join(os.path.dirname(TORTURE), "integration")]

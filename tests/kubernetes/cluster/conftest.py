# SPDX-License-Identifier: Apache-2.0
"""One cluster for all tests of this folder, and Sonde in it as it is installed by default but for its labels."""
import pytest

from cluster import Cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    return Cluster(str(tmp_path_factory.mktemp("cluster")))

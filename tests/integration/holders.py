# SPDX-License-Identifier: Apache-2.0
"""A holder of shares other than the tests themselves: bpf/core/share.bpf.h says who is one."""
import contextlib

from cgroups import cgroup, mount_of
from harness import NOBODY, unique


@contextlib.contextmanager
def another_holder():
    """What comes before a command, so that it runs as one: in a cgroup of its own, or by user."""
    mount = mount_of("cgroup2")
    if not mount:
        yield NOBODY
        return
    with cgroup(mount, unique("sonde-holder")) as folder:
        yield ("/bin/sh", "-c", f'echo 0 > {folder}/cgroup.procs; exec "$@"', "sh")

# SPDX-License-Identifier: Apache-2.0
"""Cgroups of the tests' own."""
import contextlib
import os

import pytest

from harness import unique, wait_until


def mount_of(kind, option=""):
    """Where a cgroup file system of this kind, with this controller, is mounted; or None."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, path, type_, options, *_ = line.split()
            if type_ == kind and (not option or option in options.split(",")):
                return path
    return None


@contextlib.contextmanager
def cgroup(mount, *names):
    """A cgroup inside of others, all of them made for the block; gives its folder."""
    made = []
    try:
        for name in names:
            made.append(os.path.join(made[-1] if made else mount, name))
            os.mkdir(made[-1])
        yield made[-1]
    except PermissionError:
        pytest.skip(f"no cgroup can be made in {mount}")
    finally:
        for folder in reversed(made):
            def gone():
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
                return not os.path.exists(folder)
            wait_until(gone, f"{folder} is empty")


def write(*path, text):
    with open(os.path.join(*path), "w", encoding="utf-8") as file:
        file.write(text)


@contextlib.contextmanager
def small_memory_cgroup(mib=16):
    """A cgroup whose processes may use so much: of version 1 or 2, whichever has the controller."""
    version1 = mount_of("cgroup", "memory")
    mount = version1 or mount_of("cgroup2")
    if not mount:
        pytest.skip("no cgroup file system is mounted")
    with cgroup(mount, unique("sonde-memory")) as folder:
        limit = "memory.limit_in_bytes" if version1 else "memory.max"
        if not os.path.exists(os.path.join(folder, limit)):
            pytest.skip("the memory controller is not to be had for a cgroup of the test's own")
        write(folder, limit, text=str(mib << 20))
        swap = os.path.join(folder, "memory.swappiness" if version1 else "memory.swap.max")
        if os.path.exists(swap):
            write(swap, text="0")
        yield folder

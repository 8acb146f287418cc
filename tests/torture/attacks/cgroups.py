# SPDX-License-Identifier: Apache-2.0
"""Control groups with the names of containers that come and go, and a program that moves through.

They lie as deep as those that a user may make, below three that only root makes.
"""
import contextlib
import os
import sys
import tempfile
import subprocess
import signal

from attack import SKIPPED, Attack

attack = Attack(needs_root=True)
with tempfile.TemporaryDirectory() as root:
    if subprocess.run(["mount", "-t", "cgroup2", "none", root], check=False).returncode:
        sys.exit(SKIPPED)
    mine = os.path.join(root, f"torture-{os.getpid()}")
    top = os.path.join(mine, "user", "session")
    mover = os.posix_spawn("/bin/sleep", ["sleep", "3600"], {})
    try:
        os.makedirs(top)
        while attack.goes_on():
            digits = "".join(attack.random.choices("0123456789abcdef", k=64))
            group = os.path.join(top, attack.random.choice((
                f"docker-{digits}.scope", f"cri-containerd-{digits}.scope", digits,
                f"kubepods-besteffort-pod1.slice:cri-containerd:{digits}", "evil.service",
                attack.word(100, 200))))
            with contextlib.suppress(FileExistsError):
                os.mkdir(group)
            for pid in (mover, os.posix_spawn("/bin/true", ["true"], {})):
                with contextlib.suppress(OSError), \
                        open(f"{group}/cgroup.procs", "w", encoding="ascii") as procs:
                    procs.write(str(pid))
                if pid != mover:
                    os.waitpid(pid, 0)
            with open(f"{root}/cgroup.procs", "w", encoding="ascii") as procs:
                procs.write(str(mover))
            os.rmdir(group)
    finally:
        os.kill(mover, signal.SIGKILL)
        os.waitpid(mover, 0)
        for folder, _, _ in os.walk(mine, topdown=False):
            os.rmdir(folder)
        subprocess.run(["umount", root], check=True)

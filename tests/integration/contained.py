# SPDX-License-Identifier: Apache-2.0
"""
Starts a program as a container's runtime does: contained.py ROOT UID CAPABILITIES NO_NEW_PRIVS PROGRAM …

ROOT becomes its root, read-only, with /proc of a pid namespace of its own and the machine's /sys. It
has the numbers CAPABILITIES (1,2) within bounds, permitted and effective, but not as ambient ones, as no runtime
gives these: so what is left of them behind execve() is what its file has as well.
"""
import ctypes
import os
import platform
import signal
import struct
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS = 0x20000, 0x20000000, 0x8000000, 0x4000000
PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 8, 24, 38
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}[platform.machine()]
LIBC = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    if result:
        sys.exit(f"contained: {what}: {os.strerror(ctypes.get_errno())}")


def mounts(root):
    for command in (["mount", "--make-rprivate", "/"],
                    ["mount", "--bind", root, root],
                    ["mount", "-t", "proc", "proc", f"{root}/proc"],
                    ["mount", "--rbind", "-o", "ro", "/sys", f"{root}/sys"],
                    ["mount", "--bind", "/dev", f"{root}/dev"],
                    ["mount", "-o", "remount,bind,ro", root]):
        subprocess.run(command, check=True)


def give_up(user, capabilities):
    number = 0
    while os.path.exists("/proc/sys/kernel/cap_last_cap") and number < 64:
        if number not in capabilities:
            LIBC.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # fails above the last one
        number += 1
    must(LIBC.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keepcaps")
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    bits = sum(1 << each for each in capabilities)
    low, high = bits & 0xffffffff, bits >> 32
    must(LIBC.syscall(SYS_CAPSET, struct.pack("Ii", 0x20080522, 0),
                      struct.pack("6I", low, low, 0, high, high, 0)), "capset")


def main():
    root, user, capabilities, confined, *command = sys.argv[1:]
    must(LIBC.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS), "unshare")
    child = os.fork()
    if not child:
        mounts(root)
        os.chroot(root)
        os.chdir("/")
        give_up(int(user), [int(each) for each in capabilities.split(",") if each])
        if int(confined):
            must(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        os.execv(command[0], command)
    for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        signal.signal(number, lambda number, _: os.kill(child, number))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()

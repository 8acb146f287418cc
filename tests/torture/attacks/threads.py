# SPDX-License-Identifier: Apache-2.0
"""Threads that call themselves something else all the time, in a process that does so, too."""
import ctypes
import threading

from attack import Attack

PR_SET_NAME = 15

attack = Attack()
libc = ctypes.CDLL(None)


def rename():
    while attack.goes_on(0.001):
        libc.prctl(PR_SET_NAME, attack.nasty()[:15], 0, 0, 0)


threads = [threading.Thread(target=rename, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
rename()
for thread in threads:
    thread.join()

# SPDX-License-Identifier: Apache-2.0
"""More programs that live, each with a name of its own, than there are numbers for."""
import os
import signal

from attack import Attack

SLEEPERS = 1100

attack = Attack()
pids = []
try:
    while attack.goes_on(0 if len(pids) < SLEEPERS else 0.1):
        if len(pids) < SLEEPERS:
            pids.append(os.posix_spawn("/bin/sleep", ["sleep", "3600"],
                                       {"OTEL_SERVICE_NAME": f"sleeper-{len(pids)}"}))
finally:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

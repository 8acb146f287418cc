# SPDX-License-Identifier: Apache-2.0
"""Short jobs, each under a service name of its own, many of them hostile."""
import os

from attack import Attack

attack = Attack()
while attack.goes_on():
    name = attack.nasty() if attack.random.random() < 0.3 else attack.word().encode()
    pid = os.posix_spawn("/bin/true", ["true"], {b"OTEL_SERVICE_NAME": name})
    os.waitpid(pid, 0)

# SPDX-License-Identifier: Apache-2.0
"""Programs with arguments and environments as large as the kernel allows, rewritten as they run."""
import os

from attack import Attack

attack = Attack()
while attack.goes_on():
    environment = {f"V{i}": attack.word() * 300 for i in range(attack.random.randrange(400))}
    environment["OTEL_SERVICE_NAME"] = attack.word()
    arguments = ["python3", "-S", "-c", "import sys; sys.argv[1:]", *(
        attack.word() for _ in range(attack.random.randrange(5000)))]
    os.waitpid(os.posix_spawn("/usr/bin/python3", arguments, environment), 0)

# SPDX-License-Identifier: Apache-2.0
"""Programs under ever new file names, rebuilt (a new inode) as often as renamed."""
import os
import shutil
import tempfile

from attack import Attack

attack = Attack()
with tempfile.TemporaryDirectory() as folder:
    while attack.goes_on():
        name = attack.nasty().replace(b"/", b"_")[:255] or b"empty"
        if attack.random.random() < 0.5:
            name = b"build-" + attack.random.choice((b"a", b"b", b"c"))
        if name in (b".", b".."):
            continue
        path = os.path.join(folder.encode(), name)
        shutil.copy("/bin/true", path)
        os.waitpid(os.posix_spawn(path, [name, attack.nasty()], {}), 0)
        os.unlink(path)

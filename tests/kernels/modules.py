# SPDX-License-Identifier: Apache-2.0
"""The few modules of a kernel that a guest loads, out of the folder of all of them."""
import lzma
import os
import re


def content(path):
    """The module itself, as the kernel takes it."""
    with (lzma.open if path.endswith(".xz") else open)(path, "rb") as file:
        return file.read()


def depends(module):
    """Names of the modules whose symbols it uses, which it tells of itself."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name.decode() for name in found.group(1).split(b",") if name] if found else []


def name_of(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def collect(unpacked, wanted, folder):
    """Puts those that are wanted and there into `folder`, each after what it depends on."""
    paths = {name_of(path): path for where, _, files in os.walk(unpacked)
             for path in (os.path.join(where, file) for file in files)
             if path.endswith((".ko", ".ko.xz"))}
    collected = []
    os.mkdir(folder)

    def add(name):
        if name in collected or name not in paths:
            return
        module = content(paths[name])
        for other in depends(module):
            add(other.replace("-", "_"))
        with open(os.path.join(folder, f"{len(collected):02}-{name}.ko"), "wb") as file:
            file.write(module)
        collected.append(name)

    for name in wanted:
        add(name.replace("-", "_"))

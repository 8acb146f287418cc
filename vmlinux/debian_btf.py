#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the BTF of Debian's newest cloud kernel for arm64, for `make vmlinux` to make a header of.

    vmlinux/debian_btf.py trixie-backports build/arm64/vmlinux.btf

Such a kernel's image holds its BTF as it is; those of x86-64 are compressed, and the running kernel
shows its own as /sys/kernel/btf/vmlinux.
"""
import glob
import os
import struct
import sys
import tempfile

sys.dont_write_bytecode = True  # perhaps run by sudo, in a tree that belongs to somebody else
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "deploy"))
from packages import Apt  # noqa: E402

HEADER = struct.Struct("<HBBIIIII")  # struct btf_header of <linux/btf.h>
MAGIC = b"\x9f\xeb\x01\x00"          # its first three fields


def btf_of(image):
    """The first BTF in an image whose types are followed by their names, as the kernel's are."""
    start = image.find(MAGIC)
    while start >= 0:
        _, _, _, header, types, types_size, names, names_size = HEADER.unpack_from(image, start)
        end = start + header + names + names_size
        if header == HEADER.size and types == 0 and names == types_size and end <= len(image):
            return image[start:end]
        start = image.find(MAGIC, start + 1)
    sys.exit("debian_btf: no BTF in this kernel's image, or compressed")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: vmlinux/debian_btf.py SUITE FILE")
    suite, path = sys.argv[1:]
    apt = Apt(suite, "arm64")
    package = apt.depends("linux-image-cloud-arm64", "linux-image-")
    package = apt.depends(package, "linux-binary-") or package  # since 7.x, apart from the modules
    print(f"  {package}")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with tempfile.TemporaryDirectory(dir=apt.folder) as folder:
        apt.unpack(package, folder)
        kernel, = (found for place in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")
                   for found in glob.glob(os.path.join(folder, place)))
        with open(kernel, "rb") as image, open(path, "wb") as btf:
            btf.write(btf_of(image.read()))


main()

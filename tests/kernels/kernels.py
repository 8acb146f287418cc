# SPDX-License-Identifier: Apache-2.0
"""The kernels that Sonde is tried on: Debian's, downloaded once, unpacked, and never installed."""
import dataclasses
import glob
import os
import shutil
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "deploy"))
from packages import Apt  # noqa: E402

BUILD = os.path.join(ROOT, "build", "kernels")


@dataclasses.dataclass
class Kernel:
    name: str
    suite: str
    architecture: str  # as Debian says it
    package: str       # depends on the image
    cpu: str           # what QEMU shall emulate

    def images(self):
        """Where a package has it: in /boot, or since 7.x beside the modules."""
        folder = os.path.join(BUILD, self.name)
        return [path for place in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")
                for path in glob.glob(os.path.join(folder, place))]

    def image(self):
        """Path of the kernel's image, unpacked."""
        if not self.images():
            print(f"  {self.name}: downloading", flush=True)
            apt = Apt(self.suite, self.architecture)
            package = apt.depends(self.package, "linux-image-")
            # since 7.x apart from the modules
            package = apt.depends(package, "linux-binary-") or package
            folder = os.path.join(BUILD, self.name)
            apt.unpack(package, folder)
            for modules in ("lib", "usr/lib/modules/*/kernel"):
                for path in glob.glob(os.path.join(folder, modules)):
                    shutil.rmtree(path)
        return self.images()[0]


# QEMU's default imitates more than it can emulate: kernels crash on it.
CPU = "qemu64"
# 6.12 allocates memory by cmpxchg16b, which goes wrong now and then under two emulated CPUs: it
# crashes within seconds. 7.x gives programs no storage on a CPU that lacks it.
CPU_OF_6_12 = "qemu64,-cx16"

KERNELS = {kernel.name: kernel for kernel in (
    Kernel("5.10", "bullseye", "amd64", "linux-image-cloud-amd64", CPU),
    Kernel("6.1", "bookworm", "amd64", "linux-image-cloud-amd64", CPU),
    Kernel("6.12", "trixie", "amd64", "linux-image-cloud-amd64", CPU_OF_6_12),
    Kernel("7", "sid", "amd64", "linux-image-cloud-amd64", CPU),
    Kernel("arm64-6.1", "bookworm", "arm64", "linux-image-arm64", "cortex-a72"),
    Kernel("arm64-7", "sid", "arm64", "linux-image-arm64", "cortex-a72"))}

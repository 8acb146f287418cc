# SPDX-License-Identifier: Apache-2.0
"""The kernels that Sonde is tried on: Debian's, downloaded once, unpacked, and never installed."""
import dataclasses
import glob
import os
import shutil
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "deploy"))
import modules  # noqa: E402
from packages import Apt  # noqa: E402

BUILD = os.path.join(ROOT, "build", "kernels")

# What a guest loads of its kernel, where that has it as modules: kernel TLS with the parts of the
# cipher that its keys are for, and delays and losses of a network.
WANTED = ["tls", "gcm", "ghash_generic", "ctr", "sch_netem"]


@dataclasses.dataclass
class Kernel:
    name: str
    suite: str
    architecture: str  # as Debian says it
    package: str       # depends on the image
    cpu: str           # what QEMU shall emulate

    @property
    def folder(self):
        return os.path.join(BUILD, self.name)

    @property
    def image(self):
        return os.path.join(self.folder, "vmlinuz")

    @property
    def modules(self):
        """A folder of modules, named in the order in which they can be loaded."""
        return os.path.join(self.folder, "modules")

    def prepare(self):
        """Downloads what is not there yet. Beside it lies what of; that says if something is."""
        wanted = " ".join([self.suite, self.package, *WANTED]) + "\n"
        stamp = self.folder + ".wanted"
        if os.path.exists(stamp):
            with open(stamp, encoding="utf-8") as file:
                if file.read() == wanted:
                    return
            os.remove(stamp)
        print(f"  {self.name}: downloading", flush=True)
        unpacked = self.folder + ".unpacked"
        for folder in (self.folder, unpacked):
            shutil.rmtree(folder, ignore_errors=True)
        self.unpack(unpacked)
        os.mkdir(self.folder)
        # in /boot, or since 7.x beside the modules
        image, = [path for place in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")
                  for path in glob.glob(os.path.join(unpacked, place))]
        os.rename(image, self.image)
        modules.collect(unpacked, WANTED, self.modules)
        shutil.rmtree(unpacked)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(wanted)

    def unpack(self, folder):
        apt = Apt(self.suite, self.architecture)
        package = apt.depends(self.package, "linux-image-")
        # since 7.x image and modules are apart
        parts = filter(None, (apt.depends(package, f"linux-{part}-")
                              for part in ("binary", "modules")))
        for part in list(parts) or [package]:
            apt.unpack(part, folder)


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
    Kernel("arm64-6.1", "bookworm", "arm64", "linux-image-cloud-arm64", "cortex-a72"),
    Kernel("arm64-7", "sid", "arm64", "linux-image-cloud-arm64", "cortex-a72"))}

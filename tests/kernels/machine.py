# SPDX-License-Identifier: Apache-2.0
"""One kernel in QEMU's software emulation, and what the guest tells on its console."""
import json
import os
import subprocess

from kernels import BUILD

MARK = "@sonde "
MACHINES = {"amd64": (["qemu-system-x86_64"], "ttyS0"),
            "arm64": (["qemu-system-aarch64", "-M", "virt"], "ttyAMA0")}
BOOTS = 5  # a kernel that crashes before anything runs on it is emulation's fault
SECONDS = 500


class Told:
    """What one boot of a guest told."""

    def __init__(self, console):
        self.console = console
        self.all = []
        for line in console.splitlines():
            if line.startswith(MARK):
                try:
                    self.all.append(json.loads(line[len(MARK):]))
                except ValueError:
                    pass  # torn by a line of the kernel's: then the count at the end is wrong

    def of(self, what, **labels):
        return [told for told in self.all if told["what"] == what
                and all(told[name] == value for name, value in labels.items())]

    def one(self, what):
        return next(iter(self.of(what)), None)

    def complete(self):
        end = self.one("end")
        return bool(end) and end["lines"] == len(self.all) - 1


def boot(kernel, initramfs):
    """(what the guest told, how many boots ended before it told anything)."""
    command, console = MACHINES[kernel.architecture]
    command = [*command, "-cpu", kernel.cpu, "-m", "1024", "-smp", "2", "-nographic",
               "-no-reboot", "-net", "none", "-kernel", kernel.image(), "-initrd", initramfs,
               "-append", f"console={console} quiet loglevel=3 oops=panic panic=-1"]
    for crashes in range(BOOTS):
        try:
            output = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, timeout=SECONDS, check=False).stdout
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
        text = output.decode(errors="replace").replace("\r", "")
        with open(os.path.join(BUILD, f"{kernel.name}.log"), "w", encoding="utf-8") as log:
            log.write(text)
        told = Told(text)
        if told.all:
            break
    return told, crashes

# SPDX-License-Identifier: Apache-2.0
"""One kernel in QEMU's software emulation, and what the guest tells on its console."""
import json
import os
import shutil
import subprocess
import tempfile
import threading

import root
from kernels import BUILD

MARK = "@sonde "
# Emulated, it takes a third of the time of arm64's kernels that they change the page tables at each
# entry and exit, which has nothing to do with BPF. Those of amd64 see a CPU that needs none of it.
# One thread runs both CPUs by turns. With a thread for each, kernels panic in QEMU 7.2 now and then,
# as a CPU runs into code that the other one patched: which each hook does that is attached.
ACCELERATOR = "tcg,thread=single"
MACHINES = {"amd64": (["qemu-system-x86_64"], "console=ttyS0"),
            "arm64": (["qemu-system-aarch64", "-M", "virt"], "console=ttyAMA0 kpti=off")}
BOOTS = 5
# Without news a guest is stuck: several times what it takes, as the machine may be busy, too.
BOOT_SECONDS = 120
SILENT_SECONDS = 400


class Told:
    """What one boot of a guest told."""

    def __init__(self):
        self.console = ""
        self.all = []
        self.ended = None  # the emulator's exit status

    def take(self, line):
        """The news in a line of the console, or None."""
        self.console += line
        if not line.startswith(MARK):
            return None
        try:
            self.all.append(json.loads(line[len(MARK):]))
        except ValueError:
            return None  # torn by a line of the kernel's: then the count at the end is wrong
        return self.all[-1]

    def of(self, what, **labels):
        return [told for told in self.all if told["what"] == what
                and all(told[name] == value for name, value in labels.items())]

    def one(self, what):
        return next(iter(self.of(what)), None)

    def complete(self):
        end = self.one("end")
        return bool(end) and end["lines"] == len(self.all) - 1

    def emulators_fault(self):
        """Why what happened says nothing of Sonde; None if it does."""
        if self.complete():
            return None
        if not self.all:
            return "the kernel did not come up"
        if self.ended:
            return f"the emulator crashed (exit status {self.ended})"
        return None


def initramfs(kernel, common):
    """What all kernels have, and this one's modules: Linux takes archives one after the other."""
    file = tempfile.NamedTemporaryFile(dir=BUILD, prefix="initramfs-")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        shutil.copytree(kernel.modules, os.path.join(folder, "modules"))
        modules = root.archive(folder, os.path.join(BUILD, f"modules-{kernel.name}"))
    for path in (common, modules):
        with open(path, "rb") as part:
            shutil.copyfileobj(part, file)
    file.flush()
    return file


class Deadline:
    """Ends a process when its time is over, unless it gets more."""

    def __init__(self, process, seconds):
        self.process = process
        self.begin(seconds)

    def begin(self, seconds):
        self.timer = threading.Timer(seconds, self.process.terminate)
        self.timer.start()

    def end(self):
        self.timer.cancel()

    def extend(self, seconds):
        self.end()
        self.begin(seconds)


def emulate(kernel, archive, news):
    command, parameters = MACHINES[kernel.architecture]
    command = [*command, "-cpu", kernel.cpu, "-m", "1024", "-smp", "2", "-accel", ACCELERATOR,
               "-nographic", "-no-reboot", "-net", "none", "-kernel", kernel.image,
               "-initrd", archive,
               "-append", f"{parameters} quiet loglevel=3 oops=panic softlockup_panic=1 panic=-1"]
    told = Told()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as emulator, \
            open(os.path.join(BUILD, f"{kernel.name}.log"), "w", encoding="utf-8") as log:
        deadline = Deadline(emulator, BOOT_SECONDS)
        for line in emulator.stdout:
            log.write(line)
            told_now = told.take(line)
            if told_now:
                deadline.extend(SILENT_SECONDS)
                news(told_now)
        told.ended = emulator.wait()
        deadline.end()
    return told


def boot(kernel, common, news):
    """What the guest told at last, and why earlier boots do not count; news(told) as it comes."""
    faults = []
    with initramfs(kernel, common) as archive:
        while True:
            told = emulate(kernel, archive.name, news)
            fault = told.emulators_fault()
            if not fault or len(faults) + 1 == BOOTS:
                return told, faults
            faults.append(fault)
            news({"what": "again", "reason": fault})

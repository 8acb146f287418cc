# SPDX-License-Identifier: Apache-2.0
"""What a kernel under test finds as its files: Debian's packages, Sonde, and the tests.

The packages are of the suite that this machine runs, so the libraries are those that Sonde is
linked with.
"""
import glob
import os
import shutil
import subprocess
import sys

from kernels import BUILD, ROOT, Apt
from packages import machine_suite

PACKAGES = ["libbpf1", "libelf1", "libprotobuf-c1", "libmicrohttpd12", "libcurl4", "libyaml-0-2",
            "libseccomp2", "libjansson4", "python3", "python3-protobuf", "curl", "nginx-light",
            "iproute2", "util-linux", "busybox-static"]
BUSYBOX = ["cat", "tee"]  # as which it serves besides
UNUSED = ["usr/share/doc", "usr/share/locale", "usr/share/man", "usr/share/perl5", "usr/share/perl",
          "usr/lib/*/perl*", "usr/lib/*/gconv", "usr/share/zoneinfo", "usr/lib/*/libdb-*",
          "usr/share/info", "usr/share/lintian", "usr/share/bash-completion", "etc/ssl",
          "usr/share/ca-certificates", "usr/lib/python3*/pydoc_data", "usr/lib/python3*/test",
          "usr/lib/python3*/lib2to3", "usr/lib/python3*/idlelib", "usr/lib/python3*/distutils",
          "usr/bin/perl*", "usr/share/python-wheels"]
# By architecture, as far as this machine builds for it: the compiler, and where Sonde is.
if os.uname().machine == "aarch64":
    COMPILERS = {"arm64": ["gcc"]}
    BUILT = {"arm64": "build"}
else:
    COMPILERS = {"amd64": ["gcc"], "arm64": ["aarch64-linux-gnu-gcc",
                                             f"--sysroot={ROOT}/build/sysroot/arm64"]}
    BUILT = {"amd64": "build", "arm64": "build/arm64"}


def compile_program(architecture, source, output, *flags):
    subprocess.run([*COMPILERS[architecture], "-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall",
                    "-o", output, os.path.join(ROOT, source), *flags], check=True)


def programs(architecture, folder):
    """Sonde and what the tests run beside it, at the places where they look for it."""
    build = os.path.join(folder, "sonde", "build")
    os.makedirs(build)
    for name in ("sonde", "sonde.bpf.o", "sonde_tables.bpf.o"):
        shutil.copy(os.path.join(ROOT, BUILT[architecture], name), build)
    compile_program(architecture, "tests/integration/calls.c", f"{build}/calls", "-static")
    compile_program(architecture, "tests/integration/programs/uring.c", f"{build}/uring",
                    "-static", "-luring")
    libbpf, = glob.glob(f"{folder}/usr/lib/*/libbpf.so.1")
    for name in ("verify", "sweeps"):
        compile_program(architecture, f"tests/kernels/{name}.c", f"{build}/{name}", libbpf,
                        "-Wl,--allow-shlib-undefined")


def initramfs(architecture):
    """Path of the archive of what all kernels have, made anew, as it has this build of Sonde."""
    packages = os.path.join(BUILD, f"packages-{architecture}")
    Apt(machine_suite(), architecture).install(PACKAGES, packages)
    folder = os.path.join(BUILD, f"root-{architecture}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(packages, folder, symlinks=True)
    for pattern in UNUSED:
        for path in glob.glob(os.path.join(folder, pattern)):
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    for name in ("proc", "sys", "dev", "tmp", "run", "root"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    for name, line in (("passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"),
                       ("group", "root:x:0:\nnogroup:x:65534:\n"),
                       ("hosts", "127.0.0.1 localhost\n")):
        with open(os.path.join(folder, "etc", name), "w", encoding="utf-8") as file:
            file.write(line)
    for name in BUSYBOX:
        os.symlink("/bin/busybox", os.path.join(folder, "usr", "bin", name))
    programs(architecture, folder)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("integration", "unit", "kernels"):
        shutil.copytree(os.path.join(ROOT, "tests", name),
                        os.path.join(folder, "sonde", "tests", name), ignore=ignored)
    shutil.copy(os.path.join(ROOT, "tests", "kernels", "guest", "init"), folder)
    # compiling takes long where all is emulated; whatever the time of the source is there
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-s", folder,
                    "--invalidation-mode", "unchecked-hash",
                    *glob.glob(f"{folder}/usr/lib/python3*"), f"{folder}/sonde"], check=True)
    return archive(folder, os.path.join(BUILD, f"initramfs-{architecture}"))


def archive(folder, path):
    """Not compressed: the kernel would take longer for that than QEMU for handing it over."""
    with open(path, "wb") as file:
        files = subprocess.Popen(["busybox", "find", "."], cwd=folder, stdout=subprocess.PIPE)
        packed = subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], cwd=folder, check=False,
                                stdin=files.stdout, stdout=file, stderr=subprocess.DEVNULL)
        if files.wait() or packed.returncode:
            sys.exit("test-kernels: cannot pack the initramfs")
    return path

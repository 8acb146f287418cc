# SPDX-License-Identifier: Apache-2.0
"""
Files out of Debian packages that are not unpacked: which package has a file, and what is in it.
Used by build.py, which puts the few files that a program needs into an image.
"""
import os
import re
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from packages import Apt, machine_suite  # pylint: disable=wrong-import-position

# Folders that are links on a system with a merged /usr, as all of Debian 12 and later are.
MERGED = ("bin/", "sbin/", "lib/", "lib64/")

# What is linked, by the package that it is built with: its name says which version of the library
# this suite has. libcurl is loaded at run time.
LIBRARIES = ("libc6-dev", "libbpf-dev", "libelf-dev", "zlib1g-dev", "libprotobuf-c-dev",
             "libmicrohttpd-dev", "libcurl4-openssl-dev", "libyaml-dev", "libseccomp-dev",
             "libjansson-dev")
OTHERS = ("ca-certificates", "base-files")


def merged(path):
    path = os.path.normpath(path).lstrip("/")
    return "usr/" + path if path.startswith(MERGED) else path


class Package:
    """One .deb, whose files are held in memory: they are libraries, a few MB each."""

    def __init__(self, archive):
        self.control = subprocess.run(["dpkg-deb", "-f", archive], stdout=subprocess.PIPE,
                                      text=True, check=True).stdout
        self.name = self.field("Package")
        self.version = self.field("Version")
        self.architecture = self.field("Architecture")
        source = re.match(r"(\S+)(?: \((\S+)\))?", self.field("Source") or self.name)
        self.source, self.source_version = source[1], source[2] or self.version
        self.files = {}  # path: bytes, or the text of a link
        with tempfile.TemporaryFile() as file:
            subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], stdout=file, check=True)
            file.seek(0)
            with tarfile.open(fileobj=file) as members:
                for member in members:
                    if member.issym():
                        self.files[merged(member.name)] = member.linkname
                    elif member.isfile():
                        self.files[merged(member.name)] = members.extractfile(member).read()

    def field(self, name):
        found = re.search(rf"^{name}: (.*)$", self.control, re.M)
        return found[1] if found else ""


def fetch(architecture, folder):
    """The packages of this machine's suite, fetched once: while `folder` is there, from there."""
    stamp = os.path.join(folder, "fetched")
    if not os.path.exists(stamp):
        apt = Apt(machine_suite(), architecture)
        wanted = [apt.depends(name, r"(?!\S+-dev\b)(?:lib|zlib)") for name in LIBRARIES]
        apt.download([name for name in wanted if name] + list(OTHERS), folder)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(machine_suite() + "\n")
    return [Package(os.path.join(folder, name))
            for name in sorted(os.listdir(folder)) if name.endswith(".deb")]

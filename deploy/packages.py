#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian packages of another suite or architecture, for builds and tests, without installing them.

    deploy/packages.py arm64 build/sysroot/arm64 libbpf-dev libelf-dev

unpacks these and all that they depend on, of the suite that this machine runs. They come from the
mirror that the machine is set up with, by an apt that has its lists, its state and its cache below
build/apt/ and checks the archive's signature; the machine's own packages and settings stay as they
are.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# On top of the machine's own configuration, which knows of proxies and the like. Hooks that it has
# are for its own packages. A list may be older than it says it is good for: mirrors lag, and a
# package of last month serves as well; that it is Debian's is checked all the same.
CONFIGURATION = """
APT::Architecture "{architecture}";
#clear APT::Architectures;
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Default-Release "";
APT::Sandbox::User "root";
#clear APT::Update;
#clear DPkg::Pre-Install-Pkgs;
Acquire::Check-Valid-Until "false";
Dir::Cache "{folder}/cache";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{folder}";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
"""


def machine_suite():
    """The suite of the Debian that this machine runs."""
    with open("/etc/os-release", encoding="utf-8") as file:
        found = re.search(r"^VERSION_CODENAME=(\S+)", file.read(), re.M)
    return found.group(1) if found else "sid"


def mirror():
    """Debian's archive as this machine gets it."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(LABEL)", "Created-By: Packages"],
        stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in targets.splitlines():
        site, label = line.split(" ", 1)
        if label == "Debian":
            return site
    sys.exit("packages: apt knows no mirror of Debian; see sources.list(5), then apt-get update")


class Apt:
    """apt for one suite and architecture, by default with a folder below build/apt/."""

    def __init__(self, suite, architecture, folder=None):
        self.suite = suite
        self.architecture = architecture
        self.folder = os.path.abspath(
            folder or os.path.join(BUILD, "apt", f"{suite}-{architecture}"))
        self.updated = False

    def run(self, command, *arguments, **more):
        done = subprocess.run([command, "-q", "-c", f"{self.folder}/apt.conf", *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, **more)
        if done.returncode:
            sys.exit(f"packages: {command} {' '.join(arguments)} failed:\n{done.stdout}")
        return done.stdout

    def update(self):
        """Fetches the suite's list of packages, once in the life of this object."""
        if self.updated:
            return
        os.makedirs(f"{self.folder}/lists/partial", exist_ok=True)
        os.makedirs(f"{self.folder}/cache", exist_ok=True)
        for name, text in (
                ("status", ""),  # of dpkg: nothing is installed
                ("sources.list", f"deb [signed-by={KEYRING} arch={self.architecture} "
                                 f"target=Packages lang=none] {mirror()} {self.suite} main\n"),
                ("apt.conf", CONFIGURATION.format(**vars(self)))):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.run("apt-get", "--error-on=any", "update")
        self.updated = True

    def depends(self, package, prefix):
        """What the package depends on that begins so, or None."""
        self.update()
        found = re.search(rf"Depends: ({prefix}\S+)", self.run("apt-cache", "depends", package))
        return found and found.group(1)

    def unpack(self, package, folder):
        """Adds one package to a folder, as it is and without those that it depends on."""
        self.update()
        with tempfile.TemporaryDirectory(dir=self.folder) as archives:
            self.run("apt-get", "download", package, cwd=archives)
            extract(archives, folder)

    def download(self, packages, archives):
        """Fetches these packages and all that they depend on into a folder, as they are."""
        self.update()
        os.makedirs(os.path.join(archives, "partial"))
        self.run("apt-get", "-y", "--download-only", "-o", f"Dir::Cache::Archives={archives}",
                 "install", *packages)

    def install(self, packages, root):
        """
        Makes `root` a tree of these packages and all that they depend on, which must not be more
        than the suite has (backports have less). Beside it lies the list of them, and while that
        says the same there is nothing to do.
        """
        wanted = " ".join(packages) + "\n"
        stamp = root + ".packages"
        if os.path.exists(stamp):
            with open(stamp, encoding="utf-8") as file:
                if file.read() == wanted:
                    os.utime(stamp)  # make goes by its time
                    return
            os.remove(stamp)
        self.update()
        with tempfile.TemporaryDirectory(dir=self.folder) as archives:
            self.download(packages, archives)
            shutil.rmtree(root, ignore_errors=True)
            merge_usr(root)
            extract(archives, root)
        relative_links(root)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(wanted)


def extract(archives, folder):
    """What `dpkg-deb -x` does, which would put a folder in the place of a link to one."""
    os.makedirs(folder, exist_ok=True)
    for archive in sorted(glob.glob(os.path.join(archives, "*.deb"))):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive],
                              stdout=subprocess.PIPE) as files:
            subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", folder],
                           stdin=files.stdout, check=True)
        if files.returncode:
            sys.exit(f"packages: {os.path.basename(archive)} cannot be unpacked")


def merge_usr(root):
    """The links of a merged /usr, which packages only presume and no unpacking makes."""
    for name in "bin", "sbin", "lib", "lib64":
        os.makedirs(os.path.join(root, "usr", name))
        os.symlink(f"usr/{name}", os.path.join(root, name))


def relative_links(root):
    """Lets links to /... lead to what `root` has there, as linkers follow them blindly."""
    for folder, folders, files in os.walk(root):
        for path in (os.path.join(folder, name) for name in folders + files):
            if os.path.islink(path) and os.readlink(path).startswith("/"):
                target = os.path.relpath(root + os.readlink(path), folder)
                os.remove(path)
                os.symlink(target, path)


def main():
    if len(sys.argv) < 4:
        sys.exit("usage: deploy/packages.py ARCHITECTURE ROOT PACKAGE ...")
    architecture, root, *packages = sys.argv[1:]
    Apt(machine_suite(), architecture).install(packages, root)


if __name__ == "__main__":
    main()

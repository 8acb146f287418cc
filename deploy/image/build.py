#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Makes the container image: an OCI layout in one tar file, for each architecture that is built.

    deploy/image/build.py [--to FOLDER] VERSION REVISION amd64=build/sonde arm64=build/arm64/sonde

An image is one layer: Sonde, the libraries that it is linked with, the certificates that it checks
others against, and who wrote what of it. No shell, no package manager, nothing to be executed but
Sonde. It needs no daemon and no registry, only Debian's packages of the suite that this machine
runs, which are fetched once. Times are SOURCE_DATE_EPOCH, or that of the last commit, and nothing
else of when or where goes in, so what is built twice is the same to the bit.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time

from packages_of import fetch, merged
from sbom import document

BUILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build")
NAME = "localhost/sonde"  # of nobody's registry, so it cannot be pulled from one by mistake
USER = 65534

TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

# Loaded when it is wanted, so not among what Sonde is linked with.
LOADED = ("libcurl.so.4",)

# What Sonde may be given by whoever starts the container. A capability goes from a runtime to a
# user other than root only if the file has it, too; alone it grants nothing that the container was
# not started with. Not "effective", as the kernel then refuses to start Sonde with fewer.
CAPABILITIES = {"DAC_READ_SEARCH": 2, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "SYS_NICE": 23,
                "SYS_RESOURCE": 24, "PERFMON": 38, "BPF": 39}

ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\n"
                  f"nobody:x:{USER}:{USER}:nobody:/nonexistent:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnogroup:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
FOLDERS = ("dev", "proc", "sys", "run", "etc/sonde", "var/lib/sonde", "var/log")
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}


def readable(program, *arguments):
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def tool(name, architecture):
    own = readable("dpkg", "--print-architecture").strip()
    return name if architecture == own else f"{TRIPLETS[architecture]}-{name}"


def stripped(binary, architecture):
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([tool("strip", architecture), "-o", file.name, binary], check=True)
        with open(file.name, "rb") as result:
            return result.read()


def needed(elf):
    """The libraries that an ELF file names."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(elf)
        file.flush()
        return re.findall(r"\(NEEDED\).*\[(.+)\]", readable("readelf", "-d", file.name))


class Tree:
    """What goes into the layer, by path, and of which packages it is."""

    def __init__(self, packages):
        self.packages = packages
        self.files = {}  # path: bytes, or the text of a link
        self.used = {}   # package name: Package

    def owner(self, path):
        return next((package for package in self.packages if path in package.files), None)

    def add(self, path):
        """A file of a package, and what it is a link to."""
        package = self.owner(path)
        if path in self.files or not package:
            return package is not None
        content = package.files[path]
        self.files[path] = content
        self.used[package.name] = package
        if isinstance(content, str):
            self.add(merged(content if content.startswith("/")
                            else os.path.join(os.path.dirname(path), content)))
        return True

    def add_library(self, name, folders):
        """A library, and those that it needs in turn."""
        for folder in folders:
            path = f"usr/{folder}/{name}"
            if path in self.files:
                return
            if self.add(path):
                while isinstance(self.files[path], str):
                    link = self.files[path]
                    path = merged(link if link.startswith("/")
                                  else os.path.join(os.path.dirname(path), link))
                for other in needed(self.files[path]):
                    self.add_library(other, folders)
                return
        sys.exit(f"image: no package has {name}")

    def add_certificates(self):
        """What the package's own script makes when it is installed."""
        package = next(each for each in self.packages if each.name == "ca-certificates")
        bundle = b"".join(content.rstrip(b"\n") + b"\n"
                          for path, content in sorted(package.files.items())
                          if path.startswith("usr/share/ca-certificates/") and path.endswith(".crt"))
        self.files["etc/ssl/certs/ca-certificates.crt"] = bundle
        self.used[package.name] = package

    def add_notices(self):
        """Who wrote it, and what a scanner goes by: the form that distroless images have."""
        for package in list(self.used.values()):
            self.add(f"usr/share/doc/{package.name}/copyright")
            self.files[f"var/lib/dpkg/status.d/{package.name}"] = package.control.encode()


def architecture_packages(architecture):
    return fetch(architecture, os.path.join(BUILD, "image", "packages", architecture))


def fill(architecture, binary, version, created):
    tree = Tree(architecture_packages(architecture))
    folders = ("lib64", "lib", f"lib/{TRIPLETS[architecture]}")
    sonde = stripped(binary, architecture)
    tree.files["usr/bin/sonde"] = sonde
    for library in needed(sonde) + list(LOADED):
        tree.add_library(library, folders)
    tree.add_certificates()
    tree.add("usr/lib/os-release")
    tree.files["etc/os-release"] = "../usr/lib/os-release"
    tree.add_notices()
    for path, text in ACCOUNTS.items():
        tree.files[path] = text.encode()
    root = os.path.join(BUILD, "..")
    for path, name in (("LICENSE", "LICENSE"), ("bpf/LICENSE", "LICENSE.bpf")):
        with open(os.path.join(root, path), "rb") as file:
            tree.files[f"usr/share/doc/sonde/{name}"] = file.read()
    sbom = json.dumps(document(NAME, version, architecture, created, tree), indent=1,
                      sort_keys=True).encode() + b"\n"
    tree.files["usr/share/doc/sonde/sbom.spdx.json"] = sbom
    return tree, sbom


def capability_attribute():
    """vfs_cap_data of revision 2, in the words of the kernel's capability.h."""
    bits = sum(1 << number for number in CAPABILITIES.values())
    words = (0x02000000, bits & 0xffffffff, 0, bits >> 32, 0)
    return b"".join(word.to_bytes(4, "little") for word in words)


def layer(tree, epoch):
    """The files as a tar file, in which order and times are always the same."""
    folders = set(FOLDERS)
    for path in tree.files:
        while os.path.dirname(path):
            path = os.path.dirname(path)
            folders.add(path)
    for path in list(folders):
        while os.path.dirname(path):
            path = os.path.dirname(path)
            folders.add(path)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folders | set(tree.files) | set(LINKS) | {"tmp"}):
            member = tarfile.TarInfo(path)
            member.mtime = epoch
            content = tree.files.get(path, LINKS.get(path))
            if isinstance(content, str):
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, content, 0o777
                archive.addfile(member)
            elif content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o1777 if path == "tmp" else 0o755
                archive.addfile(member)
            else:
                is_program = path == "usr/bin/sonde" or "/ld-linux" in path
                member.size, member.mode = len(content), 0o755 if is_program else 0o644
                if path == "usr/bin/sonde":
                    member.pax_headers["SCHILY.xattr.security.capability"] = \
                        capability_attribute().decode("utf-8", "surrogateescape")
                archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


class Layout:
    """Blobs by their digest, and the tar file of them."""

    def __init__(self):
        self.blobs = {}

    def put(self, content, media_type, **more):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {"mediaType": f"application/vnd.oci.image.{media_type}",
                "digest": "sha256:" + digest, "size": len(content), **more}

    def put_json(self, value, media_type, **more):
        return self.put(json.dumps(value, sort_keys=True).encode(), media_type, **more)

    def write(self, path, index, epoch):
        files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
                 "index.json": json.dumps(index, sort_keys=True).encode()}
        files.update((f"blobs/sha256/{digest}", content)
                     for digest, content in self.blobs.items())
        with tarfile.open(path + ".new", "w", format=tarfile.USTAR_FORMAT) as archive:
            for name in sorted(files):
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.mode = len(files[name]), epoch, 0o644
                archive.addfile(member, io.BytesIO(files[name]))
        os.replace(path + ".new", path)


def manifest(layout, architecture, tree, facts):
    content = layer(tree, facts["epoch"])
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    configuration = {
        "architecture": architecture, "os": "linux", "created": facts["created"],
        "config": {
            "User": f"{USER}:{USER}", "WorkingDir": "/",
            "Env": ["PATH=/usr/bin"],
            "Entrypoint": ["/usr/bin/sonde"], "Cmd": ["run", "--quiet"],
            "ExposedPorts": {"9760/tcp": {}}, "StopSignal": "SIGTERM",
            "Labels": facts["annotations"]},
        "rootfs": {"type": "layers",
                   "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]},
        "history": [{"created": facts["created"], "created_by": "make image"}]}
    entry = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layout.put_json(configuration, "config.v1+json"),
        "layers": [layout.put(packed, "layer.v1.tar+gzip")],
        "annotations": facts["annotations"]}
    print(f"  IMAGE    {architecture}: {len(packed) / 1e6:.1f} MB packed, "
          f"{len(content) / 1e6:.1f} MB unpacked, {len(tree.used)} packages")
    return layout.put_json(entry, "manifest.v1+json",
                           platform={"architecture": architecture, "os": "linux"})


def build(folder, version, revision, binaries):
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or
                readable("git", "log", "-1", "--format=%ct"))
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    facts = {"epoch": epoch, "created": created, "annotations": {
        "org.opencontainers.image.title": "sonde",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.licenses":
            "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)"}}
    layout, manifests = Layout(), []
    os.makedirs(folder, exist_ok=True)
    for architecture, binary in binaries:
        tree, sbom = fill(architecture, binary, version, created)
        with open(os.path.join(folder, f"sonde-{architecture}.spdx.json"), "wb") as file:
            file.write(sbom)
        manifests.append(manifest(layout, architecture, tree, facts))
    both = layout.put_json(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
         "manifests": manifests, "annotations": facts["annotations"]}, "index.v1+json",
        annotations={"io.containerd.image.name": f"{NAME}:{version}",
                     "org.opencontainers.image.ref.name": version})
    layout.write(os.path.join(folder, "sonde.tar"),
                 {"schemaVersion": 2, "manifests": [both]}, epoch)
    print(f"  IMAGE    {os.path.relpath(folder)}/sonde.tar: {NAME}:{version} {both['digest']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--to", default=os.path.join(BUILD, "image"))
    parser.add_argument("version")
    parser.add_argument("revision")
    parser.add_argument("binaries", nargs="+", metavar="ARCHITECTURE=BINARY")
    given = parser.parse_args()
    build(given.to, given.version, given.revision, [each.split("=", 1) for each in given.binaries])


if __name__ == "__main__":
    main()

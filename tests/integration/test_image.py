# SPDX-License-Identifier: Apache-2.0
"""The container image: the same each time, complete in itself, and of use without root."""
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest

from harness import ROOT, SONDE, Sonde, curl, expect, free_port, program, unique
from http_peers import PYTHON_SERVER

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
USER = 65534
MOST_BYTES = 40_000_000


def build_image(epoch):
    """The image of this architecture alone; made beside the one of `make image`, from its packages."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    subprocess.run(["/usr/bin/python3", f"{ROOT}/deploy/image/build.py", "--to", f"{ROOT}/build/image/test",
                    "0.0.0", "test", f"{MACHINE}={SONDE}"], check=True, env=environment,
                   stdout=subprocess.DEVNULL)
    with open(f"{ROOT}/build/image/test/sonde.tar", "rb") as file:
        return file.read()


class Image:
    """What a runtime reads of it."""

    def __init__(self, content):
        self.content = content
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            self.files = {member.name: archive.extractfile(member).read() for member in archive}
        index = json.loads(self.files["index.json"])
        both = self.blob(index["manifests"][0])
        self.manifest = self.blob(both["manifests"][0])
        assert both["manifests"][0]["platform"] == {"architecture": MACHINE, "os": "linux"}
        self.configuration = self.blob(self.manifest["config"])
        (layer,) = self.manifest["layers"]
        self.layer = gzip.decompress(self.raw(layer))

    def raw(self, descriptor):
        content = self.files["blobs/" + descriptor["digest"].replace(":", "/")]
        assert len(content) == descriptor["size"]
        return content

    def blob(self, descriptor):
        return json.loads(self.raw(descriptor))


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(child) for child in file.read().split()]


def thread_status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(re.findall(r"^(\w+):[ \t]*(.*)$", file.read(), re.M))


@pytest.fixture(scope="module")
def image():
    return Image(build_image(1_700_000_000))


@pytest.fixture
def root(tmp_path, image):
    """The image's files as a runtime unpacks them."""
    folder = tmp_path / "root"
    folder.mkdir()
    os.chmod(tmp_path, 0o755)
    (tmp_path / "layer.tar").write_bytes(image.layer)
    subprocess.run(["tar", "--xattrs", "--xattrs-include=security.*", "-xpf", tmp_path / "layer.tar",
                    "-C", folder], check=True)
    return folder


def test_what_is_built_twice_is_the_same(image):
    shutil.rmtree(f"{ROOT}/build/image/test")
    assert build_image(1_700_000_000) == image.content


def test_it_is_small_and_has_no_shell_and_no_root(image):
    assert len(image.content) < MOST_BYTES
    assert image.configuration["config"]["User"] == f"{USER}:{USER}"
    with tarfile.open(fileobj=io.BytesIO(image.layer)) as archive:
        programs = {member.name for member in archive if member.isfile() and member.mode & 0o111}
        assert all(member.mode & 0o6000 == 0 for member in archive)
        assert all((member.uid, member.gid, member.mtime) == (0, 0, 1_700_000_000)
                   for member in archive)
    (loader,) = programs - {"usr/bin/sonde"}
    assert os.path.basename(loader).startswith("ld-linux-")


def test_the_bill_of_materials_has_whom_each_library_is_of(root):
    with open(root / "usr/share/doc/sonde/sbom.spdx.json", encoding="utf-8") as file:
        sbom = json.load(file)
    listed = {each["name"]: each["versionInfo"] for each in sbom["packages"]}
    libraries = [path for path in root.glob("usr/lib*/**/*.so*") if not path.is_symlink()]
    assert len(libraries) > 20
    for library in libraries:  # this machine's dpkg says the same: it runs the same suite
        place = library.relative_to(root)
        owners = [subprocess.run(["dpkg-query", "-S", each], capture_output=True, text=True,
                                 check=False).stdout.split(":")[0]
                  for each in (f"/{place}", f"/{place}".removeprefix("/usr"))]
        (owner,) = {each for each in owners if each} or {None}
        if owner:  # of libcurl there may be another one
            assert owner in listed, place
            assert (root / f"usr/share/doc/{owner}/copyright").exists()
    assert {"sonde", "libc6", "ca-certificates"} <= set(listed)


@pytest.mark.parametrize("confined", [True, False], ids=["no_new_privs", "may_gain"])
def test_it_observes_as_a_user_without_root_in_namespaces_of_its_own(tmp_path, root, confined):
    """As a runtime starts it, with two capabilities, and of none that the file has besides."""
    port, name = free_port(), unique("image")
    command = ("/usr/bin/python3", f"{ROOT}/tests/integration/contained.py", str(root), str(USER),
               "39,38", str(int(confined)), "/usr/bin/sonde")
    with Sonde(tmp_path, "--log-level", "debug", command=command) as sonde:
        with program("/usr/bin/python3", "-c", PYTHON_SERVER, str(port), port=port, name=name):
            curl(port, *["/"] * 20, name=unique("client"))
            expect(sonde, ("http_server_request_duration_seconds_count",
                           {"service_name": name, "http_response_status_code": "200"}, 20))
        (child,) = children(sonde.process.pid)
        status = thread_status(child)
        assert status["Uid"].split() == [str(USER)] * 4
        assert status["NSpid"].split()[1:] == ["1"]
        assert sonde.stop() == 0


def test_with_no_capability_it_says_what_is_missing(tmp_path, root):
    command = ("/usr/bin/python3", f"{ROOT}/tests/integration/contained.py", str(root), str(USER), "",
               "1", "/usr/bin/sonde")
    sonde = Sonde(tmp_path, command=command, wait=False)
    assert sonde.process.wait(60) == 1
    assert "CAP_BPF" in sonde.log()

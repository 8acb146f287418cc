# SPDX-License-Identifier: Apache-2.0
"""The Debian package, the unit, the man pages and log rotation, by the tools of those who will use them."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from flow_log import FlowLog
from harness import ROOT, SONDE, Sonde, curl, expect, free_port, nginx, program, unique, wait_until

UNIT = os.path.join(ROOT, "deploy", "systemd", "sonde.service")
USER = "nobody"  # in the place of the package's own one
DEFAULT_KEYS = re.compile(r"^  --([\w-]+)", re.M)


def done(*command, **more):
    """Runs it to its end, which has to be a good one; returns what it printed."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **more)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def unit_values(key):
    with open(UNIT, encoding="utf-8") as file:
        return " ".join(re.findall(rf"^{key}=(.*)", file.read(), re.M)).split()


# --- the unit ---

def test_systemd_finds_the_unit_little_exposed():
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    report = done("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
    exposure = float(re.search(r"exposure level for sonde.service: ([\d.]+)", report).group(1))
    assert exposure <= 2.0, report


def test_what_the_unit_grants_is_enough(tmp_path, public_sonde):
    """
    Its user and capabilities alone, as setpriv gives them: requests, and names of who ran before. Since
    CAP_PERFMON is enough to read memory (Linux 6.16 or so), CAP_SYS_PTRACE is for older kernels here.
    """
    capabilities = unit_values("AmbientCapabilities")
    assert unit_values("CapabilityBoundingSet") == capabilities
    wanted = ",".join("+" + name.removeprefix("CAP_").lower() for name in capabilities)
    client, server, port = unique("client"), unique("server"), free_port()
    command = ("setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups", "--no-new-privs",
               f"--bounding-set=-all,{wanted}", f"--inh-caps=-all,{wanted}",
               f"--ambient-caps=-all,{wanted}", public_sonde)
    served = ("/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", str(port))
    with program(*served, name=server, port=port, cwd=tmp_path), \
            Sonde(tmp_path, command=command) as sonde:
        curl(port, *["/"] * 5, name=client)
        expect(sonde, *((f"http_{side}_request_duration_seconds_count",
                         {"service_name": name, "http_response_status_code": "200"}, 5)
                        for side, name in (("client", client), ("server", server))))


# --- the package ---

@pytest.fixture(scope="module")
def package():
    for tool in "dpkg-buildpackage", "dh", "lintian", "systemd-sysusers":
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    done("make", "-C", ROOT, "deb", env=environment)
    found, = glob.glob(os.path.join(ROOT, "build", "deb", "sonde_*.deb"))
    return found


def test_lintian_finds_nothing(package):
    changes, = glob.glob(os.path.join(os.path.dirname(package), "*.changes"))
    assert done("lintian", "--allow-root", "--fail-on", "error,warning", changes) == ""


def with_version(package, version, folder):
    """The same package with another version."""
    tree = folder / f"tree-{version}"
    done("dpkg-deb", "-R", package, str(tree))
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*", f"Version: {version}", control.read_text(), flags=re.M))
    made = folder / f"sonde-{version}.deb"
    done("dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(made))
    return str(made)


class System:
    """A tree that dpkg takes for a machine without other packages; scripts change only this tree."""

    def __init__(self, root):
        self.root = root
        for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "run"):
            (root / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        for name in "passwd", "group", "shadow":
            (root / "etc" / name).touch()

    def dpkg(self, *arguments):
        return done("dpkg", f"--root={self.root}", "--force-script-chrootless", "--force-depends",
                    "--force-not-root", "--force-confold", *arguments, env={**os.environ, "LC_ALL": "C"})

    def status(self):
        return done("dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W",
                    "-f", "${db:Status-Status} ${Version}", "sonde")

    def files(self):
        return {os.path.relpath(os.path.join(folder, name), self.root)
                for folder, _, names in os.walk(self.root) for name in names}

    def text(self, path):
        return (self.root / path).read_text()


def test_package_installs_upgrades_and_leaves_nothing(tmp_path, package):
    system = System(tmp_path / "root")
    before = system.files()
    system.dpkg("-i", with_version(package, "0.0.1", tmp_path))
    assert system.status() == "installed 0.0.1"
    assert {"usr/bin/sonde", "etc/sonde/sonde.yaml", "etc/logrotate.d/sonde",
            "usr/share/man/man8/sonde.8.gz"} <= system.files()
    assert re.search(r"^sonde:.*:/usr/sbin/nologin$", system.text("etc/passwd"), re.M)
    unit, = (path for path in system.files() if path.endswith("lib/systemd/system/sonde.service"))
    assert "ExecStart=/usr/bin/sonde " in system.text(unit)
    assert os.path.islink(system.root / "etc/systemd/system/multi-user.target.wants/sonde.service")
    done(str(system.root / "usr/bin/sonde"), "version")

    configuration = system.root / "etc/sonde/sonde.yaml"
    configuration.write_text("slow-syscall: 250ms\n")
    system.dpkg("-i", with_version(package, "0.0.2", tmp_path))
    assert system.status() == "installed 0.0.2"
    assert configuration.read_text() == "slow-syscall: 250ms\n"

    for folder in "lib", "log":
        (system.root / "var" / folder / "sonde").mkdir(parents=True)
        (system.root / "var" / folder / "sonde" / "file").touch()
    system.dpkg("--remove", "sonde")
    assert system.status() == "config-files 0.0.2"
    assert configuration.exists() and "usr/bin/sonde" not in system.files()
    system.dpkg("--purge", "sonde")
    left = {path for path in system.files() - before if not path.startswith("var/lib/dpkg/")}
    assert left <= {f"etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow")} | {
        "etc/gshadow", "etc/.pwd.lock"}, left
    assert not (system.root / "etc/sonde").exists()


def test_package_needs_what_the_set_up_installs(package):
    """A library that the build has come to need is in both lists."""
    with open(os.path.join(ROOT, "deploy", "setup.sh"), encoding="utf-8") as file:
        listed = re.search(r"^build=\((.*?)^\)", re.sub(r"#.*", "", file.read()), re.M | re.S)
    with open(os.path.join(ROOT, "deploy", "debian", "control"), encoding="utf-8") as file:
        needed = set(re.findall(r"[\w.+-]+", file.read().split("Build-Depends:")[1].split(
            "Standards-Version")[0]))
    # of these Debian's builds have their own, or the package has them as its recommendation
    missing = set(listed.group(1).split()) - needed - {"gcc", "libc6-dev", "make", "ca-certificates"}
    assert not missing
    assert package


# --- man pages ---

def test_man_pages_have_each_flag_and_each_key(tmp_path, package):
    done("dpkg-deb", "-x", package, str(tmp_path))
    keys = DEFAULT_KEYS.findall(done(SONDE, "run", "--help"))
    assert len(keys) > 40
    for page, mark in ("man8/sonde.8.gz", "--{}"), ("man5/sonde.yaml.5.gz", "{}:"):
        result = subprocess.run(
            ["man", "--warnings", "-l", str(tmp_path / "usr/share/man" / page)], text=True,
            capture_output=True, check=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "200", "MAN_KEEP_FORMATTING": ""})
        assert result.stderr == ""
        for key in keys:
            if (page, key) != ("man5/sonde.yaml.5.gz", "config"):
                assert re.search(rf"^ +{mark.format(key)}(?= |$)", result.stdout, re.M), (page, key)


# --- log rotation ---

def test_logrotate_rotates_the_flow_log_and_sonde_begins_a_new_one(tmp_path):
    """With the package's own rules, for this folder and user, and SIGHUP in the place of systemctl."""
    folder, port, names = tmp_path / "log", free_port(), [unique("before"), unique("after")]
    folder.mkdir(mode=0o700)
    log = str(folder / "flows.json")
    with Sonde(tmp_path, "--flow-log", log) as sonde, nginx(tmp_path, port):
        with open(os.path.join(ROOT, "deploy", "logrotate", "sonde"), encoding="utf-8") as file:
            rules = file.read()
        assert "systemctl try-reload-or-restart sonde.service" in rules
        for old, new in (("/var/log/sonde/", f"{folder}/"), ("su sonde sonde", "su root root"),
                         ("systemctl try-reload-or-restart sonde.service",
                          f"kill -HUP {sonde.process.pid}")):
            assert old in rules
            rules = rules.replace(old, new)
        (tmp_path / "rules").write_text(rules)
        os.chmod(tmp_path / "rules", 0o644)
        for name in names:
            curl(port, "/", name=name)
            wait_until(lambda: FlowLog(log).records(name), "its record")  # noqa: B023
            done("/usr/sbin/logrotate", "--force", "--state", str(tmp_path / "state"),
                 str(tmp_path / "rules"))
            wait_until(lambda: os.path.exists(log), "a new file")
        assert os.stat(log).st_mode & 0o777 == 0o600
    assert sorted(os.listdir(folder)) == ["flows.json", "flows.json.1", "flows.json.2.gz"]
    done("gzip", "-d", log + ".2.gz")
    for path, name, other in (log + ".1", names[1], names[0]), (log + ".2", *names):
        assert FlowLog(path).records(name) and not FlowLog(path).records(other)

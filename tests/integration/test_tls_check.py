# SPDX-License-Identifier: Apache-2.0
"""`sonde check FILE…` on this system's TLS libraries, against what nm, readelf and objdump say."""
import os
import re
import shutil
import subprocess

import pytest

from harness import ROOT, SONDE

# As arch/x86/kernel/uprobes.c emulates them.
EMULATED = re.compile(r"^(push +r|call +[0-9a-f]|jmp +[0-9a-f]|j[a-z]+ |nop$)")

LIBRARIES = {
    "libssl.so.3": ("SSL_write", "SSL_read", "SSL_write_ex", "SSL_read_ex", "SSL_free"),
    "libgnutls.so.30": ("gnutls_record_send", "gnutls_record_recv", "gnutls_deinit"),
    "libcrypto.so.3": ("BIO_write",),
}


def library(name):
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"):
        if os.path.exists(f"{folder}/{name}"):
            return f"{folder}/{name}"
    pytest.skip(f"{name} is not here")


def check(*paths):
    return subprocess.run([SONDE, "check", *paths], text=True, capture_output=True, timeout=60)


def rows(report):
    """Name, offset in the file, and the offsets within the function that are called emulated."""
    for match in re.finditer(r"^  (\w+) +0x([0-9a-f]+) +(.*)$", report, re.M):
        emulated = [int(into, 16) for into in re.findall(r"\+0x([0-9a-f]+) emulated", match[3])]
        yield match[1], int(match[2], 16), emulated, match[3]


def symbols(path):
    """Of each function that the file exports, where it is in the file."""
    segments = [(int(s[1], 16), int(s[2], 16), int(s[4], 16)) for s in (
        line.split() for line in subprocess.check_output(
            ["readelf", "-lW", path], text=True).splitlines()) if s and s[0] == "LOAD"]
    places = {}
    for line in subprocess.check_output(["readelf", "-W", "--dyn-syms", path], text=True).splitlines():
        field = line.split()
        if len(field) < 8 or field[3] != "FUNC" or field[6] == "UND":
            continue
        address = int(field[1], 16)
        places[field[7].split("@")[0]] = (address, next(
            offset + address - begin for offset, begin, size in segments
            if begin <= address < begin + size))
    return places


def instructions(path, address):
    """What objdump reads of the function at an address: bytes into it to its text."""
    listing = subprocess.check_output(
        ["objdump", "-d", "-M", "intel", "--no-show-raw-insn", f"--start-address={address}",
         f"--stop-address={address + 4096}", path], text=True)
    return {int(m[1], 16) - address: m[2] for m in re.finditer(r"^ +([0-9a-f]+):\t(.*)$", listing, re.M)}


@pytest.mark.parametrize("name", LIBRARIES)
def test_functions_are_found_and_their_points_are_emulated_instructions(name):
    path = library(name)
    report = check(path)
    assert report.returncode == 0 and report.stderr == ""
    places = symbols(path)
    found = {}
    for function, offset, emulated, _ in rows(report.stdout):
        address, place = places[function]
        assert offset == place
        code = instructions(path, address)
        for into in emulated:
            assert EMULATED.match(code[into]), f"{function}+{into:#x}: {code[into]}"
        found[function] = emulated
    assert set(LIBRARIES[name]) <= set(found)
    assert all(found[function] for function in LIBRARIES[name]), "one trap each on Debian's builds"


def test_a_program_that_has_the_library_in_it(tmp_path):
    """Node.js has OpenSSL linked in, and exports it."""
    node = shutil.which("node")
    if not node or "SSL_write" not in symbols(os.path.realpath(node)):
        pytest.skip("no node with OpenSSL in it is here")
    found = {function for function, *_ in rows(check(node).stdout)}
    assert {"SSL_read", "SSL_write", "BIO_write", "SSL_free"} <= found


def test_a_library_is_known_by_what_it_exports_and_not_by_its_name(tmp_path):
    path = tmp_path / "nothing.txt"
    shutil.copy(library("libssl.so.3"), path)
    assert "SSL_write" in check(path).stdout
    assert "no function is known here" in check(library("libc.so.6")).stdout


def test_bad_files_are_named_and_the_others_reported(tmp_path):
    cut = tmp_path / "cut.so"
    with open(library("libssl.so.3"), "rb") as whole:
        cut.write_bytes(whole.read(8192))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    report = check("/etc/passwd", "/nowhere", str(fifo), str(cut), library("libssl.so.3"))
    assert report.returncode == 1
    assert "/etc/passwd: no ELF file" in report.stderr
    assert "/nowhere: No such file" in report.stderr
    assert f"{fifo}: no file" in report.stderr
    assert "SSL_write" in report.stdout


def test_each_function_has_its_price():
    """Of this machine, in ns a call; one of another machine has none."""
    costs = [text.split()[-1] for *_, text in rows(check(library("libssl.so.3")).stdout)]
    assert costs and all(cost.isdigit() and int(cost) > 0 for cost in costs)
    foreign = os.path.join(ROOT, "tests/fuzz/corpus/tls/arm64.so")
    assert "ns a call" not in check(foreign).stdout
    assert "SSL_write" in check(foreign).stdout

# SPDX-License-Identifier: Apache-2.0
"""What the built program says of itself: hardening that a compiler or flag could lose unseen."""
import glob
import os
import platform
import re
import subprocess

import pytest

from harness import ROOT, SONDE

X86 = platform.machine() == "x86_64"


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *arguments], capture_output=True, text=True,
                          check=True, env={**os.environ, "LC_ALL": "C"}).stdout


def own_objects():
    """Those that our compiler made of our sources, and that are in the program."""
    folder = os.path.join(ROOT, "build", "user")
    found = glob.glob(f"{folder}/**/*.o", recursive=True)
    assert len(found) > 50
    return found


def test_program_can_be_loaded_anywhere():
    assert re.search(r"Type:\s+DYN \(Position-Independent Executable", readelf("-h", SONDE))


def test_stack_is_no_code_and_nothing_is_both_written_and_executed():
    segments = readelf("-l", SONDE)
    assert re.search(r"GNU_STACK .* RW +0x", segments)
    for flags in re.findall(r"^  LOAD .* ([R ][W ][E ]) 0x", segments, re.M):
        assert flags != "RWE"


def test_addresses_of_functions_are_bound_at_the_start_and_then_read_only():
    assert "GNU_RELRO" in readelf("-l", SONDE)
    dynamic = readelf("-d", SONDE)
    assert re.search(r"\(FLAGS\)\s+BIND_NOW", dynamic)
    assert re.search(r"\(FLAGS_1\)\s+Flags: .*NOW.* PIE", dynamic)


def test_libraries_are_looked_for_nowhere_else():
    assert not re.search(r"\((RPATH|RUNPATH)\)", readelf("-d", SONDE))


def test_stack_has_a_canary_and_copies_are_checked():
    symbols = readelf("--dyn-syms", SONDE)
    assert "__stack_chk_fail" in symbols
    assert {"__memcpy_chk", "__snprintf_chk", "__vsnprintf_chk"} <= set(
        re.findall(r"(__\w+_chk)\b", symbols))
    assert not re.search(r" (gets|strcat|sprintf|vsprintf)@", symbols)


@pytest.mark.skipif(not X86, reason="control flow is told otherwise there")
def test_jumps_and_returns_can_be_checked():
    for path in own_objects():
        assert re.search(r"x86 feature: .*IBT.*SHSTK", readelf("-n", path)), path
    assert re.search(r"x86 feature: .*SHSTK", readelf("-n", SONDE))


def test_large_frames_touch_each_page_of_the_stack():
    """The flag leaves no mark of its own, so what the compiler was told is read."""
    with open(os.path.join(ROOT, "build", "flags"), encoding="utf-8") as file:
        assert "-fstack-clash-protection" in file.read()

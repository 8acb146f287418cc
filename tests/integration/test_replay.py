# SPDX-License-Identifier: Apache-2.0
"""A recording, played back without privilege, gives what the live run gave.

One that is truncated or damaged is played as far as it is good, and the error says what is missing.
"""
import collections
import os
import re
import shutil
import subprocess
import time
import zlib

import pytest

from collector import collector, receiver  # noqa: F401 (fixtures)
from harness import (NOBODY, SONDE, Sonde, access_log, clean_environment, curl, free_port, nginx,
                     run, unique, wait_until)

REQUESTS = 40
FAMILIES = re.compile(r"(http_|sonde_http_|sonde_tcp_|sonde_process_|sonde_syscall_|sonde_oom_)")
PLAYED_BACK = "was played back"


def series(metrics, services):
    """Samples of these services, as {(name, labels): value}."""
    found = {}
    for name, labels, value in metrics.samples:
        if FAMILIES.match(name) and labels.get("service_name") in services:
            key = (name, tuple(sorted(labels.items())))
            assert key not in found, f"twice: {key}"
            found[key] = value
    return found


def span_set(receiver, services):  # noqa: F811
    return sorted((resource["service.name"], span["name"], span["traceId"], span["spanId"],
                   span["startTimeUnixNano"], span["endTimeUnixNano"], str(sorted(about.items())))
                  for service in services for resource, span, about in receiver.spans(service))


class Recording:
    """What a live run told, and the file that it wrote."""

    def __init__(self, path, services, metrics):
        self.path, self.services, self.metrics = path, services, metrics


def record(tmp_path, path, *flags):
    port = free_port()
    services = (f"nginx-{port}", unique("replay-curl"), unique("replay-false"))
    with Sonde(tmp_path, "--record", path, *flags) as sonde:
        with nginx(tmp_path, port, 'location / { return 200 "hello\\n"; } '
                                   'location /missing { return 404; }') as log:
            curl(port, *(f"/users/{i}" for i in range(REQUESTS)), "/missing", name=services[1])
            assert run("/bin/false", name=services[2])[0] == 1
            assert len(access_log(log)) == REQUESTS + 1
        time.sleep(2.5)  # after the last sweep that finds their connections, nothing moves any more
        metrics = sonde.metrics()
        assert metrics.dropped("http") + metrics.dropped("tcp") + metrics.dropped("process") == 0
        assert sonde.stop() == 0, sonde.log()
    os.chmod(path, 0o644)  # a recording is for its owner until he says otherwise
    return Recording(path, services, series(metrics, services))


@pytest.fixture
def public_path(public_sonde):
    return os.path.join(os.path.dirname(public_sonde), "recording")


def wait_played_back(sonde):
    wait_until(lambda: PLAYED_BACK in sonde.log(), "the recording was played back")


def test_replay_without_privilege_gives_the_same_series(tmp_path, public_sonde, public_path):
    recording = record(tmp_path, public_path)
    assert oct(os.stat(public_path).st_mode & 0o777) == "0o644"
    for family, least in (("http_server_request_duration_seconds_count", 2),
                          ("http_client_request_duration_seconds_count", 2),
                          ("sonde_tcp_sent_bytes_total", 2), ("sonde_process_starts_total", 3),
                          ("sonde_process_exits_total", 3),
                          ("sonde_syscall_duration_seconds_sum", 3)):
        found = [key for key in recording.metrics if key[0] == family]
        assert len(found) >= least, f"the live run has {found} of {family}"
    with Sonde(tmp_path, "--replay", public_path, command=(*NOBODY, public_sonde)) as replay:
        wait_played_back(replay)
        replayed = series(replay.metrics(), recording.services)
        different = [(key, recording.metrics.get(key), replayed.get(key))
                     for key in sorted(recording.metrics.keys() | replayed.keys())
                     if recording.metrics.get(key) != replayed.get(key)]
        assert not different, f"live and replayed: {different[:10]}"
        assert replay.stop() == 0, replay.log()


def test_replay_gives_the_same_spans(tmp_path, public_sonde, public_path, receiver,  # noqa: F811
                                     collector):  # noqa: F811
    export = ("--otlp-endpoint", collector, "--otlp-interval", "200ms")
    recording = record(tmp_path, public_path, *export)
    expected = 2 * (REQUESTS + 1)
    wait_until(lambda: len(span_set(receiver, recording.services)) >= expected, "the live spans")
    live = span_set(receiver, recording.services)
    assert len(live) == expected
    receiver.batches.clear()
    with Sonde(tmp_path, "--replay", public_path, *export,
               command=(*NOBODY, public_sonde)) as replay:
        wait_played_back(replay)
        assert replay.stop() == 0, replay.log()
    wait_until(lambda: len(span_set(receiver, recording.services)) >= expected, "replayed spans")
    assert span_set(receiver, recording.services) == live


def test_recording_is_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "recording"
    with Sonde(tmp_path, "--record", str(path)) as sonde:
        assert sonde.stop() == 0
    assert oct(path.stat().st_mode & 0o777) == "0o600"


# --- files that are not as they were written ---


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    return record(folder, str(folder / "recording"))


def replay_fails(path, *words):
    """The run ends by itself with status 1 and one line that names the file and says `words`."""
    result = subprocess.run(
        [SONDE, "run", "--quiet", "--listen", f"127.0.0.1:{free_port()}", "--replay", str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        timeout=30, env=clean_environment(), check=False)
    assert result.returncode == 1, result.stderr
    errors = [line for line in result.stderr.splitlines() if " error " in line]
    assert len(errors) == 1 and str(path) in errors[0], result.stderr
    for word in words:
        assert re.search(word, errors[0]), (word, errors[0])
    return errors[0]


def plays_what_is_good(tmp_path, path, *words):
    """The daemon lives, serves what could be read, says once what is missing, and ends with 1."""
    with Sonde(tmp_path, "--replay", str(path)) as replay:
        wait_played_back(replay)
        metrics = replay.metrics()
        assert replay.stop() == 1
        errors = [line for line in replay.log().splitlines() if " error " in line]
    assert len(errors) == 1 and str(path) in errors[0], errors
    for word in words:
        assert re.search(word, errors[0]), (word, errors[0])
    return errors[0], metrics


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_recording_says_where(tmp_path, recorded, share):
    path = tmp_path / "truncated"
    shutil.copy(recorded.path, path)
    length = int(os.path.getsize(recorded.path) * share)
    os.truncate(path, length)
    plays_what_is_good(tmp_path, path, rf"truncated at byte {length}\b")


def test_recording_without_its_end_is_whole_but_for_that(tmp_path, recorded):
    path = tmp_path / "endless"
    shutil.copy(recorded.path, path)
    os.truncate(path, os.path.getsize(recorded.path) - 16)
    _, metrics = plays_what_is_good(
        tmp_path, path, rf"truncated at byte {os.path.getsize(path)}\b")
    assert series(metrics, recorded.services) == recorded.metrics


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_damage_costs_what_it_hits_and_says_where(tmp_path, recorded, share):
    with open(recorded.path, "rb") as file:
        content = bytearray(file.read())
    at = int(len(content) * share)
    content[at] ^= 0x10
    path = tmp_path / "damaged"
    path.write_bytes(content)
    error, metrics = plays_what_is_good(tmp_path, path, "damaged at byte [0-9]+ after [0-9]+ records",
                                        "bytes at 1 places")
    told = int(re.search(r"damaged at byte (\d+)", error).group(1))
    assert at - 4096 < told <= at, (told, at)  # the frame that it lies in
    # One record is one figure of one service, or its name: then all of that service is lost, and
    # of the others who it is to them.
    played = series(metrics, recorded.services)
    right = collections.Counter(dict(key[1])["service_name"] for key, value in
                                recorded.metrics.items() if played.get(key) == value)
    told = collections.Counter(dict(key[1])["service_name"] for key in recorded.metrics)
    wrong = [service for service in told if right[service] <= told[service] / 2]
    assert len(wrong) <= 1, (wrong, right, told)


def frames(content):
    """Where the frames of a recording begin, and the length of each one's record."""
    at, end = 32, len(content) - 16
    while at < end:
        length = int.from_bytes(content[at:at + 4], "little")
        yield at, length
        at += 8 + (length + 7) // 8 * 8


def test_records_that_cannot_be_are_counted_and_left_out(tmp_path, recorded):
    with open(recorded.path, "rb") as file:
        content = bytearray(file.read())
    changed = 0
    for at, length in frames(content):
        padded = (length + 7) // 8 * 8
        if int.from_bytes(content[at + 8:at + 10], "little") != 7:  # RECORD_EXEC
            continue
        content[at + 12:at + 16] = b"\xff\xff\xff\xff"  # a workload that cannot be
        checksum = zlib.crc32(content[at:at + 4] + content[at + 8:at + 8 + padded])
        content[at + 4:at + 8] = checksum.to_bytes(4, "little")
        changed += 1
    assert changed >= 3
    path = tmp_path / "impossible"
    path.write_bytes(content)
    _, metrics = plays_what_is_good(tmp_path, path, f" {changed} records that make no sense")
    assert metrics.losses("process").get("invalid") == changed
    played = series(metrics, recorded.services)
    for key, value in recorded.metrics.items():
        if not key[0].startswith("sonde_process_starts"):
            assert played.get(key) == value, key


def test_file_that_is_no_recording(tmp_path):
    path = tmp_path / "text"
    path.write_text("This is a text of more than a few bytes, and not a recording at all.\n")
    replay_fails(path, "no recording")
    path.write_text("")
    replay_fails(path, "truncated at byte 0")
    replay_fails(tmp_path / "missing", "No such file")
    replay_fails(tmp_path, "no regular file")

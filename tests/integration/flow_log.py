# SPDX-License-Identifier: Apache-2.0
"""Sonde's flow records (docs/flows.md), and which words of ss they answer to."""
import collections
import json

# Field of a record: what ss says of the same connection at the same moment. Exact to the last unit.
SS_FIELDS = {
    "sent_bytes": lambda ss: ss["payload_sent"],
    "received_bytes": lambda ss: ss["bytes_received"],
    "sent_segments": lambda ss: ss["segs_out"],
    "received_segments": lambda ss: ss["segs_in"],
    "retransmitted_segments": lambda ss: ss["retrans"],
    "retransmitted_bytes": lambda ss: ss["bytes_retrans"],
    "out_of_order_segments": lambda ss: ss["rcv_ooopack"],
    "congestion_window_segments": lambda ss: ss["cwnd"],
    "rtt_seconds": lambda ss: ss["rtt"] / 1000,
    "min_rtt_seconds": lambda ss: ss["minrtt"] / 1000,
    "unsent_bytes": lambda ss: ss["notsent"],
    "unacknowledged_bytes": lambda ss: ss["send_queue"] - ss["notsent"],
    "state": lambda ss: {"ESTAB": "established", "CLOSE-WAIT": "close_wait",
                         "FIN-WAIT-2": "fin_wait2"}[ss["state"]],
}
# What the end of a connection, with its FIN and RST, leaves as it was.
SS_FIELDS_THAT_STAY = ("sent_bytes", "received_bytes", "retransmitted_segments",
                       "retransmitted_bytes", "out_of_order_segments")


class FlowLog:
    """Reads the file that `flow-log` names."""

    def __init__(self, path):
        self.path = path

    def records(self, service, **fields):
        """Complete records of a service in which these fields are so."""
        with open(self.path, encoding="utf-8") as file:
            lines = [line for line in file if line.endswith("\n") and service in line]
        return [record for record in map(json.loads, lines)
                if record["service_name"] == service
                and all(record.get(name) == value for name, value in fields.items())]

    def by_connection(self, service, **fields):
        """{(local, remote): its records in order}, with the addresses as tcp_truth.py has them."""
        found = collections.defaultdict(list)
        for record in self.records(service, **fields):
            found[ends_of(record)].append(record)
        return found


def ends_of(record):
    """(local, remote), the local end being that of the record's service."""
    source = record["source.address"], record["source.port"]
    destination = record["destination.address"], record["destination.port"]
    return (destination, source) if record["direction"] == "inbound" else (source, destination)


def differences(record, ss, fields=tuple(SS_FIELDS)):
    """What a record says otherwise than ss: {field: (record's, ss's)}."""
    return {field: (record.get(field), SS_FIELDS[field](ss)) for field in fields
            if not is_same(record.get(field), SS_FIELDS[field](ss))}


def is_same(shown, truth):
    """Equal; times to the millionth of a second that the kernel keeps of them."""
    if isinstance(truth, float) and isinstance(shown, (int, float)):
        return abs(shown - truth) < 1.5e-6
    return shown == truth

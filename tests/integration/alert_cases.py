# SPDX-License-Identifier: Apache-2.0
"""Situations, as series that a Prometheus would have of them, and which alerts have to fire, and when.

Series are in the notation of `promtool test rules`: one sample a minute, a+bxN begins at a and grows by b
N times. What is not named at a time must not fire at it.
"""

HTTP = "http_server_request_duration_seconds"


def served(each_minute, minutes, status="200", start=0, slow=False, error=""):
    """Requests of `shop`, all faster than half a second or all slower than two."""
    labels = (f'service_name="shop",http_request_method="GET",http_response_status_code="{status}",'
              f'http_route="/"' + (f',error_type="{error}"' if error else ""))
    grows, stays = f"{start}+{each_minute}x{minutes}", f"0x{minutes}"
    found = {f"{HTTP}_count{{{labels}}}": grows}
    for bound in "0.5", "2.5", "10", "+Inf":
        is_in = float(bound) > 2.5 if slow else True
        found[f'{HTTP}_bucket{{{labels},le="{bound}"}}'] = grows if is_in else stays
    return found


def gauge(name, *parts, **labels):
    return {f"{name}{{{','.join(f'{k}={chr(34)}{v}{chr(34)}' for k, v in labels.items())}}}":
            " ".join(parts)}


SHOP = {"service_name": "shop"}
NODE = {"instance": "node1", "job": "sonde"}
OUT = {"direction": "outbound", "peer": "orders", "port": "80", **SHOP}
FAST, SLOW = ("SLOBurnRateFast", "critical", "shop"), ("SLOBurnRateSlow", "warning", "shop")


def alert(name, severity="warning", service="shop"):
    return name, severity, service


# name: (series, {time: alerts that fire})
CASES = {
    "nothing is wrong": (
        {**served(600, 400), **served(60, 400, "404"), **served(2, 400, "", error="closed_by_peer"),
         **gauge("sonde_http_server_long_requests", "0x400", **SHOP),
         **gauge("sonde_tcp_connections_total", "0+50x400", result="established", **OUT),
         **gauge("sonde_tcp_connections_total", "0+1x400", result="refused", **OUT),
         **gauge("up", "1x400", **NODE)},
        {"10m": [], "60m": []}),
    "one request in ten gets 500, until all is well again": (
        {**served(90, 40), **served("10x20 200+0", 20, "500", error="500")},
        {"1m": [], "14m": [alert("HighErrorRate", "critical"), FAST], "40m": [FAST, SLOW]}),
    "one of two requests at night fails": (
        {**served(0, 30), **gauge(f"{HTTP}_count", "0x5 1x25", error_type="500", **SHOP)},
        {"14m": []}),
    "one request in ten takes three seconds": (
        {**served(90, 30), **served(10, 30, "201", slow=True)},
        {"4m": [], "14m": [alert("HighP99Latency"), FAST]}),
    "requests hang": (
        gauge("sonde_http_server_long_requests", "0x5 3x10 0x10", http_request_method="GET", **SHOP),
        {"9m": [], "12m": [alert("LongRequests")], "20m": []}),
    "requests lie in sockets": (
        {**served(600, 20),
         **gauge("sonde_http_server_queue_duration_seconds_bucket", "0x20", le="1", **SHOP),
         **gauge("sonde_http_server_queue_duration_seconds_bucket", "0+600x20", le="4", **SHOP),
         **gauge("sonde_http_server_queue_duration_seconds_bucket", "0+600x20", le="+Inf", **SHOP)},
        {"4m": [], "12m": [alert("RequestsWaitInSockets")]}),
    "an accept queue overflows": (
        gauge("sonde_tcp_listen_overflows_total", "0x5 0+10x5 50x20", port="80", **SHOP, **NODE),
        {"5m": [], "9m": [alert("AcceptQueueOverflows", "critical")], "25m": []}),
    "an accept queue is nearly full": (
        {**gauge("sonde_tcp_accept_queue_length", "0x5 460x5 10x10", port="80", **SHOP, **NODE),
         **gauge("sonde_tcp_accept_queue_limit", "511x20", port="80", **SHOP, **NODE)},
        {"6m": [], "9m": [alert("AcceptQueueNearlyFull")], "15m": []}),
    "a server refuses": (
        {**gauge("sonde_tcp_connections_total", "0+40x20", result="established", **OUT),
         **gauge("sonde_tcp_connections_total", "0+10x20", result="refused", **OUT)},
        {"4m": [], "12m": [alert("ConnectFailures")]}),
    "a server is away at all": (
        gauge("sonde_tcp_connections_total", "0+10x20", result="timeout", **OUT),
        {"4m": [], "12m": [alert("ConnectFailures")]}),
    "one segment in twenty is sent again": (
        {**gauge("sonde_tcp_retransmitted_segments_total", "0+600x30", **OUT),
         **gauge("sonde_tcp_sent_bytes_total", "0+17376000x30", **OUT)},
        {"9m": [], "20m": [alert("RetransmitsHigh")]}),
    "one segment in two hundred is sent again": (
        {**gauge("sonde_tcp_retransmitted_segments_total", "0+600x30", **OUT),
         **gauge("sonde_tcp_sent_bytes_total", "0+173760000x30", **OUT)},
        {"20m": []}),
    "a name server fails": (
        {**gauge("sonde_dns_failed_lookups_total", "0+20x20", code="SERVFAIL", **SHOP),
         **gauge("sonde_dns_lookup_duration_seconds_count", "0+100x20", code="NOERROR", **SHOP),
         **gauge("sonde_dns_lookup_duration_seconds_count", "0+20x20", code="SERVFAIL", **SHOP)},
        {"4m": [], "12m": [alert("DnsFailures")]}),
    "no name server answers": (
        gauge("sonde_dns_failed_lookups_total", "0+20x20", code="timeout", **SHOP),
        {"4m": [], "12m": [alert("DnsFailures")]}),
    "search domains are tried": (
        {**gauge("sonde_dns_failed_lookups_total", "0+100x20", code="NXDOMAIN", **SHOP),
         **gauge("sonde_dns_lookup_duration_seconds_count", "0+200x20", **SHOP)},
        {"12m": []}),
    "threads wait for a CPU": (
        {**gauge("sonde_sched_run_queue_seconds_bucket", "0x30", le="0.0625", **SHOP, **NODE),
         **gauge("sonde_sched_run_queue_seconds_bucket", "0+600x30", le="0.25", **SHOP, **NODE),
         **gauge("sonde_sched_run_queue_seconds_bucket", "0+600x30", le="+Inf", **SHOP, **NODE),
         **gauge("sonde_sched_run_queue_seconds_sum", "0+90x30", **SHOP, **NODE)},
        {"12m": [], "25m": [alert("RunQueueWait")]}),
    "the kernel kills for lack of memory, for the first time": (
        gauge("sonde_oom_kills_total", "_x20 1x40", **SHOP, **NODE),
        {"19m": [], "22m": [alert("OomKilled")], "50m": []}),
    "the kernel kills for lack of memory once more": (
        gauge("sonde_oom_kills_total", "1x30 2x40", **SHOP, **NODE),
        {"28m": [], "33m": [alert("OomKilled")], "60m": []}),
    "a container crashes each minute": (
        gauge("sonde_process_exits_total", "0+1x20 20x30", reason="error", k8s_container_name="app",
              **SHOP, **NODE),
        {"3m": [], "15m": [alert("PodCrashLooping")], "45m": []}),
    "a script on a host ends with 1 each minute": (
        gauge("sonde_process_exits_total", "0+1x20", reason="error", **SHOP, **NODE),
        {"15m": []}),
    "Sonde is away": (
        gauge("up", "1x5 0x10 1x10", **NODE),
        {"8m": [], "13m": [alert("SondeDown", service="sonde")], "20m": []}),
    "Sonde loses": (
        {**gauge("sonde_events_total", "0+900x40", source="http", outcome="delivered", **NODE),
         **gauge("sonde_events_total", "0+100x20 2000x20", source="http", outcome="ring_full", **NODE)},
        {"12m": [], "19m": [alert("SondeLosesEvents", service="sonde")], "35m": []}),
    "Sonde has no room for series": (
        gauge("sonde_series_overflowed_updates_total", "0+5x60", **NODE),
        {"20m": [], "45m": [alert("SondeSeriesOverflow", service="sonde")]}),
    "a collector is away": (
        {**gauge("sonde_otlp_requests_total", "0x40", result="ok", **NODE),
         **gauge("sonde_otlp_requests_total", "0+6x40", result="failed", **NODE)},
        {"9m": [], "20m": [alert("SondeExportFails", service="sonde")]}),
    "a disk is full": (
        gauge("sonde_flow_log_records_total", "0+6x20", outcome="dropped", **NODE),
        {"4m": [], "12m": [alert("SondeLogDrops", service="sonde")]}),
    "nobody takes the event log": (
        {**gauge("sonde_event_log_records_total", "0+6x20", outcome="dropped", **NODE),
         **gauge("sonde_flow_log_records_total", "0+6x20", outcome="written", **NODE)},
        {"4m": [], "12m": [alert("SondeLogDrops", service="sonde")]}),
    "the API server is away": (
        gauge("sonde_kubernetes_current", "1x5 0x20", **NODE),
        {"12m": [], "20m": [alert("SondeKubernetesStale", service="sonde")]}),
}

# The same, with a sample each two minutes.
LONG_CASES = {
    # the budget of 0.1 %: at four times its rate it lasts for a week, at half of it for eight
    "four requests in a thousand fail, for half a day": (
        {**served(996, 300), **served(4, 300, "500", error="500")},
        {"9h": [SLOW]}),
    "one request in two thousand fails": (
        {**served(1999, 300), **served(1, 300, "500", error="500")},
        {"9h": []}),
    "one request in thirty takes three seconds": (
        {**served(29, 300), **served(1, 300, "201", slow=True)},
        {"9h": [SLOW, alert("HighP99Latency")]}),
}

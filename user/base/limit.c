/* SPDX-License-Identifier: Apache-2.0 */
/* See limit.h. */
#include "base/limit.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Behind it is what tells one of two services of a name from the other (identity/service.h). */
#define LIMIT_WHO_END "\x1f"

struct limit_description {
	const char *name;
	const char *message; /* what is lost, as a log line */
	const char *advice;  /* what a person can do */
};

static const struct limit_description limits[LIMITS] = {
	[LIMIT_SERIES] = {"series",
		"no room for more series: the least recently used give way, and what finds no "
		"room counts in overflow series",
		"raise series-limit, or leave out a source"},
	[LIMIT_SERVICE_SERIES] = {"service_series",
		"a service has more series than its share: its least recently used give way, and "
		"what finds no room counts in its overflow series",
		"raise series-per-service-limit"},
	[LIMIT_ROUTES] = {"routes",
		"a service uses more routes than can be learned: the route of others is /*",
		"name its routes in http-routes, or raise routes-per-service-limit"},
	[LIMIT_WORKLOADS] = {"workloads",
		"no number is left for new programs: they count as _other until others end",
		"run programs that belong together under one OTEL_SERVICE_NAME or unit"},
	[LIMIT_PROBE_TABLES] = {"probe_tables",
		"a table of the probes is full: some events of a source are not counted until room "
		"is given back",
		"see sonde_events_total{outcome=\"table_full\"}; switch off the source, or run "
		"fewer programs at a time"},
	[LIMIT_SERVERS] = {"servers",
		"a service asks more HTTP servers than its share: those that it asks less often "
		"are `_other`",
		"look at spans, which have each address"},
	[LIMIT_PEERS] = {"peers",
		"a service has more peers than its share: those that it meets less often are "
		"external, or _other if they are services of this node",
		"name networks in peer-names, or raise peers-per-service-limit"},
	[LIMIT_HTTP_HOSTS] = {"http_hosts",
		"a service asks more hosts than its share: the server_address of others is the "
		"address",
		"raise peers-per-service-limit"},
	[LIMIT_PORTS] = {"ports",
		"a service has more ports than its share: those that are met less often are told "
		"as `other`",
		"look at flow-log, which has each number"},
	[LIMIT_CONNECTIONS] = {"connections",
		"more TCP connections are open than are followed: those of the service with the "
		"most are left out of the gauge, of pages and of flow records",
		"find who holds them open, by sonde_tcp_open_connections"},
	[LIMIT_LISTENERS] = {"listeners",
		"more sockets listen than are kept: the queues of those of the service with the "
		"most are left out",
		"find who listens on so many ports, by `ss -tln`"},
	[LIMIT_DNS_NAMES] = {"dns_names",
		"more names were looked up than are kept: the oldest go, and their addresses are "
		"external",
		"name networks in peer-names"},
	[LIMIT_DNS_LOOKUPS] = {"dns_lookups",
		"more DNS lookups are open at a time than are kept: the oldest are not told",
		"find who asks and is not answered, by sonde_dns_lookup_duration_seconds"},
	[LIMIT_CLIENTS] = {"clients",
		"too many connections to the listener: the one that was idle longest is closed",
		"find who holds them open: `ss -tnp`, at the port of listen"},
	[LIMIT_DESCRIPTORS] = {"descriptors",
		"no file descriptor is left: some clients have to wait",
		"raise the limit of open files (LimitNOFILE=, ulimit -n)"},
	[LIMIT_PODS] = {"pods", "this node has more pods than are kept: the newest have no names",
		"tell us: the kubelet runs a tenth of that as it comes"},
	[LIMIT_CLUSTER_PEERS] = {"cluster_peers",
		"the cluster has more pods and Services than are kept: the newest are peers "
		"without "
		"a name",
		"name networks in peer-names"},
};

static _Atomic uint64_t counts[LIMITS];
static _Atomic uint64_t last_ns[LIMITS];

void limit_met(enum limit limit, const char *who)
{
	const struct limit_description *met = &limits[limit];
	uint64_t now = clock_monotonic_ns();
	uint64_t last = atomic_exchange(&last_ns[limit], now);
	char name[256];

	atomic_fetch_add(&counts[limit], 1);
	if (last && now - last < LIMIT_QUIET_NS)
		return;
	snprintf(name, sizeof(name), "%.*s", who ? (int)strcspn(who, LIMIT_WHO_END) : 0, who ?: "");
	if (*name)
		log_warn(met->message, log_str("limit", met->name), log_str("for", name),
			log_str("advice", met->advice));
	else
		log_warn(met->message, log_str("limit", met->name), log_str("advice", met->advice));
}

uint64_t limit_count(enum limit limit)
{
	return atomic_load(&counts[limit]);
}

const char *limit_name(enum limit limit)
{
	return limits[limit].name;
}

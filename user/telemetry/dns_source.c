/* SPDX-License-Identifier: Apache-2.0 */
/* DNS (telemetry_source.h): lookups, in series and as spans. */
#include <stdlib.h>

#include "base/limit.h"
#include "protocol/dns/dns_exchange.h"
#include "record/sources.h"
#include "telemetry/metrics/families.h"
#include "telemetry/telemetry_source.h"

enum { FAMILY_LOOKUP, FAMILY_FAILED, DNS_FAMILIES };

static const struct metric_description families[DNS_FAMILIES] = {
	[FAMILY_LOOKUP] = {.name = "sonde_dns_lookup_duration_seconds",
		.group = "DNS",
		.help = "DNS lookups made: question sent to answer received.",
		.labels = {"service_name", "question_type", "code"},
		HISTOGRAM(wait_bounds, WAIT_BOUNDS)},
	[FAMILY_FAILED] = {.name = "sonde_dns_failed_lookups_total",
		.group = "DNS",
		.help = "DNS lookups that had no answer, or one with an error.",
		COUNTER(""),
		.labels = {"service_name", "question_type", "code"}},
};

struct dns_source {
	struct telemetry_ground *ground;
	struct metric_family *const *families;
	struct dns_lookups *lookups;
	bool makes_spans;
};

static const struct exchange_measure measures[] = {
	{.family = FAMILY_LOOKUP,
		.roles = EXCHANGE_BY_CLIENT,
		.figure = EXCHANGE_DURATION,
		.labels = {EXCHANGE_OPERATION, EXCHANGE_STATUS}},
	{.family = FAMILY_FAILED,
		.roles = EXCHANGE_BY_CLIENT,
		.figure = EXCHANGE_FAILED,
		.labels = {EXCHANGE_OPERATION, EXCHANGE_STATUS}},
};

static const struct exchange_measures dns_measures = {
	.rows = measures,
	.count = sizeof(measures) / sizeof(measures[0]),
};

static void take_lookup(void *context, const struct dns_lookup *lookup)
{
	struct dns_source *self = context;
	const struct telemetry_ground *ground = self->ground;
	struct dns_exchange dns;

	dns_exchange_read(&dns, lookup, identity_service(ground->identity, lookup->workload));
	exchanges_count(
		ground->exchanges, &dns.exchange, &dns_measures, self->families, lookup->end_ns);
	if (self->makes_spans)
		exchanges_export(ground->exchanges, &dns.exchange);
}

static void take_lost(void *context, enum outcome outcome)
{
	struct dns_source *self = context;

	telemetry_count_events(self->ground, SOURCE_DNS, outcome_names[outcome], 1);
}

static void take_full(void *context, enum limit limit, __u32 workload)
{
	struct dns_source *self = context;

	limit_met(limit, identity_service(self->ground->identity, workload)->name);
}

static void dns_end(void *context)
{
	struct dns_source *self = context;

	dns_lookups_free(self->lookups);
	free(self);
}

static void *dns_begin(struct telemetry_ground *ground, struct metric_family *const *registered,
	const struct telemetry_settings *settings)
{
	struct dns_source *self = calloc(1, sizeof(*self));

	(void)settings;
	if (!self)
		return NULL;
	self->ground = ground;
	self->families = registered;
	self->lookups =
		dns_lookups_new(&(struct dns_sink){take_lookup, take_lost, take_full, self});
	ground->dns = self->lookups;
	if (self->lookups)
		return self;
	dns_end(self);
	return NULL;
}

static int dns_configure(void *context, const struct telemetry_settings *settings)
{
	struct dns_source *self = context;

	self->makes_spans = settings->dns_spans;
	return 0;
}

static void dns_tick(void *context, const struct record_clock *clock)
{
	struct dns_source *self = context;

	dns_lookups_tick(self->lookups, clock->record.time_ns);
}

static void dns_workload_begin(void *context, __u32 workload)
{
	struct dns_source *self = context;

	dns_lookups_begin(self->lookups, workload);
}

static void dns_workload_end(void *context, __u32 workload)
{
	struct dns_source *self = context;

	dns_lookups_end(self->lookups, workload);
}

static void take_dns(void *context, const struct record *record, const struct service *service)
{
	struct dns_source *self = context;

	(void)service; /* a lookup knows whose it is */
	dns_lookups_take(self->lookups, (const void *)record);
}

static void take_resolvers(
	void *context, const struct record *record, const struct service *service)
{
	struct dns_source *self = context;

	(void)service; /* it is the machine's */
	dns_lookups_configure(self->lookups, (const void *)record);
}

const struct telemetry_source dns_source = {
	.families = families,
	.family_count = DNS_FAMILIES,
	.begin = dns_begin,
	.end = dns_end,
	.configure = dns_configure,
	.tick = dns_tick,
	.workload_begin = dns_workload_begin,
	.workload_end = dns_workload_end,
	.records = {{RECORD_DNS, take_dns}, {RECORD_RESOLVERS, take_resolvers}},
};

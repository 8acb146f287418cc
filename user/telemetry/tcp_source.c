/* SPDX-License-Identifier: Apache-2.0 */
/* TCP (telemetry_source.h): connections and listening sockets, which flows.c follows. */
#include "telemetry/tcp_source.h"

#include <stdlib.h>

#include "telemetry/tcp/flows.h"
#include "telemetry/tcp/peers.h"
#include "telemetry/tcp/tcp_families.h"
#include "telemetry/telemetry_source.h"

struct tcp_source {
	struct peers *peers;
	struct flows *flows;
};

static void tcp_end(void *context)
{
	struct tcp_source *self = context;

	flows_free(self->flows);
	peers_free(self->peers);
	free(self);
}

static void *tcp_begin(struct telemetry_ground *ground, struct metric_family *const *families,
	const struct telemetry_settings *settings)
{
	struct tcp_source *self = calloc(1, sizeof(*self));

	(void)settings;
	if (!self)
		return NULL;
	self->peers = peers_new();
	if (self->peers)
		self->flows = flows_new(
			families, ground->events, ground->identity, self->peers, ground->dns);
	if (self->flows)
		return self;
	tcp_end(self);
	return NULL;
}

static int tcp_configure(void *context, const struct telemetry_settings *settings)
{
	struct tcp_source *self = context;

	return peers_configure(self->peers, settings->peer_names, settings->peer_name_count,
		settings->peers_per_service_max);
}

static void tcp_tick(void *context, const struct record_clock *clock)
{
	struct tcp_source *self = context;

	flows_settle(self->flows, clock);
}

static void take_tcp(void *context, const struct record *record, const struct service *service)
{
	struct tcp_source *self = context;

	(void)service; /* whose a connection is may change while it is open */
	flows_take(self->flows, record);
}

struct flows *tcp_source_flows(void *context)
{
	struct tcp_source *self = context;

	return self->flows;
}

const struct telemetry_source tcp_source = {
	.families = tcp_families,
	.family_count = TCP_FAMILIES,
	.begin = tcp_begin,
	.end = tcp_end,
	.configure = tcp_configure,
	.tick = tcp_tick,
	.records = {{RECORD_TCP, take_tcp}, {RECORD_TCP_LISTENER, take_tcp},
		{RECORD_TCP_SWEPT, take_tcp}, {RECORD_TCP_REFUSALS, take_tcp}},
};

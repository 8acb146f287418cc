/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_peer.h. */
#include "telemetry/tcp/flow_peer.h"

#include <string.h>

#include "base/address.h"
#include "telemetry/tcp/tcp_families.h"

static const char *service_of(const struct flow_peers *who, const struct flow *flow)
{
	return service_key(identity_service(who->identity, flow->workload));
}

/* Of whom the other end's address was when the connection began, in `room`, or NULL. */
static const char *peer_in_cluster(
	const struct flow_peers *who, const struct flow *flow, char room[PEER_NAME_LEN])
{
	uint64_t since_ns = flow->has_failed ? flow->changed_ns : flow->start_ns;

	if (!who->cluster || peer_table_find(who->cluster, flow->address.remote, since_ns,
				     who->now_ns, room) != PEER_FOUND)
		return NULL;
	return room;
}

/* A service of this node is called as those of other nodes are, where these have names. */
static const char *peer_mirrored(
	const struct flow_peers *who, const struct flow *mirror, char room[SERVICE_NAME_LEN])
{
	const struct service *service = identity_service(who->identity, mirror->workload);

	if (who->cluster && service->pod.pod[0])
		peer_name_write(
			room, service->pod.namespace, service->pod.owner_name, service->pod.pod);
	else
		strcpy(room, service->name);
	return room;
}

/* The name of the service at the other end, in `room`; NULL when it is not on this node. */
static const char *peer_service(
	const struct flow_peers *who, const struct flow *flow, char room[SERVICE_NAME_LEN])
{
	const struct flow_entry *mirror = flow_table_find_mirror(who->table, &flow->address);
	const char *key = NULL;

	if (mirror)
		return peer_mirrored(who, &mirror->flow, room);
	if (flow->direction == TCP_OUTBOUND && !peer_in_cluster(who, flow, room))
		key = listeners_service_at(who->listeners, flow->address.netns,
			flow->address.remote, flow->address.remote_port);
	if (key)
		service_key_name(room, key);
	return key ? room : NULL;
}

static void peer_folded(const struct flow_peers *who, const char *service)
{
	metric_add(SERIES(who->families, FAMILY_TCP_PEERS_FOLDED, service), 1);
}

/* The name that was looked up for the other end, or NULL. */
static const char *peer_looked_up(const struct flow_peers *who, const struct flow *flow)
{
	const char *service = service_of(who, flow), *name = NULL;

	if (flow->direction == TCP_OUTBOUND)
		name = dns_name_of(who->dns, flow->address.remote,
			&(struct dns_asker){flow->workload, flow->address.netns}, who->now_ns);
	if (!name || peers_admit(who->names, service, name, who->now_ns))
		return name;
	peer_folded(who, service);
	return PEER_EXTERNAL;
}

static const char *peer_admitted(
	const struct flow_peers *who, const struct flow *flow, const char *name)
{
	const char *own = service_of(who, flow);

	if (peers_admit_service(who->names, own, name, who->now_ns))
		return name;
	peer_folded(who, own);
	return PEER_OTHER;
}

/* The name of what is not a service of this node, some in `room`. */
static const char *peer_elsewhere(
	const struct flow_peers *who, const struct flow *flow, char room[SERVICE_NAME_LEN])
{
	const char *name = peers_configured(who->names, flow->address.remote);

	if (!name && peer_in_cluster(who, flow, room))
		return peer_admitted(who, flow, room);
	name = name ?: peer_looked_up(who, flow);
	if (name)
		return name;
	return address_is_loopback(flow->address.remote) ? PEER_LOCALHOST : PEER_EXTERNAL;
}

/* What nobody knew may have become known: a pod is told of late. */
static const char *peer_again(const struct flow_peers *who, const struct flow *flow,
	const char *before, char room[SERVICE_NAME_LEN])
{
	if (strcmp(before, PEER_EXTERNAL) != 0 || !flow->start_ns || flow->end_ns ||
		!peer_in_cluster(who, flow, room))
		return before;
	return peer_admitted(who, flow, room);
}

/* Once found, a name stays, unless the peer turns out to be a service of this node. */
const char *flow_peer_look(
	const struct flow_peers *who, struct flow_entry *entry, char room[SERVICE_NAME_LEN])
{
	const char *before = entry->labels ? entry->labels->values[FLOW_PEER] : NULL;
	const char *service = entry->is_peer_local ? NULL : peer_service(who, &entry->flow, room);

	if (service) {
		entry->is_peer_local = true;
		return peer_admitted(who, &entry->flow, service);
	}
	return before ? peer_again(who, &entry->flow, before, room)
		      : peer_elsewhere(who, &entry->flow, room);
}

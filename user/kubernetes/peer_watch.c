/* SPDX-License-Identifier: Apache-2.0 */
/* See peer_watch.h. */
#include "kubernetes/peer_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/limit.h"
#include "kubernetes/pod.h"

#define LIST_SECONDS 600L /* 150,000 pods are hundreds of megabytes */

static const char *text_at(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

/* --- addresses --- */

static bool address_read(uint8_t address[16], const char *text)
{
	memcpy(address, address_mapped, ADDRESS_MAPPED_BYTES);
	return inet_pton(AF_INET, text, address + ADDRESS_MAPPED_BYTES) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

/* What is no address ("None") is left out. */
static void address_add(struct peer *peer, const char *text)
{
	if (peer->address_count < PEER_ADDRESSES_OF_ONE &&
		address_read(peer->addresses[peer->address_count], text))
		peer->address_count++;
}

/* The one, and those of `plural`, the first of which is the same. */
static void addresses_add(struct peer *peer, const json_t *of, const char *single,
	const char *plural, const char *key)
{
	const char *first = text_at(of, single);
	size_t i;
	json_t *item;

	address_add(peer, first);
	json_array_foreach(json_object_get(of, plural), i, item)
	{
		const char *text = json_string_value(key ? json_object_get(item, key) : item) ?: "";

		if (strcmp(text, first) != 0)
			address_add(peer, text);
	}
}

/* --- pods --- */

/* Its address is its node's, and perhaps that of others. */
static bool is_of_host(const json_t *pod)
{
	const json_t *status = json_object_get(pod, "status");
	const char *host = text_at(status, "hostIP");

	return json_is_true(json_object_get(json_object_get(pod, "spec"), "hostNetwork")) ||
	       (*host && strcmp(host, text_at(status, "podIP")) == 0);
}

/* Who has ended has no address any more, whatever is told of it. */
static bool pod_peer_read(struct peer *peer, const json_t *object)
{
	struct pod pod;

	if (!pod_read(&pod, object, &pod_choice_none))
		return false;
	*peer = (struct peer){.kind = PEER_POD};
	peer->uid = text_at(json_object_get(object, "metadata"), "uid");
	peer_name_write(peer->name, pod.namespace, pod.owner_name, pod.name);
	if (!pod.has_ended && !is_of_host(object))
		addresses_add(peer, json_object_get(object, "status"), "podIP", "podIPs", "ip");
	pod_clear(&pod);
	return true;
}

/* --- Services --- */

/* A Service without an address of its own is found by those of its pods. */
static bool service_peer_read(struct peer *peer, const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const char *namespace = text_at(metadata, "namespace"), *name = text_at(metadata, "name");

	*peer = (struct peer){.kind = PEER_SERVICE, .uid = text_at(metadata, "uid")};
	if (!*peer->uid || !*namespace || !*name)
		return false;
	peer_name_write(peer->name, namespace, name, "");
	addresses_add(peer, json_object_get(object, "spec"), "clusterIP", "clusterIPs", NULL);
	return true;
}

/* --- both --- */

static bool set(struct peer_table *table, const struct peer *peer)
{
	if (peer_table_set(table, peer, clock_monotonic_ns()) == -ENOSPC)
		limit_met(LIMIT_CLUSTER_PEERS, "");
	return true;
}

static bool drop(struct peer_table *table, const struct peer *peer)
{
	peer_table_remove(table, peer, clock_monotonic_ns());
	return true;
}

#define WATCH_OF(NAME, KIND, LIST_KIND, READ)                                                      \
	static bool NAME##_set(void *keeper, const json_t *object)                                 \
	{                                                                                          \
		struct peer peer;                                                                  \
                                                                                                   \
		return READ(&peer, object) && set(keeper, &peer);                                  \
	}                                                                                          \
	static bool NAME##_remove(void *keeper, const json_t *object)                              \
	{                                                                                          \
		struct peer peer;                                                                  \
                                                                                                   \
		return READ(&peer, object) && drop(keeper, &peer);                                 \
	}                                                                                          \
	static void NAME##_list_begin(void *keeper)                                                \
	{                                                                                          \
		peer_table_list_begin(keeper, KIND);                                               \
	}                                                                                          \
	static void NAME##_list_end(void *keeper)                                                  \
	{                                                                                          \
		peer_table_list_end(keeper, KIND, clock_monotonic_ns());                           \
	}                                                                                          \
	static void NAME##_opened(void *keeper, bool is_open)                                      \
	{                                                                                          \
		peer_table_opened(keeper, KIND, is_open, clock_monotonic_ns());                    \
	}                                                                                          \
	static void NAME##_heard(void *keeper)                                                     \
	{                                                                                          \
		peer_table_heard(keeper, KIND, clock_monotonic_ns());                              \
	}                                                                                          \
	static const struct watch_kind NAME##_kind = {                                             \
		.list_kind = (LIST_KIND),                                                          \
		.list_seconds = LIST_SECONDS,                                                      \
		.set = NAME##_set,                                                                 \
		.remove = NAME##_remove,                                                           \
		.list_begin = NAME##_list_begin,                                                   \
		.list_end = NAME##_list_end,                                                       \
		.opened = NAME##_opened,                                                           \
		.heard = NAME##_heard,                                                             \
	}

WATCH_OF(pod_peers, PEER_POD, "PodList", pod_peer_read);
WATCH_OF(service_peers, PEER_SERVICE, "ServiceList", service_peer_read);

void peer_watch_begin_pods(struct watch *watch, struct peer_table *table)
{
	watch_begin(watch, &pod_peers_kind, table, "/api/v1/pods?");
}

void peer_watch_begin_services(struct watch *watch, struct peer_table *table)
{
	watch_begin(watch, &service_peers_kind, table, "/api/v1/services?");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See kubernetes.h: which watches there are. */
#include "kubernetes/kubernetes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "kubernetes/peer_watch.h"
#include "kubernetes/pod_watch.h"

struct kubernetes {
	struct kubernetes_place place;
	struct pod_table *pods;
	struct peer_table *peers; /* NULL: none are asked for */
	struct watcher *watchers[KUBERNETES_WATCHES];
};

const char *const kubernetes_watch_names[KUBERNETES_WATCHES] = {
	[KUBERNETES_NODE] = "node",
	[KUBERNETES_PEER_PODS] = "pods",
	[KUBERNETES_PEER_SERVICES] = "services",
};

/* --- what has become known --- */

static void on_pods_of_node(void *context)
{
	const struct kubernetes *kubernetes = context;

	log_info("the pods of this node are known", log_str("node", kubernetes->place.node),
		log_int("pods", (int64_t)pod_table_count(kubernetes->pods)));
}

static void on_pods(void *context)
{
	const struct kubernetes *kubernetes = context;

	log_info("the pods of all nodes are known",
		log_int("addresses", (int64_t)peer_table_count(kubernetes->peers, PEER_POD)));
}

static void on_services(void *context)
{
	const struct kubernetes *kubernetes = context;

	log_info("the Services are known",
		log_int("addresses", (int64_t)peer_table_count(kubernetes->peers, PEER_SERVICE)));
}

/* --- life --- */

/* What the log says of who is asked. */
struct telling {
	const char *silence, *speech;
};

static const struct telling of_pods = {
	"the API server does not tell of pods, and will be asked again; what is known stays",
	"the API server tells of pods again"};
static const struct telling of_services = {
	"the API server does not tell of Services, and will be asked again; what is known stays",
	"the API server tells of Services again"};
static const struct telling of_kubelet = {
	"the kubelet does not tell of pods, and will be asked again; what is known stays",
	"the kubelet tells of pods again"};

static int start(struct kubernetes *kubernetes, enum kubernetes_watch number,
	const struct watch *watch, const struct telling *telling, void (*on_list)(void *context),
	const struct api_client_options *client, char *error)
{
	struct watcher_options options = {
		.api = kubernetes->place.api,
		.of = kubernetes_watch_names[number],
		.silence = telling->silence,
		.speech = telling->speech,
		.on_list = on_list,
		.context = kubernetes,
	};

	return watcher_start(&kubernetes->watchers[number], &options, client, watch, error);
}

static int start_all(struct kubernetes *kubernetes, const char *version, char *error)
{
	const struct api_client_options client = {
		.url = kubernetes->place.api,
		.token_file = kubernetes->place.token_file,
		.ca_file = kubernetes->place.ca_file,
		.version = version,
	};
	bool is_kubelet = kubernetes->place.source == KUBERNETES_KUBELET;
	struct watch watch;
	int result;

	if (is_kubelet)
		pod_watch_begin_kubelet(&watch, kubernetes->pods);
	else
		pod_watch_begin(&watch, kubernetes->pods, kubernetes->place.node);
	result = start(kubernetes, KUBERNETES_NODE, &watch, is_kubelet ? &of_kubelet : &of_pods,
		on_pods_of_node, &client, error);
	if (result || !kubernetes->peers)
		return result;
	peer_watch_begin_pods(&watch, kubernetes->peers);
	result = start(kubernetes, KUBERNETES_PEER_PODS, &watch, &of_pods, on_pods, &client, error);
	if (result)
		return result;
	peer_watch_begin_services(&watch, kubernetes->peers);
	return start(kubernetes, KUBERNETES_PEER_SERVICES, &watch, &of_services, on_services,
		&client, error);
}

int kubernetes_start(struct kubernetes **out, const struct kubernetes_place *place,
	const char *version, char error[KUBERNETES_ERROR_LEN])
{
	struct kubernetes *kubernetes = calloc(1, sizeof(*kubernetes));
	int result = -ENOMEM;

	snprintf(error, KUBERNETES_ERROR_LEN, "no memory for pods");
	if (!kubernetes)
		return result;
	kubernetes->place = *place;
	kubernetes->pods = pod_table_new(place->node, &place->choice);
	if (place->knows_peers)
		kubernetes->peers = peer_table_new();
	if (kubernetes->pods && (kubernetes->peers || !place->knows_peers))
		result = start_all(kubernetes, version, error);
	if (result)
		kubernetes_stop(kubernetes);
	else
		*out = kubernetes;
	return result;
}

void kubernetes_stop(struct kubernetes *kubernetes)
{
	if (!kubernetes)
		return;
	for (int i = 0; i < KUBERNETES_WATCHES; i++)
		watcher_stop(kubernetes->watchers[i]);
	peer_table_free(kubernetes->peers);
	pod_table_free(kubernetes->pods);
	free(kubernetes);
}

struct pod_table *kubernetes_pods(const struct kubernetes *kubernetes)
{
	return kubernetes->pods;
}

struct peer_table *kubernetes_peers(const struct kubernetes *kubernetes)
{
	return kubernetes->peers;
}

bool kubernetes_counters(const struct kubernetes *kubernetes, enum kubernetes_watch watch,
	struct watcher_counters *counters)
{
	if (!kubernetes->watchers[watch])
		return false;
	watcher_counters(kubernetes->watchers[watch], counters);
	return true;
}

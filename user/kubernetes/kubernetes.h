/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pods of this node, asked of the API server or the kubelet by a thread that keeps a table of
 * them (pod_table.h); and, where that is wanted, all pods and Services by their addresses
 * (peer_table.h), by two more.
 *
 *   kubernetes_find(&options, …);  kubernetes_start(&kubernetes, &options, error);
 *   … kubernetes_pods(kubernetes) …
 *   kubernetes_stop(kubernetes);
 */
#ifndef SONDE_KUBERNETES_H
#define SONDE_KUBERNETES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kubernetes/peer_table.h"
#include "kubernetes/pod_table.h"
#include "kubernetes/watcher.h"

#define KUBERNETES_ERROR_LEN 320

enum kubernetes_mode { KUBERNETES_AUTO, KUBERNETES_ON, KUBERNETES_OFF };

/* Who is asked for the pods of this node. */
enum kubernetes_source { KUBERNETES_API_SERVER, KUBERNETES_KUBELET };

/* Where what is "" is found: see kubernetes_find(). */
struct kubernetes_options {
	enum kubernetes_mode mode;
	enum kubernetes_source source;
	const char *api; /* https://HOST:PORT, of the kubelet if that is asked */
	const char *token_file, *ca_file;
	const char *node;
	char *const *labels; /* what pods are told by (pod_choice.h) */
	size_t label_count;
	bool names_by_labels; /* see pod_choice.h */
	bool knows_peers;     /* pods of all nodes and Services as well */
};

#define KUBERNETES_API_LEN  288
#define KUBERNETES_PATH_LEN 256
#define KUBERNETES_NODE_LEN 254

struct kubernetes_place {
	enum kubernetes_source source;
	char api[KUBERNETES_API_LEN];
	char token_file[KUBERNETES_PATH_LEN], ca_file[KUBERNETES_PATH_LEN];
	char node[KUBERNETES_NODE_LEN];
	struct pod_choice choice;
	bool knows_peers;
};

/*
 * What is not configured, as a pod finds it: KUBERNETES_SERVICE_HOST and _PORT, the files of its
 * service account, and NODE_NAME, which its manifest sets, or else this host's name. The kubelet is
 * at NODE_IP. Returns 1, or
 * 0: nothing is to be asked; or -EINVAL and in error[] what is wrong.
 */
int kubernetes_find(struct kubernetes_place *place, const struct kubernetes_options *options,
	char error[KUBERNETES_ERROR_LEN]);

struct kubernetes;

/*
 * Main thread, before it gives up its privileges. 0, or a negative errno and error[]. The place
 * outlives all that is known of pods.
 */
int kubernetes_start(struct kubernetes **out, const struct kubernetes_place *place,
	const char *version, char error[KUBERNETES_ERROR_LEN]);
void kubernetes_stop(struct kubernetes *kubernetes); /* or NULL; within milliseconds */

struct pod_table *kubernetes_pods(const struct kubernetes *kubernetes);

/* NULL: none are asked for. */
struct peer_table *kubernetes_peers(const struct kubernetes *kubernetes);

enum kubernetes_watch {
	KUBERNETES_NODE, /* the pods of this node */
	KUBERNETES_PEER_PODS,
	KUBERNETES_PEER_SERVICES,
	KUBERNETES_WATCHES
};

extern const char *const kubernetes_watch_names[KUBERNETES_WATCHES];

/* False: there is no such watch. */
bool kubernetes_counters(const struct kubernetes *kubernetes, enum kubernetes_watch watch,
	struct watcher_counters *counters);

#endif

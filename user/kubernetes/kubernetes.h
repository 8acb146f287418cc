/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pods of this node, asked of the API server by a thread of its own that keeps a table of them
 * (pod_table.h). It goes on whatever the server does: while that is away, slow, or says nothing
 * that can be understood, what is known stays, and it is asked again after a pause that grows to a
 * minute, at random moments, as all nodes of a cluster miss it at once.
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

#include "kubernetes/pod_watch.h"

#define KUBERNETES_ERROR_LEN 320

enum kubernetes_mode { KUBERNETES_AUTO, KUBERNETES_ON, KUBERNETES_OFF };

/* Where what is "" is found: see kubernetes_find(). */
struct kubernetes_options {
	enum kubernetes_mode mode;
	const char *api; /* https://HOST:PORT */
	const char *token_file, *ca_file;
	const char *node;
	char *const *labels; /* what pods are told by (pod_choice.h) */
	size_t label_count;
	bool names_by_labels; /* see pod_choice.h */
};

#define KUBERNETES_API_LEN  288
#define KUBERNETES_PATH_LEN 256
#define KUBERNETES_NODE_LEN 254

struct kubernetes_place {
	char api[KUBERNETES_API_LEN];
	char token_file[KUBERNETES_PATH_LEN], ca_file[KUBERNETES_PATH_LEN];
	char node[KUBERNETES_NODE_LEN];
	struct pod_choice choice;
};

/*
 * What is not configured, as a pod finds it: KUBERNETES_SERVICE_HOST and _PORT, the files of its
 * service account, and NODE_NAME, which its manifest sets, or else this host's name. Returns 1, or
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

struct kubernetes_counters {
	uint64_t events[POD_EVENTS];
	uint64_t lists, watches, failures, unread;
	bool is_current; /* a watch is open, or the last one ended as it should */
};

void kubernetes_counters(const struct kubernetes *kubernetes, struct kubernetes_counters *counters);

#endif

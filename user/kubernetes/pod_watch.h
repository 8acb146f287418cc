/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps a table of pods as an API server has them: a list, and from there on a watch, which is
 * resumed where it ended. Only the pods of one node are asked for. Each call makes one request and
 * blocks until it has ended, which a watch does after some minutes; kubernetes.c makes the calls,
 * and the pauses between them.
 */
#ifndef SONDE_POD_WATCH_H
#define SONDE_POD_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "kubernetes/api_client.h"
#include "kubernetes/json_stream.h"
#include "kubernetes/pod_table.h"

#define RESOURCE_VERSION_LEN 64
#define WATCH_SECONDS        240 /* to this, up to half of it is added by chance */

enum pod_event { POD_ADDED, POD_MODIFIED, POD_DELETED, POD_BOOKMARK, POD_ERROR, POD_EVENTS };

extern const char *const pod_event_names[POD_EVENTS];

/* What came of a request. */
enum pod_watch_result {
	POD_WATCH_DONE,   /* the list is whole, or the watch has ended as it should */
	POD_WATCH_FAILED, /* why: error[] */
	POD_WATCH_STOPPED /* api_client_stop() */
};

struct pod_watch {
	struct pod_table *table;
	const char *node;
	void (*tells)(void *context); /* the server has begun to tell of changes; or NULL */
	void *context;
	bool needs_list;                    /* as at first: nothing is known to resume from */
	char version[RESOURCE_VERSION_LEN]; /* where the next watch begins */

	_Atomic uint64_t events[POD_EVENTS]; /* for whoever counts them */
	_Atomic uint64_t lists, watches;     /* requests that were answered */
	_Atomic uint64_t unread;             /* documents that were too large, or not understood */

	/* of the request that is under way */
	struct json_stream stream;
	bool has_ended; /* an ERROR came */
	char *error;
};

void pod_watch_begin(struct pod_watch *watch, struct pod_table *table, const char *node);

/* Lists if need be, and else watches. `random` is any number. error[] is set on failure. */
enum pod_watch_result pod_watch_continue(struct pod_watch *watch, struct api_client *client,
	uint32_t random, char error[API_ERROR_LEN]);

/* What they do with an event, and with an item of the list. */
void pod_watch_take_event(void *watch, const char *document, size_t length);
void pod_watch_take_item(void *watch, const char *document, size_t length);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps something as an API server has it: a list, and from there on a watch, which is resumed
 * where it ended; or, of who knows no watches, a list again and again. What is asked for and who
 * keeps it is the kind's business (pod_watch.h, peer_watch.h). Each call makes one request and
 * blocks until it has ended, which a watch does after some minutes; watcher.c makes the calls, and
 * the pauses between them.
 */
#ifndef SONDE_WATCH_H
#define SONDE_WATCH_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "kubernetes/api_client.h"
#include "kubernetes/json_stream.h"

#define RESOURCE_VERSION_LEN 64
#define WATCH_PATH_LEN       384
#define WATCH_SECONDS        240 /* to this, up to half of it is added by chance */

enum watch_event {
	WATCH_ADDED,
	WATCH_MODIFIED,
	WATCH_DELETED,
	WATCH_BOOKMARK,
	WATCH_ERROR,
	WATCH_EVENTS
};

extern const char *const watch_event_names[WATCH_EVENTS];

/* What came of a request. */
enum watch_result {
	WATCH_DONE,   /* the list is whole, or the watch has ended as it should */
	WATCH_FAILED, /* why: error[] */
	WATCH_STOPPED /* api_client_stop() */
};

struct watch_kind {
	const char *list_kind; /* such as PodList */
	long list_seconds;     /* the longest that a list may take */
	/* Who is asked tells of no changes and has no versions: it is asked for its list again. */
	bool is_polled;
	/* The object is there, or has changed; it is gone. False: it is none that can be read. */
	bool (*set)(void *keeper, const json_t *object);
	bool (*remove)(void *keeper, const json_t *object);
	/* What was not set between these two is gone. A list that was not whole has no end. */
	void (*list_begin)(void *keeper);
	void (*list_end)(void *keeper);
	/* Or NULL: a watch begins or ends, and what came of it until now has been set. */
	void (*opened)(void *keeper, bool is_open);
	void (*heard)(void *keeper);
};

struct watch {
	const struct watch_kind *kind;
	void *keeper;
	char path[WATCH_PATH_LEN]; /* with its query, to which more is added */
	void (*tells)(
		void *context); /* what is kept is as the server has it from now on; or NULL */
	void *context;
	bool needs_list;                    /* as at first: nothing is known to resume from */
	char version[RESOURCE_VERSION_LEN]; /* where the next watch begins */

	_Atomic uint64_t events[WATCH_EVENTS]; /* for whoever counts them */
	_Atomic uint64_t lists, watches;       /* requests that were answered */
	_Atomic uint64_t unread; /* documents that were too large, or not understood */

	/* of the request that is under way */
	struct json_stream stream;
	bool has_ended; /* an ERROR came */
	char *error;
};

/* `path` ends in ? or &, unless the kind is polled. */
void watch_begin(
	struct watch *watch, const struct watch_kind *kind, void *keeper, const char *path);

/* Lists if need be, and else watches. `random` is any number. error[] is set on failure. */
enum watch_result watch_continue(
	struct watch *watch, struct api_client *client, uint32_t random, char error[API_ERROR_LEN]);

/* What they do with an event, and with an item of the list. */
void watch_take_event(void *watch, const char *document, size_t length);
void watch_take_item(void *watch, const char *document, size_t length);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that keeps a watch (watch.h) going, whatever the server does: while that is away, slow,
 * or says nothing that can be understood, what is known stays, and it is asked again after a pause
 * that grows to a minute, at random moments, as all nodes of a cluster miss it at once.
 */
#ifndef SONDE_WATCHER_H
#define SONDE_WATCHER_H

#include "kubernetes/watch.h"

struct watcher_options {
	const char *api; /* for the log, as is `of`: what it watches */
	const char *of;
	const char *silence,
		*speech; /* what the log says when it does not answer, and when it does */
	void (*on_list)(void *context); /* by its thread: a list was whole */
	void *context;
};

struct watcher;

/*
 * Main thread. The options and what `watch` is of outlive it; the rest is copied. 0, or a negative
 * errno and in error[API_ERROR_LEN] what a person can do.
 */
int watcher_start(struct watcher **out, const struct watcher_options *options,
	const struct api_client_options *client, const struct watch *watch, char *error);
void watcher_stop(struct watcher *watcher); /* or NULL; within milliseconds */

struct watcher_counters {
	uint64_t events[WATCH_EVENTS];
	uint64_t lists, watches, failures, unread;
	bool is_current; /* a watch is open, or the last one ended as it should */
};

void watcher_counters(const struct watcher *watcher, struct watcher_counters *counters);

#endif

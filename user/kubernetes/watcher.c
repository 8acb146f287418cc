/* SPDX-License-Identifier: Apache-2.0 */
/* See watcher.h. */
#include "kubernetes/watcher.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "privilege/privilege.h"

#define STACK_BYTES (256 * 1024) /* a TLS handshake needs a tenth; the default is 8 MB */

#define PAUSE_FIRST_NS 1000000000ULL
#define PAUSE_MOST_NS  60000000000ULL
#define POLL_NS        10000000000ULL /* between lists of who is polled; half of it at least */
/* A watch that held for so long was none that failed at once. */
#define HELD_NS 10000000000ULL

struct watcher {
	struct watcher_options options;
	struct api_client *client;
	struct watch watch;
	pthread_t thread;
	_Atomic uint64_t failures;
	atomic_bool is_current;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_stopping;

	/* its thread alone */
	uint64_t pause_ns;
	bool is_failing; /* and this has been logged */
};

static uint32_t random_number(void)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = (uint32_t)clock_monotonic_ns(); /* early in the boot: good enough */
	return number;
}

/* --- the thread --- */

/* Half to all of the pause, at random. False: the end has come. */
static bool rest(struct watcher *watcher)
{
	uint64_t pause_ns = watcher->pause_ns;
	uint64_t until_ns = clock_monotonic_ns() + pause_ns / 2 +
			    pause_ns / 2 * (random_number() % 1024) / 1024;
	struct timespec until = {
		.tv_sec = (time_t)(until_ns / 1000000000),
		.tv_nsec = (long)(until_ns % 1000000000),
	};
	bool goes_on;

	watcher->pause_ns = 2 * pause_ns < PAUSE_MOST_NS ? 2 * pause_ns : PAUSE_MOST_NS;
	pthread_mutex_lock(&watcher->lock);
	while (!watcher->is_stopping && clock_monotonic_ns() < until_ns)
		pthread_cond_timedwait(&watcher->wake, &watcher->lock, &until);
	goes_on = !watcher->is_stopping;
	pthread_mutex_unlock(&watcher->lock);
	return goes_on;
}

static void on_failure(struct watcher *watcher, const char *reason)
{
	watcher->failures++;
	watcher->is_current = false;
	if (watcher->is_failing)
		return;
	watcher->is_failing = true;
	log_warn(watcher->options.silence, log_str("api", watcher->options.api),
		log_str("of", watcher->options.of), log_str("reason", reason));
}

/* The watch is open, or a list was whole of who has no watches. */
static void on_watch(void *context)
{
	struct watcher *watcher = context;

	watcher->is_current = true;
	if (watcher->is_failing)
		log_info(watcher->options.speech, log_str("api", watcher->options.api),
			log_str("of", watcher->options.of));
	watcher->is_failing = false;
}

static void *watcher_thread(void *context)
{
	struct watcher *watcher = context;
	struct watch *watch = &watcher->watch;
	enum watch_result result;
	bool goes_on = true;

	privilege_drop_thread();
	while (goes_on) {
		uint64_t begin_ns = clock_monotonic_ns();
		bool lists = watch->needs_list;
		char error[API_ERROR_LEN];

		result = watch_continue(watch, watcher->client, random_number(), error);
		if (result == WATCH_STOPPED)
			break;
		if (result == WATCH_DONE && lists && (!watch->kind->is_polled || watch->lists == 1))
			watcher->options.on_list(watcher->options.context);
		if (result == WATCH_DONE && watch->kind->is_polled) {
			watcher->pause_ns = POLL_NS;
			goes_on = rest(watcher);
			watcher->pause_ns = PAUSE_FIRST_NS;
			continue;
		}
		/* a list alone is no success: it may be asked for again and again */
		if (!lists && clock_monotonic_ns() - begin_ns >= HELD_NS)
			watcher->pause_ns = PAUSE_FIRST_NS;
		if (result == WATCH_FAILED)
			on_failure(watcher, error);
		/* a server that ends each watch at once is not asked without a pause */
		if (result == WATCH_FAILED ||
			(!lists && clock_monotonic_ns() - begin_ns < PAUSE_FIRST_NS))
			goes_on = rest(watcher);
	}
	return NULL;
}

/* --- life --- */

static void watcher_free(struct watcher *watcher)
{
	if (watcher->client)
		api_client_close(watcher->client);
	pthread_cond_destroy(&watcher->wake);
	pthread_mutex_destroy(&watcher->lock);
	free(watcher);
}

int watcher_start(struct watcher **out, const struct watcher_options *options,
	const struct api_client_options *client, const struct watch *watch, char *error)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	int result;

	snprintf(error, API_ERROR_LEN, "no memory for pods");
	if (!watcher)
		return -ENOMEM;
	watcher->options = *options;
	watcher->pause_ns = PAUSE_FIRST_NS;
	pthread_mutex_init(&watcher->lock, NULL);
	condition_init(&watcher->wake);
	watch_begin(&watcher->watch, watch->kind, watch->keeper, watch->path);
	watcher->watch.tells = on_watch;
	watcher->watch.context = watcher;
	result = api_client_open(&watcher->client, client, error);
	if (!result) {
		result = thread_start(
			&watcher->thread, "kubernetes", STACK_BYTES, watcher_thread, watcher);
		if (result)
			snprintf(error, API_ERROR_LEN, "no thread for pods: %s", strerror(-result));
	}
	if (result) {
		watcher_free(watcher);
		return result;
	}
	*out = watcher;
	return 0;
}

void watcher_stop(struct watcher *watcher)
{
	if (!watcher)
		return;
	pthread_mutex_lock(&watcher->lock);
	watcher->is_stopping = true;
	pthread_cond_signal(&watcher->wake);
	pthread_mutex_unlock(&watcher->lock);
	api_client_stop(watcher->client);
	pthread_join(watcher->thread, NULL);
	watcher_free(watcher);
}

void watcher_counters(const struct watcher *watcher, struct watcher_counters *counters)
{
	const struct watch *watch = &watcher->watch;

	*counters = (struct watcher_counters){
		.lists = watch->lists,
		.watches = watch->watches,
		.unread = watch->unread,
		.failures = watcher->failures,
		.is_current = watcher->is_current,
	};
	for (int i = 0; i < WATCH_EVENTS; i++)
		counters->events[i] = watch->events[i];
}

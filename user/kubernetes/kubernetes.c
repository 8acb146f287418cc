/* SPDX-License-Identifier: Apache-2.0 */
/* See kubernetes.h: the thread, and its pauses. */
#include "kubernetes/kubernetes.h"

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
/* A watch that held for so long was none that failed at once. */
#define HELD_NS 10000000000ULL

struct kubernetes {
	struct kubernetes_place place;
	struct api_client *client;
	struct pod_table *pods;
	struct pod_watch watch;
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
static bool rest(struct kubernetes *kubernetes)
{
	uint64_t pause_ns = kubernetes->pause_ns;
	uint64_t until_ns = clock_monotonic_ns() + pause_ns / 2 +
			    pause_ns / 2 * (random_number() % 1024) / 1024;
	struct timespec until = {
		.tv_sec = (time_t)(until_ns / 1000000000),
		.tv_nsec = (long)(until_ns % 1000000000),
	};
	bool goes_on;

	kubernetes->pause_ns = 2 * pause_ns < PAUSE_MOST_NS ? 2 * pause_ns : PAUSE_MOST_NS;
	pthread_mutex_lock(&kubernetes->lock);
	while (!kubernetes->is_stopping && clock_monotonic_ns() < until_ns)
		pthread_cond_timedwait(&kubernetes->wake, &kubernetes->lock, &until);
	goes_on = !kubernetes->is_stopping;
	pthread_mutex_unlock(&kubernetes->lock);
	return goes_on;
}

static void on_failure(struct kubernetes *kubernetes, const char *reason)
{
	kubernetes->failures++;
	kubernetes->is_current = false;
	if (kubernetes->is_failing)
		return;
	kubernetes->is_failing = true;
	log_warn("the API server does not tell of pods, and will be asked again; what is known "
		 "stays",
		log_str("api", kubernetes->place.api), log_str("reason", reason));
}

/* The watch is open. */
static void on_watch(void *context)
{
	struct kubernetes *kubernetes = context;

	kubernetes->is_current = true;
	if (kubernetes->is_failing)
		log_info("the API server tells of pods again",
			log_str("api", kubernetes->place.api));
	kubernetes->is_failing = false;
}

static void on_list(const struct kubernetes *kubernetes)
{
	log_info("the pods of this node are known", log_str("node", kubernetes->place.node),
		log_int("pods", (int64_t)pod_table_count(kubernetes->pods)));
}

static void *watch_thread(void *context)
{
	struct kubernetes *kubernetes = context;
	struct pod_watch *watch = &kubernetes->watch;
	enum pod_watch_result result;
	bool goes_on = true;

	privilege_drop_thread();
	while (goes_on) {
		uint64_t begin_ns = clock_monotonic_ns();
		bool lists = watch->needs_list;
		char error[API_ERROR_LEN];

		result = pod_watch_continue(watch, kubernetes->client, random_number(), error);
		if (result == POD_WATCH_STOPPED)
			break;
		if (result == POD_WATCH_DONE && lists)
			on_list(kubernetes);
		/* a list alone is no success: it may be asked for again and again */
		if (!lists && clock_monotonic_ns() - begin_ns >= HELD_NS)
			kubernetes->pause_ns = PAUSE_FIRST_NS;
		if (result == POD_WATCH_FAILED)
			on_failure(kubernetes, error);
		/* a server that ends each watch at once is not asked without a pause */
		if (result == POD_WATCH_FAILED ||
			(!lists && clock_monotonic_ns() - begin_ns < PAUSE_FIRST_NS))
			goes_on = rest(kubernetes);
	}
	return NULL;
}

/* --- life --- */

static void kubernetes_free(struct kubernetes *kubernetes)
{
	if (kubernetes->client)
		api_client_close(kubernetes->client);
	pod_table_free(kubernetes->pods);
	pthread_cond_destroy(&kubernetes->wake);
	pthread_mutex_destroy(&kubernetes->lock);
	free(kubernetes);
}

static struct kubernetes *kubernetes_new(const struct kubernetes_place *place)
{
	struct kubernetes *kubernetes = calloc(1, sizeof(*kubernetes));

	if (!kubernetes)
		return NULL;
	kubernetes->place = *place;
	kubernetes->pause_ns = PAUSE_FIRST_NS;
	pthread_mutex_init(&kubernetes->lock, NULL);
	condition_init(&kubernetes->wake);
	kubernetes->pods = pod_table_new(place->node, &place->choice);
	if (kubernetes->pods)
		return kubernetes;
	kubernetes_free(kubernetes);
	return NULL;
}

int kubernetes_start(struct kubernetes **out, const struct kubernetes_place *place,
	const char *version, char error[KUBERNETES_ERROR_LEN])
{
	struct kubernetes *kubernetes = kubernetes_new(place);
	struct api_client_options options = {
		.url = place->api,
		.token_file = place->token_file,
		.ca_file = place->ca_file,
		.version = version,
	};
	int result;

	if (!kubernetes) {
		snprintf(error, KUBERNETES_ERROR_LEN, "no memory for pods");
		return -ENOMEM;
	}
	pod_watch_begin(&kubernetes->watch, kubernetes->pods, kubernetes->place.node);
	kubernetes->watch.tells = on_watch;
	kubernetes->watch.context = kubernetes;
	result = api_client_open(&kubernetes->client, &options, error);
	if (!result) {
		result = thread_start(
			&kubernetes->thread, "kubernetes", STACK_BYTES, watch_thread, kubernetes);
		if (result)
			snprintf(error, KUBERNETES_ERROR_LEN, "no thread for pods: %s",
				strerror(-result));
	}
	if (result) {
		kubernetes_free(kubernetes);
		return result;
	}
	*out = kubernetes;
	return 0;
}

void kubernetes_stop(struct kubernetes *kubernetes)
{
	if (!kubernetes)
		return;
	pthread_mutex_lock(&kubernetes->lock);
	kubernetes->is_stopping = true;
	pthread_cond_signal(&kubernetes->wake);
	pthread_mutex_unlock(&kubernetes->lock);
	api_client_stop(kubernetes->client);
	pthread_join(kubernetes->thread, NULL);
	kubernetes_free(kubernetes);
}

struct pod_table *kubernetes_pods(const struct kubernetes *kubernetes)
{
	return kubernetes->pods;
}

void kubernetes_counters(const struct kubernetes *kubernetes, struct kubernetes_counters *counters)
{
	const struct pod_watch *watch = &kubernetes->watch;

	*counters = (struct kubernetes_counters){
		.lists = watch->lists,
		.watches = watch->watches,
		.unread = watch->unread,
		.failures = kubernetes->failures,
		.is_current = kubernetes->is_current,
	};
	for (int i = 0; i < POD_EVENTS; i++)
		counters->events[i] = watch->events[i];
}

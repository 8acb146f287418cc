/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exporter (otlp.h): thread, retries and accounting. The main thread adds to the queue; the
 * exporter's thread takes full batches from it, or the open one when its time has come. One lock
 * guards the queue and the counters, and nobody keeps it for longer than it takes to copy an item.
 */
#include "export/otlp/otlp.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "export/otlp/otlp_encode.h"
#include "export/otlp/otlp_messages.pb-c.h"
#include "privilege/privilege.h"

#define STACK_BYTES (256 * 1024) /* a TLS handshake needs a tenth; the default is 8 MB */

#define RETRY_FIRST_NS 500000000ull
#define RETRY_MOST_NS  10000000000ull
#define RETRY_FOR_NS   300000000000ull

const char *const otlp_drop_names[OTLP_DROPS] = {
	[OTLP_DROP_QUEUE_FULL] = "queue_full",
	[OTLP_DROP_REJECTED] = "rejected",
	[OTLP_DROP_RETRIES_EXHAUSTED] = "retries_exhausted",
	[OTLP_DROP_SHUTDOWN] = "shutdown",
	[OTLP_DROP_NO_MEMORY] = "no_memory",
};

struct otlp {
	const struct otlp_signal *signal;
	struct otlp_about about;
	struct otlp_http *http;
	bool compressed;
	uint64_t interval_ns;
	uint64_t retry_first_ns;
	uint64_t retry_most_ns;
	uint64_t retry_for_ns;
	pthread_t thread;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;  /* of the exporter's thread */
	struct otlp_queue queue;
	bool stopping;
	uint64_t deadline_ns; /* when stopping */
	struct otlp_counters counters;

	/* the exporter's thread alone */
	uint64_t backoff_ns;
	bool failing;             /* the last request was, and that has been logged */
	uint64_t dropped_at_fail; /* by the full queue, when it began */
};

/* --- the main thread's side --- */

/* Under the lock. */
static void count_drop(struct otlp *otlp, enum otlp_drop reason, size_t items)
{
	otlp->counters.dropped[reason] += items;
	otlp->counters.queued -= items;
}

void otlp_export(struct otlp *otlp, const void *item)
{
	int error;

	pthread_mutex_lock(&otlp->lock);
	otlp->counters.offered++;
	otlp->counters.queued++;
	error = otlp_queue_add(&otlp->queue, item);
	if (error) {
		count_drop(otlp, error == -ENOMEM ? OTLP_DROP_NO_MEMORY : OTLP_DROP_QUEUE_FULL, 1);
	} else if (otlp->queue.open->count == 1) {
		/* the one before it is full, or the time of this one begins */
		otlp->queue.open->opened_ns = clock_monotonic_ns();
		pthread_cond_signal(&otlp->wake);
	}
	pthread_mutex_unlock(&otlp->lock);
}

void otlp_counters(struct otlp *otlp, struct otlp_counters *out)
{
	pthread_mutex_lock(&otlp->lock);
	*out = otlp->counters;
	out->queue_bytes = otlp->queue.batches * otlp->queue.batch_bytes;
	pthread_mutex_unlock(&otlp->lock);
}

/* --- the exporter's thread --- */

/* Under the lock, which it gives up while it waits. Returns on any signal too. */
static void wait_until(struct otlp *otlp, uint64_t time_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(time_ns / 1000000000),
		.tv_nsec = (long)(time_ns % 1000000000),
	};
	pthread_cond_timedwait(&otlp->wake, &otlp->lock, &until);
}

/* Waits for a batch that is full or due. NULL: it is time to stop. */
static struct otlp_batch *next_batch(struct otlp *otlp)
{
	struct otlp_batch *batch = NULL;

	pthread_mutex_lock(&otlp->lock);
	while (!otlp->stopping || clock_monotonic_ns() < otlp->deadline_ns) {
		const struct otlp_batch *open = otlp->queue.open;
		bool filling = open && open->count;
		uint64_t due_ns = filling ? open->opened_ns + otlp->interval_ns : 0;

		batch = otlp_queue_take(
			&otlp->queue, otlp->stopping || clock_monotonic_ns() >= due_ns);
		if (batch || otlp->stopping)
			break;
		if (filling)
			wait_until(otlp, due_ns);
		else
			pthread_cond_wait(&otlp->wake, &otlp->lock);
	}
	pthread_mutex_unlock(&otlp->lock);
	return batch;
}

/* Half to all of the interval, at random: who failed together does not come back together. */
static uint64_t next_backoff_ns(struct otlp *otlp)
{
	uint64_t interval_ns = otlp->backoff_ns;
	uint16_t random = 0;

	otlp->backoff_ns =
		2 * interval_ns < otlp->retry_most_ns ? 2 * interval_ns : otlp->retry_most_ns;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint16_t)clock_monotonic_ns(); /* early in the boot: good enough */
	return interval_ns / 2 + interval_ns / 2 * random / UINT16_MAX;
}

static bool is_stopping(struct otlp *otlp)
{
	bool stopping;

	pthread_mutex_lock(&otlp->lock);
	stopping = otlp->stopping;
	pthread_mutex_unlock(&otlp->lock);
	return stopping;
}

/*
 * Waits before the next try. If the stop began after the last one did (`was_stopping` is false), it
 * ends the wait: one more try, now. False: the exporter stops before there could be another.
 */
static bool wait_to_retry(struct otlp *otlp, uint64_t wait_ns, bool was_stopping)
{
	uint64_t until_ns = clock_monotonic_ns() + wait_ns;
	bool retry;

	pthread_mutex_lock(&otlp->lock);
	retry = !was_stopping || until_ns < otlp->deadline_ns;
	while (retry && otlp->stopping == was_stopping && clock_monotonic_ns() < until_ns)
		wait_until(otlp, until_ns);
	pthread_mutex_unlock(&otlp->lock);
	return retry;
}

enum verdict { ACCEPTED, REFUSED, UNAVAILABLE };

/* As the OTLP specification lists them; a redirect is not followed, hence a refusal. */
static enum verdict verdict_of(int status)
{
	switch (status) {
	case 0: /* no answer */
	case 429:
	case 502:
	case 503:
	case 504: return UNAVAILABLE;
	default: return status >= 200 && status < 300 ? ACCEPTED : REFUSED;
	}
}

/* The answer about logs has the same fields by the same numbers. */
static void on_accepted(struct otlp *otlp, const struct otlp_answer *answer, size_t items)
{
	Otlp__ExportTraceServiceResponse *response =
		otlp__export_trace_service_response__unpack(NULL, answer->body_size, answer->body);
	Otlp__ExportTracePartialSuccess *partial = response ? response->partial_success : NULL;
	int64_t refused = partial && partial->rejected_spans > 0 ? partial->rejected_spans : 0;
	size_t dropped = (uint64_t)refused < items ? (size_t)refused : items;
	uint64_t lost;

	pthread_mutex_lock(&otlp->lock);
	count_drop(otlp, OTLP_DROP_REJECTED, dropped);
	otlp->counters.exported += items - dropped;
	otlp->counters.queued -= items - dropped;
	lost = otlp->counters.dropped[OTLP_DROP_QUEUE_FULL] - otlp->dropped_at_fail;
	pthread_mutex_unlock(&otlp->lock);

	otlp->backoff_ns = otlp->retry_first_ns;
	if (otlp->failing)
		log_info("OTLP export works again", log_str("endpoint", otlp_http_url(otlp->http)),
			log_int("dropped_meanwhile", (int64_t)lost));
	otlp->failing = false;
	if (refused)
		log_warn("the OTLP backend refused a part", log_str("of", otlp->signal->items),
			log_int("count", refused), log_str("reason", partial->error_message));
	else if (partial && *partial->error_message)
		log_warn("the OTLP backend warns", log_str("of", otlp->signal->items),
			log_str("warning", partial->error_message));
	if (response)
		otlp__export_trace_service_response__free_unpacked(response, NULL);
}

/* The server's own words for an error status, when it speaks protobuf; "" otherwise. */
static void log_failure(struct otlp *otlp, const char *message, const struct otlp_answer *answer)
{
	Otlp__ErrorStatus *status = NULL;
	const char *reason = answer->error;

	if (!reason) {
		status = otlp__error_status__unpack(NULL, answer->body_size, answer->body);
		reason = status ? status->message : "";
	}
	log_warn(message, log_str("endpoint", otlp_http_url(otlp->http)),
		log_int("status", answer->status), log_str("reason", reason));
	if (status)
		otlp__error_status__free_unpacked(status, NULL);
}

static void on_unavailable(struct otlp *otlp, const struct otlp_answer *answer)
{
	if (otlp->failing)
		return;
	otlp->failing = true;
	pthread_mutex_lock(&otlp->lock);
	otlp->dropped_at_fail = otlp->counters.dropped[OTLP_DROP_QUEUE_FULL];
	pthread_mutex_unlock(&otlp->lock);
	log_failure(otlp, "OTLP export fails and will be tried again", answer);
}

static void drop(struct otlp *otlp, enum otlp_drop reason, size_t items)
{
	pthread_mutex_lock(&otlp->lock);
	count_drop(otlp, reason, items);
	pthread_mutex_unlock(&otlp->lock);
}

static void count_request(struct otlp *otlp, enum verdict verdict, bool first)
{
	pthread_mutex_lock(&otlp->lock);
	otlp->counters.requests_ok += verdict == ACCEPTED;
	otlp->counters.requests_failed += verdict != ACCEPTED;
	otlp->counters.retries += !first;
	pthread_mutex_unlock(&otlp->lock);
}

/* Tries until the backend took the body, refused it, or time is up; accounts for its items. */
static void deliver(
	struct otlp *otlp, const struct otlp_body *body, size_t items, uint64_t give_up_ns)
{
	for (bool first = true;; first = false) {
		bool stopping = is_stopping(otlp);
		struct otlp_answer answer;
		enum verdict verdict;
		uint64_t wait_ns;

		otlp_http_post(otlp->http, body->data, body->size, &answer);
		verdict = verdict_of(answer.status);
		count_request(otlp, verdict, first);
		if (verdict == ACCEPTED) {
			on_accepted(otlp, &answer, items);
			return;
		}
		if (verdict == REFUSED) {
			log_failure(otlp, "the OTLP backend refused a request", &answer);
			drop(otlp, OTLP_DROP_REJECTED, items);
			return;
		}
		on_unavailable(otlp, &answer);
		wait_ns = answer.retry_after_ns ? answer.retry_after_ns : next_backoff_ns(otlp);
		if (!wait_to_retry(otlp, wait_ns, stopping)) {
			drop(otlp, OTLP_DROP_SHUTDOWN, items);
			return;
		}
		/* after the wait, so that the next batch, as old perhaps, does not try at once */
		if (clock_monotonic_ns() >= give_up_ns) {
			drop(otlp, OTLP_DROP_RETRIES_EXHAUSTED, items);
			return;
		}
	}
}

static void *export_thread(void *context)
{
	struct otlp *otlp = context;
	struct otlp_batch *batch;

	privilege_drop_thread();
	while ((batch = next_batch(otlp))) {
		struct otlp_body body;
		size_t items = batch->count;
		uint64_t give_up_ns = batch->opened_ns + otlp->retry_for_ns;
		int error = otlp_encode(
			&body, &otlp->about, otlp->signal, batch->items, items, otlp->compressed);

		/* its place is better used for new items, which wait longer than it takes to send
		 */
		free(batch);
		pthread_mutex_lock(&otlp->lock);
		otlp_queue_freed(&otlp->queue);
		pthread_mutex_unlock(&otlp->lock);

		if (error)
			drop(otlp, OTLP_DROP_NO_MEMORY, items);
		else
			deliver(otlp, &body, items, give_up_ns);
		free(body.data);
	}
	return NULL;
}

/* --- life --- */

static uint64_t or_default(uint64_t value, uint64_t standard)
{
	return value ? value : standard;
}

static void set_options(struct otlp *otlp, const struct otlp_options *options)
{
	otlp->signal = options->signal;
	otlp->compressed = options->compressed;
	otlp->interval_ns = options->interval_ns;
	otlp->retry_first_ns = or_default(options->retry_first_ns, RETRY_FIRST_NS);
	otlp->retry_most_ns = or_default(options->retry_most_ns, RETRY_MOST_NS);
	otlp->retry_for_ns = or_default(options->retry_for_ns, RETRY_FOR_NS);
	otlp->backoff_ns = otlp->retry_first_ns;
	otlp_queue_init(&otlp->queue, options->signal, options->queue_bytes);
}

static void otlp_free(struct otlp *otlp)
{
	if (otlp->http)
		otlp_http_close(otlp->http);
	pthread_cond_destroy(&otlp->wake);
	pthread_mutex_destroy(&otlp->lock);
	free((char *)otlp->about.host_name);
	free((char *)otlp->about.version);
	free(otlp);
}

static struct otlp *otlp_new(const struct otlp_options *options)
{
	struct otlp *otlp = calloc(1, sizeof(*otlp));

	if (!otlp)
		return NULL;
	pthread_mutex_init(&otlp->lock, NULL);
	condition_init(&otlp->wake);
	set_options(otlp, options);
	otlp->about.host_name = strdup(options->host_name ? options->host_name : "");
	otlp->about.version = strdup(options->version);
	if (!otlp->about.host_name || !otlp->about.version) {
		otlp_free(otlp);
		return NULL;
	}
	return otlp;
}

static int http_open(
	struct otlp *otlp, const struct otlp_options *options, char error[OTLP_ERROR_LEN])
{
	bool is_exact = options->exact_endpoint && *options->exact_endpoint;
	struct otlp_http_options http = {
		.endpoint = is_exact ? options->exact_endpoint : options->endpoint,
		.path = is_exact ? NULL : options->signal->path,
		.headers_variable = options->signal->headers_variable,
		.version = options->version,
		.timeout_ns = options->timeout_ns,
		.compressed = options->compressed,
	};

	return otlp_http_open(&otlp->http, &http, error);
}

int otlp_start(struct otlp **out, const struct otlp_options *options, char error[OTLP_ERROR_LEN])
{
	struct otlp *otlp;
	int result;

	if (options->queue_bytes < OTLP_QUEUE_BYTES_MIN) {
		snprintf(error, OTLP_ERROR_LEN, "otlp-queue-size must be at least %d bytes",
			OTLP_QUEUE_BYTES_MIN);
		return -EINVAL;
	}
	otlp = otlp_new(options);
	if (!otlp) {
		snprintf(error, OTLP_ERROR_LEN, "no memory for the OTLP exporter");
		return -ENOMEM;
	}
	result = http_open(otlp, options, error);
	if (result == 0) {
		result = thread_start(&otlp->thread, "otlp", STACK_BYTES, export_thread, otlp);
		if (result < 0)
			snprintf(error, OTLP_ERROR_LEN, "no thread for the OTLP exporter: %s",
				strerror(-result));
	}
	if (result < 0) {
		otlp_free(otlp);
		return result;
	}
	*out = otlp;
	return 0;
}

void otlp_stop(struct otlp *otlp, uint64_t deadline_ns, struct otlp_counters *last)
{
	size_t lost;

	pthread_mutex_lock(&otlp->lock);
	otlp->stopping = true;
	otlp->deadline_ns = deadline_ns;
	pthread_cond_signal(&otlp->wake);
	pthread_mutex_unlock(&otlp->lock);
	otlp_http_set_deadline(otlp->http, deadline_ns);
	pthread_join(otlp->thread, NULL);

	count_drop(otlp, OTLP_DROP_SHUTDOWN, otlp_queue_clear(&otlp->queue));
	lost = otlp->counters.dropped[OTLP_DROP_SHUTDOWN];
	if (lost)
		log_warn("telemetry was lost: the OTLP backend did not take it before the end",
			log_str("of", otlp->signal->items), log_int("count", (int64_t)lost));
	if (last)
		otlp_counters(otlp, last);
	otlp_free(otlp);
}

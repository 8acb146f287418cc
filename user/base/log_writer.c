/* SPDX-License-Identifier: Apache-2.0 */
/* See log_writer.h. */
#include "base/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#define STACK_BYTES (64 * 1024)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;  /* for the thread: a line, or the end */
	pthread_cond_t emptied; /* for who waits for the end: a line was written */
	pthread_t thread;
	void (*prepare)(void);
	bool runs;   /* lines go to the queue */
	bool ending; /* the thread ends once the queue is empty */
	bool ended;
	size_t begin, length; /* of what waits in `bytes`, which is a ring */
	char bytes[LOG_QUEUE_BYTES];
	uint64_t written; /* lines */
	uint64_t dropped;
	uint64_t reported; /* of those */
} writer = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.filled = PTHREAD_COND_INITIALIZER,
};

/* Waits as long as it takes. A failure has nowhere to be reported but in the count. */
static bool write_line(const char *line, size_t length)
{
	while (length) {
		ssize_t written = write(STDERR_FILENO, line, length);

		if (written < 0 && errno == EAGAIN) { /* others made it so */
			struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};

			poll(&room, 1, -1);
			continue;
		}
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		line += written;
		length -= (size_t)written;
	}
	return true;
}

/* --- the queue, under the lock --- */

static bool queue_add(const char *line, size_t length)
{
	size_t end = (writer.begin + writer.length) % LOG_QUEUE_BYTES;
	size_t first = LOG_QUEUE_BYTES - end;

	if (length > LOG_QUEUE_BYTES - writer.length)
		return false;
	if (first > length)
		first = length;
	memcpy(writer.bytes + end, line, first);
	memcpy(writer.bytes, line + first, length - first);
	writer.length += length;
	return true;
}

/* The first line of a queue that is not empty; its length. */
static size_t queue_take(char line[LOG_LINE_LEN])
{
	size_t length = 0;

	while (writer.length && length < LOG_LINE_LEN) {
		line[length] = writer.bytes[writer.begin];
		writer.begin = (writer.begin + 1) % LOG_QUEUE_BYTES;
		writer.length--;
		if (line[length++] == '\n')
			break;
	}
	return length;
}

/* --- the thread --- */

/* When lines flow again: how many did not. */
static void dropped_report(uint64_t dropped)
{
	log_warn("log lines were dropped, as nobody read standard error",
		log_int("lines", (int64_t)dropped));
}

static void *run(void *context)
{
	char line[LOG_LINE_LEN];
	(void)context;

	if (writer.prepare)
		writer.prepare();
	pthread_mutex_lock(&writer.lock);
	for (;;) {
		uint64_t untold = 0;

		while (!writer.length && !writer.ending)
			pthread_cond_wait(&writer.filled, &writer.lock);
		if (!writer.length)
			break;
		size_t length = queue_take(line);
		pthread_mutex_unlock(&writer.lock);
		bool done = write_line(line, length);
		pthread_mutex_lock(&writer.lock);
		writer.written++;
		writer.dropped += !done;
		if (done && writer.length <= LOG_QUEUE_BYTES / 2) { /* with room to say it */
			untold = writer.dropped - writer.reported;
			writer.reported = writer.dropped;
		}
		pthread_cond_signal(&writer.emptied);
		if (untold) {
			pthread_mutex_unlock(&writer.lock);
			dropped_report(untold);
			pthread_mutex_lock(&writer.lock);
		}
	}
	writer.ended = true;
	writer.runs = false;
	pthread_cond_signal(&writer.emptied);
	pthread_mutex_unlock(&writer.lock);
	return NULL;
}

int log_writer_begin(void (*prepare)(void))
{
	int result;

	condition_init(&writer.emptied);
	writer.ending = writer.ended = false;
	writer.prepare = prepare;
	writer.runs = true;
	result = thread_start(&writer.thread, NULL, STACK_BYTES, run, NULL);
	writer.runs = !result;
	return result;
}

/* --- everybody's side --- */

void log_writer_put(const char *line, size_t length)
{
	pthread_mutex_lock(&writer.lock);
	bool queued = writer.runs;

	if (queued && !queue_add(line, length))
		writer.dropped++;
	else if (queued)
		pthread_cond_signal(&writer.filled);
	pthread_mutex_unlock(&writer.lock);
	if (!queued)
		write_line(line, length);
}

/* Returns whether a line was written meanwhile, or the thread has ended. */
static bool wait_for_progress(uint64_t until_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(until_ns / 1000000000),
		.tv_nsec = (long)(until_ns % 1000000000),
	};
	uint64_t written = writer.written;

	while (!writer.ended && writer.written == written)
		if (pthread_cond_timedwait(&writer.emptied, &writer.lock, &until))
			return false;
	return true;
}

void log_writer_end(uint64_t deadline_ns)
{
	bool moves = true;

	pthread_mutex_lock(&writer.lock);
	if (!writer.runs) {
		pthread_mutex_unlock(&writer.lock);
		return;
	}
	writer.ending = true;
	pthread_cond_signal(&writer.filled);
	while (moves && !writer.ended) {
		uint64_t stalled_ns = clock_monotonic_ns() + LOG_STALL_NS;

		moves = wait_for_progress(stalled_ns < deadline_ns ? stalled_ns : deadline_ns);
	}
	bool ended = writer.ended;
	pthread_mutex_unlock(&writer.lock);
	if (ended)
		pthread_join(writer.thread, NULL);
	else
		pthread_detach(writer.thread); /* it waits in write(), which the exit ends */
}

uint64_t log_lines_dropped(void)
{
	pthread_mutex_lock(&writer.lock);
	uint64_t dropped = writer.dropped;
	pthread_mutex_unlock(&writer.lock);
	return dropped;
}

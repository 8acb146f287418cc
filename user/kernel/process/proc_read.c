/* SPDX-License-Identifier: Apache-2.0 */
/* See proc_read.h. */
#include "kernel/process/proc_read.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

/* Readers that may be left behind at a time: a thread and PROC_READ_MAX bytes each. */
#define LEFT_BEHIND_MAX 16

enum reader_state { READER_WAITS, READER_READS, READER_DONE, READER_LEFT };

/* A thread that reads, and what it is asked for. It frees itself once it was left behind. */
struct reader {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum reader_state state;
	char path[64];
	size_t size;
	ssize_t result;
	char bytes[PROC_READ_MAX];
};

static struct reader *reader; /* that waits for work, or NULL */
static atomic_int left_behind;

static ssize_t file_read(const char *path, char *bytes, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t filled = 0;
	ssize_t got = 0;

	if (file < 0)
		return -errno;
	while (filled < size && (got = read(file, bytes + filled, size - filled)) > 0)
		filled += (size_t)got;
	if (got < 0 && !filled)
		got = -errno;
	close(file);
	return filled ? (ssize_t)filled : got;
}

static void reader_free(struct reader *gone)
{
	pthread_cond_destroy(&gone->changed);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
}

static void *reader_run(void *argument)
{
	struct reader *self = argument;
	ssize_t result;

	pthread_mutex_lock(&self->lock);
	while (self->state != READER_LEFT) {
		if (self->state != READER_READS) {
			pthread_cond_wait(&self->changed, &self->lock);
			continue;
		}
		pthread_mutex_unlock(&self->lock);
		result = file_read(self->path, self->bytes, self->size);
		pthread_mutex_lock(&self->lock);
		self->result = result;
		if (self->state == READER_READS)
			self->state = READER_DONE;
		pthread_cond_signal(&self->changed);
	}
	pthread_mutex_unlock(&self->lock);
	reader_free(self);
	left_behind--;
	return NULL;
}

static struct reader *reader_new(void)
{
	struct reader *new = calloc(1, sizeof(*new));
	pthread_attr_t detached;
	pthread_t thread;
	int failed;

	if (!new)
		return NULL;
	pthread_mutex_init(&new->lock, NULL);
	condition_init(&new->changed);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	failed = pthread_create(&thread, &detached, reader_run, new);
	pthread_attr_destroy(&detached);
	if (failed) {
		reader_free(new);
		return NULL;
	}
	return new;
}

/* Leaves the reader to itself: it ends when its read does. */
static void reader_leave(struct reader *left)
{
	left_behind++;
	left->state = READER_LEFT;
	pthread_cond_signal(&left->changed);
	pthread_mutex_unlock(&left->lock);
}

ssize_t proc_read(const char *path, void *bytes, size_t size)
{
	uint64_t until_ns = clock_monotonic_ns() + PROC_READ_WAIT_NS;
	struct timespec until = {(time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000)};
	struct reader *asked = reader;
	ssize_t result;

	if (left_behind >= LEFT_BEHIND_MAX)
		return -EBUSY;
	if (!asked && !(asked = reader = reader_new()))
		return -ENOMEM;
	pthread_mutex_lock(&asked->lock);
	snprintf(asked->path, sizeof(asked->path), "%s", path);
	asked->size = size < PROC_READ_MAX ? size : PROC_READ_MAX;
	asked->state = READER_READS;
	pthread_cond_signal(&asked->changed);
	while (asked->state != READER_DONE) {
		if (!pthread_cond_timedwait(&asked->changed, &asked->lock, &until))
			continue;
		if (asked->state == READER_DONE)
			break; /* at the last moment */
		reader = NULL;
		reader_leave(asked);
		return -ETIMEDOUT;
	}
	result = asked->result;
	if (result > 0)
		memcpy(bytes, asked->bytes, (size_t)result);
	asked->state = READER_WAITS;
	pthread_mutex_unlock(&asked->lock);
	return result;
}

void proc_read_end(void)
{
	if (!reader)
		return;
	pthread_mutex_lock(&reader->lock);
	reader_leave(reader);
	reader = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How threads beside the main one begin. */
#ifndef SONDE_THREAD_H
#define SONDE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/*
 * Starts a thread with all signals blocked: they are the main thread's, which takes them by a
 * descriptor, and a SIGPIPE of TLS is nobody's. `name` has at most 15 characters; NULL: the
 * process's. Returns 0 or a negative errno.
 */
int thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
	void *(*run)(void *context), void *context);

/* A condition whose waits end by the monotonic clock. */
void condition_init(pthread_cond_t *condition);

#endif

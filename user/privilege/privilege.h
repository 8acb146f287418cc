/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Sonde gives up once it needs it no more, so that whoever finds a fault in how it reads what
 * others wrote gets little by it. Each thread gives up all that it has before it does its work:
 * user, capabilities, system calls (call_filter.h), files (file_rules.h). The main thread does so
 * when all is loaded, attached and opened, and keeps the capabilities of kept_capabilities[] that
 * the sweeps turn out to need. None can be had back.
 *
 *   privilege_prepare(&options, error);     before there are threads
 *   … each thread: privilege_drop_thread();
 *   … the main thread, when all is open: privilege_drop_main(sweeps_work, probes);
 */
#ifndef SONDE_PRIVILEGE_H
#define SONDE_PRIVILEGE_H

#include <stdbool.h>
#include <stdio.h>

#include "privilege/file_rules.h"

enum privilege_mode { PRIVILEGES_DROP, PRIVILEGES_KEEP };

#define PRIVILEGE_ERROR_LEN 256

struct privilege_options {
	enum privilege_mode mode;
	const char *user;                  /* to become: a name or a number; "": stays */
	const char *configuration;         /* path, or "" */
	const char *logs[FILE_RULES_LOGS]; /* paths, or "" */
	const char *token, *ca;            /* paths of what is asked of an API server with, or "" */
};

/* 0, or a negative errno and in `error` what a person can do. */
int privilege_prepare(const struct privilege_options *options, char error[PRIVILEGE_ERROR_LEN]);

/*
 * All that the calling thread has. Without effect where privileges are kept. What the kernel
 * refuses is logged once.
 */
void privilege_drop_thread(void);

/*
 * The same for the main thread, but for the capabilities without which `works` says no; then logs
 * what is left. `works` is NULL where there are no probes. 0, or a negative errno that is logged:
 * the user could not be changed.
 */
int privilege_drop_main(bool (*works)(void *context), void *context);

/* For `sonde check`: what would be left, measured by `works`, which is NULL as above. */
void privilege_report(FILE *out, bool (*works)(void *context), void *context);

#endif

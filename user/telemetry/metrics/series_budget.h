/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has how much room for series, and who gives way when there is no more. Part of metrics.c.
 *
 * Room is counted in samples, as a back-end counts them. One rule holds between holders, between
 * the services of a holder, and within a service between groups of families: room is taken from who
 * has most, its least recently used series first; who has most itself can only replace what it did
 * not use for a minute. So nobody can be pushed below an equal share, and a working set that is
 * larger than its room does not turn over and over. Before anybody else, services give way that
 * have ended, and then, of a holder that gives, those that did nothing for 10 s, these down to half
 * of an equal share.
 *
 * Names are cheap, so a share by name is small where somebody makes thousands of services. Hence a
 * service counts for its holder (struct record_workload), which a program cannot choose. Within a
 * holder each group of families has a part of all room as well, which no other group can keep: a
 * thousand programs that only make system calls leave others the room for their requests. The part
 * is an eighth, or an equal one where there are more groups than eight.
 *
 * A gauge that is not 0 says what is now: such ones are listed apart, and go last.
 */
#ifndef SONDE_SERIES_BUDGET_H
#define SONDE_SERIES_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "record.h"
#include "telemetry/metrics/metrics.h"

/* What is shorter unused than this is part of somebody's working set. */
#define SERIES_IDLE_NS 60000000000ULL
/* A service in which nothing changes for so long rests, or has ended and this was not told yet. */
#define SERVICE_IDLE_NS 10000000000ULL

/* For so long the figures of who has ended may still come in. */
#define SERVICE_LAST_NS 3000000000ULL

/* A group has a part of all room as if there were at least as many groups. */
#define GROUPS_LEAST 8

/* What the families of one group take of a service's room. */
struct series_share {
	struct metric_series *used;     /* least recently used first */
	struct metric_series *standing; /* gauges that are not 0, likewise */
	size_t samples;
};

struct metric_service {
	struct metrics *metrics;
	struct series_holder *holder;
	struct metric_service *prev, *next; /* in the list of its holder, or of who has ended */
	UT_hash_handle hh;
	size_t processes; /* how many begins had no end yet */
	size_t resting;   /* for how many of these no process is known to live */
	bool sleeps;      /* another one may live */
	size_t claims;    /* it is being given room: not to be freed */
	uint64_t rested_ns;
	uint64_t used_ns; /* when a series changed last, or its last process ended */
	size_t samples;
	struct series_share shares[METRIC_GROUPS_MAX];
	char name[];
};

/* Who has services: a unit, a container or a user. */
struct series_holder {
	size_t samples;
	struct metric_service *living; /* least recently used first */
	size_t living_count;
	struct metric_service *largest; /* NULL: to be looked for */
	uint64_t used_up_ns;            /* the tick at which no unused series was found any more */
};

/* Zeroed, it has no room at all. */
struct series_budget {
	size_t samples_max, per_service_max;
	uint64_t ttl_ns; /* 0: nothing goes by itself */
	size_t samples;
	const char *groups[METRIC_GROUPS_MAX]; /* their names; NULL is one as well */
	unsigned group_count;
	size_t group_samples[METRIC_GROUPS_MAX];
	struct metric_series *group_used[METRIC_GROUPS_MAX]; /* as series_share.used, of all */
	struct metric_service *services;                     /* by name */
	struct metric_service *ended; /* least recently used first; who rests has ended */
	size_t holder_count;          /* of those that have somebody who lives */
	struct series_holder holders[HOLDERS_MAX];
};

/* The service of that name, as series_key.h writes it; made if need be. NULL: no memory. */
struct metric_service *budget_service(struct metrics *metrics, const char *name);

/* Frees it if it has neither series nor processes. */
void budget_tidy(struct metric_service *service);

/* Enters a series into the accounts and lists of its service, and takes it out of them. */
void budget_enter(struct metric_series *series);
void budget_leave(struct metric_series *series);

/* The series changed: it was made, or its value did. */
void budget_touch(struct metric_series *series);

/*
 * Who has to give way for a series of that family: in the service, which is full, or among all
 * services. NULL: nobody; there is no room for it.
 */
struct metric_series *budget_victim_within(
	const struct metric_service *service, const struct metric_family *family);
struct metric_series *budget_victim(
	const struct metric_service *claimant, const struct metric_family *family);

/* Frees all services, when metrics_free() has freed their series. */
void budget_clear(struct metrics *metrics);

/* A service whose series have been kept for long enough, after that one or the first; or NULL. */
struct metric_service *budget_expired(struct metrics *metrics, const struct metric_service *after);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which BPF programs there are (program_table.c), and which of them this run uses (programs.c): the
 * one list from which loading, attaching, falling back and `sonde check` follow.
 *
 * A program that cannot be had, for whatever reason, is switched off with one line. What goes with
 * it is told by its row: nothing but what it serves (`without`), or its source; of HTTP and DNS
 * first their backend, that is one of three sets of hooks around the same bodies, of which the
 * cheapest that can be had is used.
 *
 * Used by the main thread alone. Nothing here calls the kernel.
 */
#ifndef SONDE_PROGRAMS_H
#define SONDE_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

/* Of HTTP; the order in which they are tried. As a key's value, AUTO is whichever can be had. */
enum http_hooks { HTTP_HOOKS_AUTO, HTTP_TRACEPOINTS, HTTP_FENTRY, HTTP_KPROBES, HTTP_HOOKS };

enum hook {
	HOOK_TRACEPOINT, /* by BTF (tp_btf) */
	HOOK_FENTRY,
	HOOK_FEXIT,
	HOOK_KPROBE,
	HOOK_KRETPROBE,
	HOOK_ITERATOR
};

/* What a row waits for. */
enum program_when {
	WHEN_ALWAYS,
	WHEN_TABLES,  /* threads and sockets are kept in tables: programs_by_tables() */
	WHEN_FORGETS, /* so they are, or sockets are listed: programs_lists_sockets() */
	WHEN_THERE    /* the kernel has its target; where it has not, there is nothing to miss */
};

#define PROGRAMS_MAX        64 /* what is kept of each has so much room */
#define PROGRAM_TARGETS_MAX 3
#define PROGRAM_REASON_LEN  192
#define PROGRAMS_ERROR_LEN  640

/* A row of the table. */
struct program {
	const char *name;
	enum source source;
	enum hook hook;
	const char *targets[PROGRAM_TARGETS_MAX]; /* one of these must be there */
	unsigned backends;                        /* bits of enum http_hooks; 0: with any */
	const char *since;   /* the release that brought its target; NULL: an old one */
	const char *without; /* what is lost without it, which rows may share; NULL: its source */
	const char *unless;  /* the program in whose place it stands when that one is off */
	enum program_when when;
	bool reports_dns; /* it serves DNS as well, which is seen where HTTP is */
	bool helps_tcp;   /* TCP learns from it who uses a connection, and can do without */
	bool only_times;  /* in a run that the kernel leaves out a time is lost, and no event */
};

/* In the order in which they are attached, which leaves nobody out. */
extern const struct program program_table[];
extern const size_t program_count; /* ≤ PROGRAMS_MAX */

const struct program *program_find(const char *name); /* or NULL */

/* Its hook for a person: "tp_btf sys_enter", "kprobe inet_sendmsg, inet6_sendmsg". */
#define PROGRAM_HOOK_LEN 96
void program_hook(const struct program *program, char text[PROGRAM_HOOK_LEN]);

/* A backend of HTTP, for a person. */
const char *program_backend_name(enum http_hooks backend);

struct programs_options {
	bool wanted[SOURCES]; /* those that a key switches (record/sources.h) */
	enum http_hooks http_hooks;
	char *const *disabled; /* names, borrowed */
	size_t disabled_count;
	bool tables; /* this kernel lacks what it takes to keep threads and sockets otherwise */
	bool storage_vanishes; /* here it is taken from under iterators over sockets */
	/* Has this kernel the target of this hook? */
	bool (*has_target)(void *context, const struct program *program, const char *target);
	void *context;
};

/* What became of them. */
struct programs {
	struct programs_options options;
	enum http_hooks backend; /* of HTTP */
	signed char
		target[PROGRAMS_MAX]; /* 1: the kernel has it, -1: it has not, 0: not asked yet */
	char why_off[PROGRAMS_MAX][PROGRAM_REASON_LEN]; /* "": it can be had, as far as was asked */
	const struct program *source_off[SOURCES];      /* what it cannot be without, or NULL */
	const struct program *backend_off[HTTP_HOOKS];  /* likewise */
	const struct program *tcp_help_off; /* likewise: no backend can be had for TCP */
	char error[PROGRAMS_ERROR_LEN];     /* why nothing can run */
};

/*
 * Chooses, and says in one log line each what was fallen back to, or is lost. False: nothing is
 * left that could run, or not what was asked for; `error` says why and what to do.
 */
bool programs_choose(struct programs *programs, const struct programs_options *options);

/* Chooses anew, without one that the kernel refused. */
bool programs_refuse(struct programs *programs, const struct program *program, const char *why);

bool programs_has(struct programs *programs, const struct program *program);

/* Is it asked for, but off? */
bool programs_misses(struct programs *programs, const struct program *program);

/* Why one is off, as "http_send (tp_btf sock_send_length): this kernel lacks it". */
#define PROGRAM_STORY_LEN (64 + PROGRAM_HOOK_LEN + PROGRAM_REASON_LEN)
void programs_report(const struct programs *programs, const struct program *program,
	char story[PROGRAM_STORY_LEN]);

/* Of two that serve the same, the one that is in its place; or NULL. */
const struct program *programs_stand_in(
	const struct programs *programs, const struct program *program);

bool programs_has_source(const struct programs *programs, enum source source);

/* Is it one of those that tell what this source shows? */
bool program_serves(const struct program *program, enum source source);

/* Whether threads and sockets are kept in tables of ours, not in the kernel's storage for them. */
bool programs_by_tables(const struct programs *programs);

/* Whether it is a list of their own that sockets are swept by. */
bool programs_lists_sockets(const struct programs *programs);

#endif

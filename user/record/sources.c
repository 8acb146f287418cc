/* SPDX-License-Identifier: Apache-2.0 */
/* See sources.h. */
#include "record/sources.h"

#define DESCRIPTION(SOURCE, LABEL, KEY, HELP, NAME, OFF)                                           \
	[SOURCE] = {.label = #LABEL, .name = (NAME), .key = (KEY), .off = (OFF)},
#define NUMBER(SOURCE, ...) SOURCE,

/* clang-format off */
const struct source_description source_descriptions[SOURCES] = {
	SWITCHED_SOURCES(DESCRIPTION)
	/* the ground of all the others, and a part of SOURCE_SYSCALL */
	[SOURCE_WORKLOAD] = {.label = "workload", .name = "services"},
	[SOURCE_SLOW_SYSCALL] = {.label = "slow_syscall", .name = "slow system calls"},
};
/* clang-format on */

const enum source switched_sources[SWITCHED_SOURCES_COUNT] = {SWITCHED_SOURCES(NUMBER)};

const char *const outcome_names[OUTCOMES] = {
	[OUTCOME_DELIVERED] = "delivered",
	[OUTCOME_RING_FULL] = "ring_full",
	[OUTCOME_TABLE_FULL] = "table_full",
	[OUTCOME_STORAGE_FAILED] = "storage_failed",
	[OUTCOME_UNREADABLE] = "unreadable",
	[OUTCOME_UNPARSABLE] = "unparsable",
	[OUTCOME_COMPAT] = "compat",
	[OUTCOME_RECURSION] = "recursion",
	[OUTCOME_INVALID] = "invalid",
};

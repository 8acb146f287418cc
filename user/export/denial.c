/* SPDX-License-Identifier: Apache-2.0 */
/* See denial.h. */
#include "export/denial.h"

#include <stdatomic.h>

static const char *const names[DENIALS] = {
	[DENIED_MALFORMED] = "malformed",
	[DENIED_TOO_LONG] = "too_long",
	[DENIED_HOST] = "host",
	[DENIED_CROSS_SITE] = "cross_site",
	[DENIED_NOT_LOCAL] = "not_local",
	[DENIED_SLOW_HEAD] = "slow_head",
	[DENIED_SLOW_READER] = "slow_reader",
	[DENIED_GAVE_WAY] = "gave_way",
};

static _Atomic uint64_t counts[DENIALS];

void denial_add(enum denial denial)
{
	atomic_fetch_add(&counts[denial], 1);
}

uint64_t denial_count(enum denial denial)
{
	return atomic_load(&counts[denial]);
}

const char *denial_name(enum denial denial)
{
	return names[denial];
}

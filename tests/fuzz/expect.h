/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold whatever a fuzzer tries: else the input is a finding. */
#ifndef SONDE_EXPECT_H
#define SONDE_EXPECT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void expect(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

#define EXPECT(condition) expect(condition, #condition)

#endif

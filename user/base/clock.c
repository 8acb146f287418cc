/* SPDX-License-Identifier: Apache-2.0 */
/* See clock.h. */
#include "base/clock.h"

#include <stdio.h>

#define NS_PER_SECOND 1000000000ull

void clock_text(char text[CLOCK_TEXT_LEN], uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_SECOND);
	struct tm utc;
	size_t length;

	gmtime_r(&seconds, &utc);
	length = strftime(text, CLOCK_TEXT_LEN, "%FT%T", &utc);
	snprintf(text + length, CLOCK_TEXT_LEN - length, ".%09uZ",
		(unsigned)(unix_ns % NS_PER_SECOND));
}

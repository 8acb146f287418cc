/* SPDX-License-Identifier: Apache-2.0 */
/* See telemetry_feed.h. */
#include "telemetry_feed.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "record/record_check.h"

struct telemetry *fed;

void feed_begin(const struct telemetry_settings *settings)
{
	fed = telemetry_new(settings);
	assert_non_null(fed);
}

int feed_end(void **state)
{
	(void)state;
	telemetry_free(fed);
	return 0;
}

void feed(const struct record *record, size_t size)
{
	assert_true(record_is_valid(record, size));
	telemetry_take(fed, record, size);
}

void feed_workload(__u32 workload, const char *service)
{
	struct record_workload record = {.record = {.type = RECORD_WORKLOAD, .workload = workload}};

	strcpy(record.service_name, service);
	feed(&record.record, sizeof(record));
}

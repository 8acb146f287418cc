/* SPDX-License-Identifier: Apache-2.0 */
/* See recording_sample.h. */
#include "recording_sample.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a file in memory, so that thousands of them cost little --- */

int sample_file;
char sample_path[64];
char sample_error[RECORDING_ERROR_LEN];

int sample_file_open(void **state)
{
	(void)state;
	strcpy(sample_path, "/dev/shm/sonde-test-recording-XXXXXX");
	sample_file = mkstemp(sample_path);
	return sample_file < 0;
}

int sample_file_close(void **state)
{
	(void)state;
	unlink(sample_path);
	return close(sample_file);
}

size_t sample_file_length(void)
{
	struct stat status;

	assert_int_equal(fstat(sample_file, &status), 0);
	return (size_t)status.st_size;
}

void assert_error(const char *format, ...)
{
	char expected[RECORDING_ERROR_LEN];
	size_t length = (size_t)snprintf(expected, sizeof(expected), "%s: ", sample_path);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(expected + length, sizeof(expected) - length, format, arguments);
	va_end(arguments);
	assert_string_equal(sample_error, expected);
}

/* --- what is recorded: one of each form --- */

static void fill_header(struct record *record, enum record_type type)
{
	record->type = (__u16)type;
	record->workload = 7;
	record->time_ns = 1000 + type;
}

size_t make_record(size_t i, union any_record *any)
{
	memset(any, 0, sizeof(*any));
	switch (i) {
	case 0:
		fill_header(&any->record, RECORD_CLOCK);
		any->clock.realtime_offset_ns = -5;
		return sizeof(any->clock);
	case 1:
		fill_header(&any->record, RECORD_WORKLOAD);
		strcpy(any->workload.executable, "nginx");
		strcpy(any->workload.cgroup[CGROUP_LEVELS - 1], "system.slice");
		return sizeof(any->workload);
	case 2:
		fill_header(&any->record, RECORD_HTTP);
		any->http.status = 200;
		any->http.line_length = 14;
		memcpy(any->http.line, "GET / HTTP/1.1", 14);
		return offsetof(struct record_http, line) + 14;
	case 3:
		fill_header(&any->record, RECORD_EXEC);
		any->exec.arguments_length = 3;
		memcpy(any->exec.arguments, "ls", 3);
		return offsetof(struct record_exec, arguments) + 3;
	case 4:
		fill_header(&any->record, RECORD_SYSCALL);
		any->latency.bucket_count = 2;
		any->latency.buckets[0] = (struct record_bucket){.index = 3, .count = 1};
		any->latency.buckets[1] = (struct record_bucket){.index = 249, .count = 9};
		return sizeof(any->latency) + 2 * sizeof(struct record_bucket);
	case 5: fill_header(&any->record, RECORD_WORKLOAD_END); return sizeof(struct record);
	case 6: /* the line, and behind it the name of an abstract Unix socket */
		fill_header(&any->record, RECORD_HTTP);
		any->http.flags = HTTP_UNIX | HTTP_OPEN;
		any->http.queue_ns = 40;
		any->http.setup_ns = 50;
		any->http.line_length = 14;
		any->http.path_length = 5;
		memcpy(any->bytes + offsetof(struct record_http, line), "GET / HTTP/1.1\0name", 19);
		return offsetof(struct record_http, line) + 19;
	case 7:
		fill_header(&any->record, RECORD_HTTP_ACTIVE);
		any->http_active.method = HTTP_METHOD_QUERY;
		any->http_active.active = 3;
		any->http_active.long_active = 2;
		return sizeof(any->http_active);
	case 8:
		fill_header(&any->record, RECORD_DNS);
		any->dns.is_tcp = 1;
		any->dns.length = 70000;
		any->dns.kept = 5;
		memcpy(any->dns.bytes, "\0\1\2\3\4", 5);
		return offsetof(struct record_dns, bytes) + 5;
	default: return 0;
	}
}

void record_samples(void)
{
	struct recording_writer *writer;
	union any_record any;
	size_t size;

	assert_int_equal(recording_create(sample_path, &writer, sample_error), 0);
	for (size_t i = 0; (size = make_record(i, &any)) > 0; i++)
		recording_write(writer, &any.record, size);
	assert_int_equal(recording_close(writer), 0);
}

void expect_sample(void *context, const struct record *record, size_t size)
{
	size_t *count = context;
	union any_record any;

	assert_int_equal((uintptr_t)record % 8, 0);
	assert_int_equal(size, make_record((*count)++, &any));
	assert_memory_equal(record, &any, size);
}

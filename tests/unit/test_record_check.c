/* SPDX-License-Identifier: Apache-2.0 */
/* What is a record: every rule that the rest of the daemon relies on, and bytes at random. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "record/record_check.h"
#include "record/record_types.h"

#define LATENCY_BUCKETS 3

/* A record that nothing is wrong with, which each test then spoils in one place. */
static union {
	struct record record;
	struct record_workload workload;
	struct record_events events;
	struct record_http http;
	struct record_http_active http_active;
	struct record_tcp tcp;
	struct record_dns dns;
	struct record_resolvers resolvers;
	struct record_exec exec;
	struct record_exit exit;
	struct record_latency latency;
	struct record_syscall_error syscall_error;
	struct record_slow_syscall slow_syscall;
	unsigned char bytes[RECORD_SIZE_MAX];
} any;

static bool is_latency(unsigned type)
{
	const struct record_layout *layout = record_layout(type);

	return layout && layout->operations;
}

static void begin(enum record_type type)
{
	memset(&any, 0, sizeof(any));
	any.record.type = (__u16)type;
	if (type == RECORD_SYSCALL_ERROR)
		any.syscall_error.error = 1;
	if (is_latency(type)) {
		any.latency.bucket_count = LATENCY_BUCKETS;
		for (__u32 i = 0; i < LATENCY_BUCKETS; i++)
			any.latency.buckets[i] = (struct record_bucket){.index = i, .count = 1};
	}
}

/* Without what varies, but for the buckets. */
static size_t least_size(enum record_type type)
{
	if (is_latency(type))
		return sizeof(struct record_latency) +
		       LATENCY_BUCKETS * sizeof(struct record_bucket);
	switch ((int)type) {
	case RECORD_WORKLOAD: return sizeof(struct record_workload);
	case RECORD_WORKLOAD_END:
	case RECORD_WORKLOAD_IDLE: return sizeof(struct record);
	case RECORD_CLOCK: return sizeof(struct record_clock);
	case RECORD_EVENTS: return sizeof(struct record_events);
	case RECORD_HTTP: return offsetof(struct record_http, line);
	case RECORD_TCP: return sizeof(struct record_tcp);
	case RECORD_EXEC: return offsetof(struct record_exec, arguments);
	case RECORD_FORK: return sizeof(struct record_fork);
	case RECORD_EXIT: return sizeof(struct record_exit);
	case RECORD_SYSCALL_ERROR: return sizeof(struct record_syscall_error);
	case RECORD_SLOW_SYSCALL: return sizeof(struct record_slow_syscall);
	case RECORD_TCP_LISTENER: return sizeof(struct record_tcp_listener);
	case RECORD_TCP_SWEPT: return sizeof(struct record_tcp_swept);
	case RECORD_TCP_REFUSALS: return sizeof(struct record_tcp_refusals);
	case RECORD_HTTP_ACTIVE: return sizeof(struct record_http_active);
	case RECORD_DNS: return offsetof(struct record_dns, bytes);
	case RECORD_RESOLVERS: return sizeof(struct record_resolvers);
	default: return 0;
	}
}

static void assert_valid(void)
{
	assert_true(record_is_valid(&any.record, sizeof(any)));
}

static void assert_invalid(void)
{
	assert_false(record_is_valid(&any.record, sizeof(any)));
}

static void test_every_type_has_a_least_size(void **state)
{
	(void)state;
	for (int type = 1; type < RECORD_TYPES; type++) {
		size_t size = least_size((enum record_type)type);

		begin((enum record_type)type);
		assert_true(size >= sizeof(struct record));
		assert_true(record_is_valid(&any.record, size));
		assert_true(record_is_valid(&any.record, size + 7)); /* padded */
		assert_int_equal(record_size(&any.record, size + 7), size);
		for (size_t less = 0; less < size; less++)
			assert_false(record_is_valid(&any.record, less));
	}
}

static void test_unknown_types_and_workloads_are_refused(void **state)
{
	(void)state;
	begin((enum record_type)0);
	assert_invalid();
	begin(RECORD_TYPES);
	assert_invalid();
	begin((enum record_type)0xffff);
	assert_invalid();

	begin(RECORD_FORK);
	any.record.workload = WORKLOADS_MAX - 1;
	assert_valid();
	any.record.workload = WORKLOADS_MAX;
	assert_invalid();
}

static void test_lengths_fit_both_their_field_and_the_record(void **state)
{
	const size_t line = offsetof(struct record_http, line);
	const size_t arguments = offsetof(struct record_exec, arguments);
	const size_t bytes = offsetof(struct record_dns, bytes);

	(void)state;
	begin(RECORD_HTTP);
	any.http.line_length = HTTP_LINE_LEN;
	assert_true(record_is_valid(&any.record, line + HTTP_LINE_LEN));
	assert_false(record_is_valid(&any.record, line + HTTP_LINE_LEN - 1));
	any.http.line_length = HTTP_LINE_LEN + 1;
	assert_invalid();

	any.http.line_length = HTTP_LINE_LEN;
	any.http.path_length = 1; /* of TCP, which has no path */
	assert_invalid();
	any.http.flags = HTTP_UNIX;
	any.http.path_length = UNIX_PATH_LEN;
	assert_true(record_is_valid(&any.record, line + HTTP_LINE_LEN + UNIX_PATH_LEN));
	assert_false(record_is_valid(&any.record, line + HTTP_LINE_LEN + UNIX_PATH_LEN - 1));
	any.http.path_length = UNIX_PATH_LEN + 1;
	assert_invalid();

	begin(RECORD_HTTP); /* Host shares the room of the line */
	any.http.role = HTTP_CLIENT;
	any.http.line_length = HTTP_LINE_LEN - HTTP_HOST_LEN;
	any.http.host_length = HTTP_HOST_LEN;
	assert_true(record_is_valid(&any.record, line + HTTP_LINE_LEN));
	assert_false(record_is_valid(&any.record, line + HTTP_LINE_LEN - 1));
	any.http.line_length++;
	assert_invalid();
	any.http.line_length = 10;
	any.http.host_length++;
	assert_invalid();
	any.http.host_length = 1;
	any.http.role = HTTP_SERVER;
	assert_invalid();

	begin(RECORD_HTTP);
	any.http.flags = HTTP_PROXIED;
	any.http.line_length = 10;
	assert_true(record_is_valid(&any.record, line + 10 + sizeof(struct http_origin)));
	assert_false(record_is_valid(&any.record, line + 10 + sizeof(struct http_origin) - 1));
	any.http.flags |= HTTP_TRACED;
	assert_true(record_is_valid(
		&any.record, line + 10 + sizeof(struct http_origin) + TRACEPARENT_LEN));
	assert_false(record_is_valid(
		&any.record, line + 10 + sizeof(struct http_origin) + TRACEPARENT_LEN - 1));

	begin(RECORD_EXEC);
	any.exec.arguments_length = ARGUMENTS_LEN;
	assert_true(record_is_valid(&any.record, arguments + ARGUMENTS_LEN));
	assert_false(record_is_valid(&any.record, arguments + ARGUMENTS_LEN - 1));
	any.exec.arguments_length = ARGUMENTS_LEN + 1;
	assert_invalid();

	begin(RECORD_DNS);
	any.dns.length = 65535;
	any.dns.kept = DNS_BYTES_LEN;
	assert_true(record_is_valid(&any.record, bytes + DNS_BYTES_LEN));
	assert_false(record_is_valid(&any.record, bytes + DNS_BYTES_LEN - 1));
	any.dns.kept = DNS_BYTES_LEN + 1;
	assert_invalid();
	any.dns.kept = any.dns.length = 20;
	assert_valid();
	any.dns.length = 19; /* less than was kept of it */
	assert_invalid();

	begin(RECORD_SYSCALL);
	any.latency.bucket_count = HISTOGRAM_BUCKETS + 1;
	assert_invalid();
	any.latency.bucket_count = UINT32_MAX;
	assert_invalid();
	any.latency.bucket_count = 0;
	assert_valid();
}

static void test_text_ends_within_its_field(void **state)
{
	(void)state;
	begin(RECORD_WORKLOAD);
	char *const fields[] = {any.workload.comm, any.workload.executable, any.workload.program,
		any.workload.service_name, any.workload.cgroup[0],
		any.workload.cgroup[CGROUP_LEVELS - 1]};
	const size_t lengths[] = {
		COMM_LEN, NAME_LEN, NAME_LEN, SERVICE_NAME_LEN, NAME_LEN, NAME_LEN};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		begin(RECORD_WORKLOAD);
		memset(fields[i], 'x', lengths[i] - 1);
		assert_valid();
		fields[i][lengths[i] - 1] = 'x';
		assert_invalid();
	}

	begin(RECORD_EXEC);
	memset(any.exec.comm, 'x', COMM_LEN);
	assert_invalid();
	begin(RECORD_EXIT);
	memset(any.exit.comm, 'x', COMM_LEN);
	assert_invalid();
	begin(RECORD_SLOW_SYSCALL);
	memset(any.slow_syscall.comm, 'x', COMM_LEN);
	assert_invalid();
}

/* `field` of a record of `type`: the largest good value, and one that is none. */
#define assert_range(type, field, good, bad)                                                       \
	do {                                                                                       \
		begin(type);                                                                       \
		any.field = (good);                                                                \
		assert_valid();                                                                    \
		any.field = (bad);                                                                 \
		assert_invalid();                                                                  \
	} while (0)

static void test_enums_and_numbers_are_in_range(void **state)
{
	(void)state;
	assert_range(RECORD_EVENTS, events.source, SOURCES - 1, SOURCES);
	assert_range(RECORD_EVENTS, events.outcome, OUTCOMES - 1, OUTCOMES);
	assert_range(RECORD_HTTP, http.role, HTTP_CLIENT, HTTP_CLIENT + 1);
	assert_range(RECORD_HTTP, http.error, HTTP_RESPONSE_INVALID, HTTP_RESPONSE_INVALID + 1);
	assert_range(RECORD_HTTP, http.status, 999, 1000);
	assert_range(RECORD_HTTP_ACTIVE, http_active.role, HTTP_CLIENT, HTTP_CLIENT + 1);
	assert_range(RECORD_HTTP_ACTIVE, http_active.method, HTTP_METHODS - 1, HTTP_METHODS);
	assert_range(RECORD_TCP, tcp.event, TCP_FAILED, TCP_FAILED + 1);
	assert_range(RECORD_TCP, tcp.direction, TCP_OUTBOUND, TCP_OUTBOUND + 1);
	assert_range(RECORD_DNS, dns.direction, DNS_RECEIVED, DNS_RECEIVED + 1);
	assert_range(RECORD_DNS, dns.is_tcp, 1, 2);
	assert_range(RECORD_RESOLVERS, resolvers.count, RESOLVERS_MAX, RESOLVERS_MAX + 1);
	assert_range(RECORD_EXIT, exit.signal, 64, 65);
	assert_range(RECORD_EXIT, exit.oom, 1, 2);
	assert_range(RECORD_SYSCALL_ERROR, syscall_error.error, 4095, 4096);
	assert_range(RECORD_SYSCALL_ERROR, syscall_error.error, 1, 0);
}

static void test_no_more_requests_are_long_than_active(void **state)
{
	(void)state;
	begin(RECORD_HTTP_ACTIVE);
	any.http_active.active = any.http_active.long_active = 3;
	assert_valid();
	any.http_active.long_active = 4;
	assert_invalid();
}

static void test_buckets_ascend_and_none_is_empty(void **state)
{
	(void)state;
	assert_range(
		RECORD_SYSCALL, latency.buckets[2].index, HISTOGRAM_BUCKETS - 1, HISTOGRAM_BUCKETS);
	assert_range(RECORD_SYSCALL, latency.buckets[1].index, 1, 0);
	assert_range(RECORD_SYSCALL, latency.buckets[1].index, 1, 2);
	assert_range(RECORD_SYSCALL, latency.buckets[0].count, UINT32_MAX, 0);
}

/* In a block of exactly their size, so that a sanitizer sees any look beyond. */
static void test_bytes_at_random_are_never_read_past_their_end(void **state)
{
	size_t valid = 0;

	(void)state;
	srandom(20260309);
	for (int i = 0; i < 100000; i++) {
		size_t size = sizeof(struct record) + (size_t)random() % 900;
		struct record *record = malloc(size);

		assert_non_null(record);
		for (size_t at = 0; at < size; at++)
			((unsigned char *)record)[at] =
				random() % 4 ? 0 : (unsigned char)(random() % 256);
		record->type = (__u16)(random() % (RECORD_TYPES + 1));
		record->workload = (__u32)random() % (WORKLOADS_MAX + 1);
		if (record_is_valid(record, size)) {
			valid++;
			assert_in_range(record_size(record, size), sizeof(*record), size);
		}
		free(record);
	}
	assert_in_range(valid, 1000, 90000); /* it was no test if nearly none or all were good */
}

static void test_what_is_not_valid_is_a_loss_of_its_source(void **state)
{
	static const struct {
		enum record_type type;
		enum source source;
	} cases[] = {{RECORD_HTTP, SOURCE_HTTP}, {RECORD_HTTP_ACTIVE, SOURCE_HTTP},
		{RECORD_TCP, SOURCE_TCP}, {RECORD_DNS, SOURCE_DNS}, {RECORD_EXEC, SOURCE_PROCESS},
		{RECORD_SYSCALL, SOURCE_SYSCALL}, {RECORD_SLOW_SYSCALL, SOURCE_SLOW_SYSCALL},
		{RECORD_WORKLOAD, SOURCE_WORKLOAD}};
	struct record record = {.time_ns = 5, .workload = WORKLOADS_MAX};
	struct record_events loss;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		record.type = cases[i].type;
		assert_true(record_loss(&record, sizeof(record), &loss));
		assert_true(record_is_valid(&loss.record, sizeof(loss)));
		assert_int_equal(loss.source, cases[i].source);
		assert_int_equal(loss.outcome, OUTCOME_INVALID);
		assert_int_equal(loss.count, 1);
		assert_int_equal(loss.record.time_ns, 5);
		assert_false(record_loss(&record, sizeof(record) - 1, &loss));
	}
	/* Whose source nobody knows; and a loss that was lost is not told of again. */
	for (int type = RECORD_TYPES; type < RECORD_TYPES + 3; type++) {
		record.type = (__u16)type;
		assert_false(record_loss(&record, sizeof(record), &loss));
	}
	record.type = 0;
	assert_false(record_loss(&record, sizeof(record), &loss));
	record.type = RECORD_EVENTS;
	assert_false(record_loss(&record, sizeof(record), &loss));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type_has_a_least_size),
		cmocka_unit_test(test_unknown_types_and_workloads_are_refused),
		cmocka_unit_test(test_lengths_fit_both_their_field_and_the_record),
		cmocka_unit_test(test_text_ends_within_its_field),
		cmocka_unit_test(test_enums_and_numbers_are_in_range),
		cmocka_unit_test(test_no_more_requests_are_long_than_active),
		cmocka_unit_test(test_buckets_ascend_and_none_is_empty),
		cmocka_unit_test(test_bytes_at_random_are_never_read_past_their_end),
		cmocka_unit_test(test_what_is_not_valid_is_a_loss_of_its_source),
	};

	return cmocka_run_group_tests_name("record check", tests, NULL, NULL);
}

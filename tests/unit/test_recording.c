/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings: what is written comes back, and errors of the writer are told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/record_check.h"
#include "recording_sample.h"

/* --- whole --- */

static void test_what_was_recorded_is_replayed(void **state)
{
	size_t count = 0;

	(void)state;
	record_samples();
	assert_int_equal(recording_replay(sample_path, expect_sample, &count, sample_error), 0);
	assert_int_equal(count, RECORDS);
}

static void test_recording_of_nothing_is_whole(void **state)
{
	struct recording_writer *writer;
	size_t count = 0;

	(void)state;
	assert_int_equal(recording_create(sample_path, &writer, sample_error), 0);
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(recording_replay(sample_path, expect_sample, &count, sample_error), 0);
	assert_int_equal(count, 0);
}

static void test_padding_of_a_ring_buffer_is_left_out(void **state)
{
	struct recording_writer *writer;
	union any_record any;
	size_t count = 0;

	(void)state;
	assert_int_equal(recording_create(sample_path, &writer, sample_error), 0);
	for (size_t i = 0; i < RECORDS; i++) {
		size_t size = make_record(i, &any);

		memset(any.bytes + size, 0xee, 7);
		recording_write(writer, &any.record, size + 7);
	}
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(recording_replay(sample_path, expect_sample, &count, sample_error), 0);
	assert_int_equal(count, RECORDS);
}

static void test_padding_in_the_file_is_zero_whatever_the_buffer_held(void **state)
{
	struct recording_writer *writer;
	union any_record any;
	unsigned char padding[7];

	(void)state;
	assert_int_equal(recording_create(sample_path, &writer, sample_error), 0);
	size_t size = make_record(2, &any);
	memset(any.http.line, 'x', HTTP_LINE_LEN);
	any.http.line_length = HTTP_LINE_LEN;
	recording_write(writer, &any.record, sizeof(any.http));
	assert_int_equal(recording_flush(writer), 0);
	size_t at = sample_file_length() + FRAME_LEN + size;
	make_record(2, &any);
	recording_write(writer, &any.record, size);
	assert_int_equal(recording_close(writer), 0);

	size_t length = (8 - size % 8) % 8;
	assert_in_range(length, 1, 7);
	assert_int_equal(pread(sample_file, padding, length, (off_t)at), length);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(padding[i], 0);
}

static void count_records(void *context, const struct record *record, size_t size)
{
	size_t *counts = context;

	assert_true(record_is_valid(record, size));
	counts[record->type]++;
}

static void test_many_records_pass_through_a_buffer_of_fixed_size(void **state)
{
	struct recording_writer *writer;
	union any_record any;
	size_t counts[RECORD_TYPES] = {0};

	(void)state;
	assert_int_equal(recording_create(sample_path, &writer, sample_error), 0);
	for (size_t i = 0; i < 2000 * RECORDS; i++) {
		size_t size = make_record(i % RECORDS, &any);

		recording_write(writer, &any.record, size);
		if (i % 1000 == 0)
			assert_int_equal(recording_flush(writer), 0);
	}
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(recording_replay(sample_path, count_records, counts, sample_error), 0);
	assert_int_equal(counts[RECORD_CLOCK], 2000);
	assert_int_equal(counts[RECORD_HTTP], 4000);
	assert_int_equal(counts[RECORD_WORKLOAD_END], 2000);
}

static void test_longest_record_of_each_type_fits(void **state)
{
	struct recording_writer *writer;
	union any_record any;
	size_t counts[RECORD_TYPES] = {0};

	(void)state;
	assert_int_equal(recording_create(sample_path, &writer, sample_error), 0);
	make_record(2, &any);
	any.http.flags = HTTP_UNIX;
	any.http.line_length = HTTP_LINE_LEN;
	any.http.path_length = UNIX_PATH_LEN;
	recording_write(writer, &any.record,
		offsetof(struct record_http, line) + HTTP_LINE_LEN + UNIX_PATH_LEN);
	make_record(3, &any);
	any.exec.arguments_length = ARGUMENTS_LEN;
	recording_write(writer, &any.record, sizeof(any.exec));
	make_record(4, &any);
	any.latency.bucket_count = HISTOGRAM_BUCKETS;
	for (__u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		any.latency.buckets[i] = (struct record_bucket){.index = i, .count = ~0U};
	recording_write(writer, &any.record, sizeof(any));
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(recording_replay(sample_path, count_records, counts, sample_error), 0);
	assert_int_equal(counts[RECORD_HTTP] + counts[RECORD_EXEC] + counts[RECORD_SYSCALL], 3);
}

static void test_reader_stops_after_as_many_records_as_were_asked_for(void **state)
{
	struct recording_reader *reader;
	size_t count = 0;

	(void)state;
	record_samples();
	assert_int_equal(recording_open(sample_path, &reader, sample_error), 0);
	assert_int_equal(recording_read(reader, 0, expect_sample, &count, sample_error), 1);
	assert_int_equal(count, 0);
	assert_int_equal(recording_read(reader, 4, expect_sample, &count, sample_error), 1);
	assert_int_equal(count, 4);
	assert_int_equal(recording_read(reader, 100, expect_sample, &count, sample_error), 0);
	assert_int_equal(count, RECORDS);
	recording_reader_free(reader);
}

static void test_recording_is_for_its_owner_alone(void **state)
{
	char name[] = "/tmp/sonde-test-recording-XXXXXX";
	struct recording_writer *writer;
	struct stat status;
	int descriptor = mkstemp(name);

	(void)state;
	close(descriptor);
	unlink(name);
	mode_t mask = umask(0);
	assert_int_equal(recording_create(name, &writer, sample_error), 0);
	umask(mask);
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(stat(name, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	unlink(name);
}

/* --- errors of the writer --- */

static void test_file_that_cannot_be_created_is_an_error(void **state)
{
	struct recording_writer *writer;

	(void)state;
	assert_int_equal(recording_create("/nowhere/at/all", &writer, sample_error), -ENOENT);
	assert_int_equal(recording_create("/dev/full", &writer, sample_error), -ENOSPC);
}

static void test_full_disk_is_told_and_nothing_is_written_after_it(void **state)
{
	const struct rlimit limit = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
	struct rlimit unlimited;
	struct recording_writer *writer;
	union any_record any;
	size_t counts[RECORD_TYPES] = {0};

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &unlimited);
	assert_int_equal(recording_create(sample_path, &writer, sample_error), 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	size_t size = make_record(1, &any);
	for (size_t i = 0; i < 200; i++)
		recording_write(writer, &any.record, size);
	int flushed = recording_flush(writer);
	setrlimit(RLIMIT_FSIZE, &unlimited);
	assert_int_equal(flushed, -EFBIG);

	recording_write(writer, &any.record, size);
	assert_int_equal(recording_flush(writer), -EFBIG);
	assert_int_equal(recording_close(writer), -EFBIG);
	assert_int_equal(sample_file_length(), 100000);

	assert_int_equal(
		recording_replay(sample_path, count_records, counts, sample_error), -EBADMSG);
	size_t whole = (100000 - HEADER_LEN) / (FRAME_LEN + size);
	assert_int_equal(counts[RECORD_WORKLOAD], whole);
	assert_error("truncated at byte 100000 after %zu records; left out: %zu bytes at 1 places, "
		     "and 0 records that make no sense",
		whole, 100000 - HEADER_LEN - whole * (FRAME_LEN + size));
}

static void test_an_invalid_record_is_not_written_and_those_after_it_are(void **state)
{
	struct recording_writer *writer;
	union any_record any;
	size_t size, count = 0;

	(void)state;
	assert_int_equal(recording_create(sample_path, &writer, sample_error), 0);
	for (size_t i = 0; (size = make_record(i, &any)) > 0; i++) {
		recording_write(writer, &any.record, size);
		any.record.type = RECORD_TYPES;
		recording_write(writer, &any.record, size);
		recording_write(writer, &any.record, 1);
	}
	assert_int_equal(recording_flush(writer), 0);
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(recording_replay(sample_path, expect_sample, &count, sample_error), 0);
	assert_int_equal(count, RECORDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sample_file_open, sample_file_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_recorded_is_replayed),
		TEST(test_recording_of_nothing_is_whole),
		TEST(test_padding_of_a_ring_buffer_is_left_out),
		TEST(test_padding_in_the_file_is_zero_whatever_the_buffer_held),
		TEST(test_many_records_pass_through_a_buffer_of_fixed_size),
		TEST(test_longest_record_of_each_type_fits),
		TEST(test_reader_stops_after_as_many_records_as_were_asked_for),
		TEST(test_recording_is_for_its_owner_alone),
		TEST(test_file_that_cannot_be_created_is_an_error),
		TEST(test_full_disk_is_told_and_nothing_is_written_after_it),
		TEST(test_an_invalid_record_is_not_written_and_those_after_it_are),
	};

	return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}

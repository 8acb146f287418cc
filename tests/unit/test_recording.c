/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings: what is written comes back, and no damage goes unnoticed or unplaced. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "record/record_check.h"
#include "record/recording.h"

#define HEADER_LEN 32
#define FRAME_LEN  8 /* without its record */
#define END_LEN    16

union any_record {
	struct record record;
	struct record_workload workload;
	struct record_clock clock;
	struct record_http http;
	struct record_http_active http_active;
	struct record_dns dns;
	struct record_exec exec;
	struct record_exit exit;
	struct record_latency latency;
	unsigned char bytes[RECORD_SIZE_MAX];
};

/* --- a file in memory, so that thousands of them cost little --- */

static int file;
static char path[64];
static char error[RECORDING_ERROR_LEN];

static int open_file(void **state)
{
	(void)state;
	strcpy(path, "/dev/shm/sonde-test-recording-XXXXXX");
	file = mkstemp(path);
	return file < 0;
}

static int close_file(void **state)
{
	(void)state;
	unlink(path);
	return close(file);
}

static size_t file_length(void)
{
	struct stat status;

	assert_int_equal(fstat(file, &status), 0);
	return (size_t)status.st_size;
}

/* --- what is recorded: one of each form --- */

static void fill_header(struct record *record, enum record_type type)
{
	record->type = (__u16)type;
	record->workload = 7;
	record->time_ns = 1000 + type;
}

/* Returns the size of record number `i` in *any, 0 past the last. */
static size_t make_record(size_t i, union any_record *any)
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

#define RECORDS 9

static void record_samples(void)
{
	struct recording_writer *writer;
	union any_record any;
	size_t size;

	assert_int_equal(recording_create(path, &writer, error), 0);
	for (size_t i = 0; (size = make_record(i, &any)) > 0; i++)
		recording_write(writer, &any.record, size);
	assert_int_equal(recording_close(writer), 0);
}

/* Takes what a replay passes on; each must be the next of the samples. */
static void expect_sample(void *context, const struct record *record, size_t size)
{
	size_t *count = context;
	union any_record any;

	assert_int_equal((uintptr_t)record % 8, 0);
	assert_int_equal(size, make_record((*count)++, &any));
	assert_memory_equal(record, &any, size);
}

struct taken {
	size_t samples[20]; /* their numbers, in the order in which they came */
	size_t count;
	size_t losses[SOURCES];
};

/* Takes what a replay of a damaged file passes on: samples, whole, and what is told of others. */
static void take_sample(void *context, const struct record *record, size_t size)
{
	struct taken *taken = context;
	union any_record any;
	size_t length;

	assert_true(record_is_valid(record, size));
	if (record->type == RECORD_EVENTS &&
		((const struct record_events *)record)->outcome == OUTCOME_INVALID) {
		taken->losses[((const struct record_events *)record)->source]++;
		return;
	}
	for (size_t i = 0; (length = make_record(i, &any)) > 0; i++) {
		if (length == size && memcmp(record, &any, size) == 0) {
			taken->samples[taken->count++] = i;
			return;
		}
	}
	fail_msg("a record of type %d that is no sample", record->type);
}

/* Replays the file, which must be wrong; each sample comes once at most, and in order. */
static struct taken replay_damaged(void)
{
	struct taken taken = {0};

	error[0] = '\0';
	assert_true(recording_replay(path, take_sample, &taken, error) < 0);
	assert_int_equal(strncmp(error, path, strlen(path)), 0);
	for (size_t i = 1; i < taken.count; i++)
		assert_true(taken.samples[i] > taken.samples[i - 1]);
	return taken;
}

static void assert_error(const char *format, ...)
{
	char expected[RECORDING_ERROR_LEN];
	size_t length = (size_t)snprintf(expected, sizeof(expected), "%s: ", path);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(expected + length, sizeof(expected) - length, format, arguments);
	va_end(arguments);
	assert_string_equal(error, expected);
}

/* --- whole --- */

static void test_what_was_recorded_is_replayed(void **state)
{
	size_t count = 0;

	(void)state;
	record_samples();
	assert_int_equal(recording_replay(path, expect_sample, &count, error), 0);
	assert_int_equal(count, RECORDS);
}

static void test_recording_of_nothing_is_whole(void **state)
{
	struct recording_writer *writer;
	size_t count = 0;

	(void)state;
	assert_int_equal(recording_create(path, &writer, error), 0);
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(recording_replay(path, expect_sample, &count, error), 0);
	assert_int_equal(count, 0);
}

static void test_padding_of_a_ring_buffer_is_left_out(void **state)
{
	struct recording_writer *writer;
	union any_record any;
	size_t count = 0;

	(void)state;
	assert_int_equal(recording_create(path, &writer, error), 0);
	for (size_t i = 0; i < RECORDS; i++) {
		size_t size = make_record(i, &any);

		memset(any.bytes + size, 0xee, 7);
		recording_write(writer, &any.record, size + 7);
	}
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(recording_replay(path, expect_sample, &count, error), 0);
	assert_int_equal(count, RECORDS);
}

static void test_padding_in_the_file_is_zero_whatever_the_buffer_held(void **state)
{
	struct recording_writer *writer;
	union any_record any;
	unsigned char padding[7];

	(void)state;
	assert_int_equal(recording_create(path, &writer, error), 0);
	size_t size = make_record(2, &any);
	memset(any.http.line, 'x', HTTP_LINE_LEN);
	any.http.line_length = HTTP_LINE_LEN;
	recording_write(writer, &any.record, sizeof(any.http));
	assert_int_equal(recording_flush(writer), 0);
	size_t at = file_length() + FRAME_LEN + size;
	make_record(2, &any);
	recording_write(writer, &any.record, size);
	assert_int_equal(recording_close(writer), 0);

	size_t length = (8 - size % 8) % 8;
	assert_in_range(length, 1, 7);
	assert_int_equal(pread(file, padding, length, (off_t)at), length);
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
	assert_int_equal(recording_create(path, &writer, error), 0);
	for (size_t i = 0; i < 2000 * RECORDS; i++) {
		size_t size = make_record(i % RECORDS, &any);

		recording_write(writer, &any.record, size);
		if (i % 1000 == 0)
			assert_int_equal(recording_flush(writer), 0);
	}
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(recording_replay(path, count_records, counts, error), 0);
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
	assert_int_equal(recording_create(path, &writer, error), 0);
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
	assert_int_equal(recording_replay(path, count_records, counts, error), 0);
	assert_int_equal(counts[RECORD_HTTP] + counts[RECORD_EXEC] + counts[RECORD_SYSCALL], 3);
}

static void test_reader_stops_after_as_many_records_as_were_asked_for(void **state)
{
	struct recording_reader *reader;
	size_t count = 0;

	(void)state;
	record_samples();
	assert_int_equal(recording_open(path, &reader, error), 0);
	assert_int_equal(recording_read(reader, 0, expect_sample, &count, error), 1);
	assert_int_equal(count, 0);
	assert_int_equal(recording_read(reader, 4, expect_sample, &count, error), 1);
	assert_int_equal(count, 4);
	assert_int_equal(recording_read(reader, 100, expect_sample, &count, error), 0);
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
	assert_int_equal(recording_create(name, &writer, error), 0);
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
	assert_int_equal(recording_create("/nowhere/at/all", &writer, error), -ENOENT);
	assert_int_equal(recording_create("/dev/full", &writer, error), -ENOSPC);
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
	assert_int_equal(recording_create(path, &writer, error), 0);
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
	assert_int_equal(file_length(), 100000);

	assert_int_equal(recording_replay(path, count_records, counts, error), -EBADMSG);
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
	assert_int_equal(recording_create(path, &writer, error), 0);
	for (size_t i = 0; (size = make_record(i, &any)) > 0; i++) {
		recording_write(writer, &any.record, size);
		any.record.type = RECORD_TYPES;
		recording_write(writer, &any.record, size);
		recording_write(writer, &any.record, 1);
	}
	assert_int_equal(recording_flush(writer), 0);
	assert_int_equal(recording_close(writer), 0);
	assert_int_equal(recording_replay(path, expect_sample, &count, error), 0);
	assert_int_equal(count, RECORDS);
}

/* --- damage --- */

/* Where each record's frame ends; [0] is the header's end. */
static void find_frames(size_t ends[RECORDS + 1])
{
	union any_record any;

	ends[0] = HEADER_LEN;
	for (size_t i = 0; i < RECORDS; i++)
		ends[i + 1] = ends[i] + FRAME_LEN + (make_record(i, &any) + 7) / 8 * 8;
}

static size_t count_whole_frames(const size_t ends[RECORDS + 1], size_t length)
{
	size_t whole = 0;

	while (whole < RECORDS && ends[whole + 1] <= length)
		whole++;
	return whole;
}

static void test_truncation_at_every_byte_is_told_with_its_place(void **state)
{
	size_t ends[RECORDS + 1];

	(void)state;
	record_samples();
	find_frames(ends);
	assert_int_equal(file_length(), ends[RECORDS] + END_LEN);
	for (size_t length = file_length(); length-- > 0;) {
		size_t whole = count_whole_frames(ends, length);
		size_t rest = length >= HEADER_LEN ? length - ends[whole] : 0;

		assert_int_equal(ftruncate(file, (off_t)length), 0);
		assert_int_equal(replay_damaged().count, whole);
		assert_error("truncated at byte %zu after %zu records; left out: %zu bytes at %d "
			     "places, and 0 records that make no sense",
			length, whole, rest, rest > 0);
	}
}

static void test_a_changed_byte_costs_the_record_that_it_is_in_and_no_other(void **state)
{
	static const unsigned char changes[] = {0x01, 0x80, 0xff};
	size_t ends[RECORDS + 1];

	(void)state;
	record_samples();
	find_frames(ends);
	for (size_t at = HEADER_LEN; at < file_length(); at++) {
		unsigned char byte, changed;
		size_t in = count_whole_frames(ends, at);

		assert_int_equal(pread(file, &byte, 1, (off_t)at), 1);
		for (size_t i = 0; i < sizeof(changes); i++) {
			changed = byte ^ changes[i];
			assert_int_equal(pwrite(file, &changed, 1, (off_t)at), 1);
			struct taken taken = replay_damaged();

			assert_int_equal(taken.count, in < RECORDS ? RECORDS - 1 : RECORDS);
			for (size_t j = 0; j < taken.count; j++)
				assert_int_equal(taken.samples[j], j + (j >= in));
		}
		assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
	}
	size_t count = 0;
	assert_int_equal(recording_replay(path, expect_sample, &count, error), 0);
}

static void test_a_changed_byte_of_the_header_is_refused(void **state)
{
	(void)state;
	record_samples();
	for (off_t at = 0; at < HEADER_LEN; at++) {
		unsigned char byte, changed;

		assert_int_equal(pread(file, &byte, 1, at), 1);
		changed = byte ^ 0x10;
		assert_int_equal(pwrite(file, &changed, 1, at), 1);
		assert_int_equal(replay_damaged().count, 0);
		assert_int_equal(pwrite(file, &byte, 1, at), 1);
	}
}

static void test_damage_names_the_first_byte_and_what_was_left_out(void **state)
{
	size_t ends[RECORDS + 1];

	(void)state;
	record_samples();
	find_frames(ends);
	assert_int_equal(pwrite(file, "x", 1, (off_t)ends[2] + 20), 1);
	assert_int_equal(replay_damaged().count, RECORDS - 1);
	assert_error("damaged at byte %zu after 2 records (checksum); left out: %zu bytes at 1 "
		     "places, and 0 records that make no sense",
		ends[2], ends[3] - ends[2]);
	assert_int_equal(pwrite(file, "\xff\xff\xff\xff", 4, (off_t)ends[5]), 4);
	assert_int_equal(replay_damaged().count, RECORDS - 2);
	assert_error("damaged at byte %zu after 2 records (checksum); left out: %zu bytes at 2 "
		     "places, and 0 records that make no sense",
		ends[2], ends[3] - ends[2] + ends[6] - ends[5]);
	assert_int_equal(pwrite(file, "\xff\xff\xff\xff", 4, (off_t)ends[1]), 4);
	assert_int_equal(replay_damaged().count, RECORDS - 3);
	assert_error("damaged at byte %zu after 1 records (impossible length); left out: %zu bytes "
		     "at 2 places, and 0 records that make no sense",
		ends[1], ends[3] - ends[1] + ends[6] - ends[5]);
}

/* Nonsense of any length between two records, also one that no alignment survives. */
static void test_nonsense_in_the_middle_is_left_out(void **state)
{
	static const size_t lengths[] = {8, 16, 4096, 100000};
	static unsigned char whole[65536], nonsense[100000];
	size_t ends[RECORDS + 1], length;

	(void)state;
	record_samples();
	find_frames(ends);
	length = file_length();
	assert_int_equal(pread(file, whole, sizeof(whole), 0), (ssize_t)length);
	for (size_t i = 0; i < sizeof(nonsense); i++)
		nonsense[i] = (unsigned char)(i * 2654435761U >> 13);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		off_t at = (off_t)ends[4];

		assert_int_equal(pwrite(file, nonsense, lengths[i], at), (ssize_t)lengths[i]);
		assert_int_equal(
			pwrite(file, whole + ends[4], length - ends[4], at + (off_t)lengths[i]),
			(ssize_t)(length - ends[4]));
		assert_int_equal(replay_damaged().count, RECORDS);
	}
}

/* A frame as only someone who means harm would write it: the checksum is right. */
static void write_frame(off_t at, uint32_t length, const void *bytes, size_t size)
{
	uint32_t frame[2] = {length, 0};
	uLong checksum = crc32(0, (const Bytef *)&length, sizeof(length));

	frame[1] = (uint32_t)crc32(checksum, bytes, (uInt)size);
	assert_int_equal(pwrite(file, frame, sizeof(frame), at), sizeof(frame));
	assert_int_equal(pwrite(file, bytes, size, at + FRAME_LEN), (ssize_t)size);
}

static void test_an_impossible_record_is_counted_for_its_source_and_left_out(void **state)
{
	union any_record any;
	size_t ends[RECORDS + 1];

	(void)state;
	record_samples();
	find_frames(ends);
	size_t size = make_record(6, &any);
	any.http.status = 1310;
	write_frame((off_t)ends[6], (uint32_t)size, &any, ends[7] - ends[6] - FRAME_LEN);
	struct taken taken = replay_damaged();
	assert_int_equal(taken.count, RECORDS - 1);
	assert_int_equal(taken.losses[SOURCE_HTTP], 1);
	assert_error(
		"damaged at byte %zu after 6 records (impossible values); left out: 0 bytes at "
		"0 places, and 1 records that make no sense",
		ends[6]);
}

static void test_end_must_agree_and_be_the_end(void **state)
{
	size_t ends[RECORDS + 1];
	uint64_t records = RECORDS;

	(void)state;
	record_samples();
	find_frames(ends);
	assert_int_equal(pwrite(file, "", 1, (off_t)file_length()), 1);
	assert_int_equal(replay_damaged().count, RECORDS);
	assert_non_null(strstr(error, "(something follows the end)"));

	/* An end too early costs the record in whose place it is. */
	write_frame((off_t)ends[1], 0, &records, sizeof(records));
	assert_int_equal(replay_damaged().count, RECORDS - 1);
	assert_non_null(strstr(error, "(number of records)"));
}

/* --- other files --- */

static void write_file(const void *bytes, size_t length)
{
	assert_int_equal(ftruncate(file, 0), 0);
	assert_int_equal(pwrite(file, bytes, length, 0), (ssize_t)length);
}

static void test_other_files_are_no_recordings(void **state)
{
	(void)state;
	write_file("listen: 127.0.0.1:9760\n", 23);
	assert_int_equal(replay_damaged().count, 0);
	assert_error("is no recording of Sonde");
	write_file("S0", 2);
	assert_int_equal(replay_damaged().count, 0);
	assert_error("is no recording of Sonde");

	assert_int_equal(recording_replay("/nowhere/at/all", expect_sample, NULL, error), -ENOENT);
	assert_string_equal(error, "/nowhere/at/all: cannot be opened: No such file or directory");
	assert_int_equal(recording_replay("/dev/zero", expect_sample, NULL, error), -EINVAL);
	assert_string_equal(error, "/dev/zero: is no regular file");
	assert_int_equal(recording_replay("/", expect_sample, NULL, error), -EINVAL);
}

static void test_recording_of_another_version_is_refused(void **state)
{
	uint32_t version = RECORDING_VERSION + 1;

	(void)state;
	record_samples();
	assert_int_equal(pwrite(file, &version, sizeof(version), 12), sizeof(version));
	assert_int_equal(replay_damaged().count, 0);
	assert_error("has version %u; this build reads version %u", version, RECORDING_VERSION);
}

static void test_recording_with_other_records_is_refused(void **state)
{
	uint32_t header[HEADER_LEN / 4];

	(void)state;
	record_samples();
	assert_int_equal(pread(file, header, sizeof(header), 0), sizeof(header));
	header[5] ^= 1;
	header[7] = (uint32_t)crc32(0, (const Bytef *)header, sizeof(header) - 4);
	assert_int_equal(pwrite(file, header, sizeof(header), 0), sizeof(header));
	assert_int_equal(replay_damaged().count, 0);
	assert_error("comes from a build with other records (layout %08x, here %08x)", header[5],
		header[5] ^ 1);
}

static void test_recording_of_the_other_byte_order_is_refused(void **state)
{
	(void)state;
	record_samples();
	assert_int_equal(pwrite(file, "\x01\x02\x03\x04", 4, 8), 4);
	assert_int_equal(replay_damaged().count, 0);
	assert_error("damaged, or from a machine of other byte order");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_file, close_file)

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
		TEST(test_truncation_at_every_byte_is_told_with_its_place),
		TEST(test_a_changed_byte_costs_the_record_that_it_is_in_and_no_other),
		TEST(test_a_changed_byte_of_the_header_is_refused),
		TEST(test_nonsense_in_the_middle_is_left_out),
		TEST(test_damage_names_the_first_byte_and_what_was_left_out),
		TEST(test_an_impossible_record_is_counted_for_its_source_and_left_out),
		TEST(test_end_must_agree_and_be_the_end),
		TEST(test_other_files_are_no_recordings),
		TEST(test_recording_of_another_version_is_refused),
		TEST(test_recording_with_other_records_is_refused),
		TEST(test_recording_of_the_other_byte_order_is_refused),
	};

	return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}

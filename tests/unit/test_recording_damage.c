/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged recordings, of which nothing goes unnoticed or unplaced, and files that are no recordings
 * for this build. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "record/record_check.h"
#include "recording_sample.h"

#define END_LEN 16

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

	sample_error[0] = '\0';
	assert_true(recording_replay(sample_path, take_sample, &taken, sample_error) < 0);
	assert_int_equal(strncmp(sample_error, sample_path, strlen(sample_path)), 0);
	for (size_t i = 1; i < taken.count; i++)
		assert_true(taken.samples[i] > taken.samples[i - 1]);
	return taken;
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
	assert_int_equal(sample_file_length(), ends[RECORDS] + END_LEN);
	for (size_t length = sample_file_length(); length-- > 0;) {
		size_t whole = count_whole_frames(ends, length);
		size_t rest = length >= HEADER_LEN ? length - ends[whole] : 0;

		assert_int_equal(ftruncate(sample_file, (off_t)length), 0);
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
	for (size_t at = HEADER_LEN; at < sample_file_length(); at++) {
		unsigned char byte, changed;
		size_t in = count_whole_frames(ends, at);

		assert_int_equal(pread(sample_file, &byte, 1, (off_t)at), 1);
		for (size_t i = 0; i < sizeof(changes); i++) {
			changed = byte ^ changes[i];
			assert_int_equal(pwrite(sample_file, &changed, 1, (off_t)at), 1);
			struct taken taken = replay_damaged();

			assert_int_equal(taken.count, in < RECORDS ? RECORDS - 1 : RECORDS);
			for (size_t j = 0; j < taken.count; j++)
				assert_int_equal(taken.samples[j], j + (j >= in));
		}
		assert_int_equal(pwrite(sample_file, &byte, 1, (off_t)at), 1);
	}
	size_t count = 0;
	assert_int_equal(recording_replay(sample_path, expect_sample, &count, sample_error), 0);
}

static void test_a_changed_byte_of_the_header_is_refused(void **state)
{
	(void)state;
	record_samples();
	for (off_t at = 0; at < HEADER_LEN; at++) {
		unsigned char byte, changed;

		assert_int_equal(pread(sample_file, &byte, 1, at), 1);
		changed = byte ^ 0x10;
		assert_int_equal(pwrite(sample_file, &changed, 1, at), 1);
		assert_int_equal(replay_damaged().count, 0);
		assert_int_equal(pwrite(sample_file, &byte, 1, at), 1);
	}
}

static void test_damage_names_the_first_byte_and_what_was_left_out(void **state)
{
	size_t ends[RECORDS + 1];

	(void)state;
	record_samples();
	find_frames(ends);
	assert_int_equal(pwrite(sample_file, "x", 1, (off_t)ends[2] + 20), 1);
	assert_int_equal(replay_damaged().count, RECORDS - 1);
	assert_error("damaged at byte %zu after 2 records (checksum); left out: %zu bytes at 1 "
		     "places, and 0 records that make no sense",
		ends[2], ends[3] - ends[2]);
	assert_int_equal(pwrite(sample_file, "\xff\xff\xff\xff", 4, (off_t)ends[5]), 4);
	assert_int_equal(replay_damaged().count, RECORDS - 2);
	assert_error("damaged at byte %zu after 2 records (checksum); left out: %zu bytes at 2 "
		     "places, and 0 records that make no sense",
		ends[2], ends[3] - ends[2] + ends[6] - ends[5]);
	assert_int_equal(pwrite(sample_file, "\xff\xff\xff\xff", 4, (off_t)ends[1]), 4);
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
	length = sample_file_length();
	assert_int_equal(pread(sample_file, whole, sizeof(whole), 0), (ssize_t)length);
	for (size_t i = 0; i < sizeof(nonsense); i++)
		nonsense[i] = (unsigned char)(i * 2654435761U >> 13);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		off_t at = (off_t)ends[4];

		assert_int_equal(
			pwrite(sample_file, nonsense, lengths[i], at), (ssize_t)lengths[i]);
		assert_int_equal(pwrite(sample_file, whole + ends[4], length - ends[4],
					 at + (off_t)lengths[i]),
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
	assert_int_equal(pwrite(sample_file, frame, sizeof(frame), at), sizeof(frame));
	assert_int_equal(pwrite(sample_file, bytes, size, at + FRAME_LEN), (ssize_t)size);
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
	assert_int_equal(pwrite(sample_file, "", 1, (off_t)sample_file_length()), 1);
	assert_int_equal(replay_damaged().count, RECORDS);
	assert_non_null(strstr(sample_error, "(something follows the end)"));

	/* An end too early costs the record in whose place it is. */
	write_frame((off_t)ends[1], 0, &records, sizeof(records));
	assert_int_equal(replay_damaged().count, RECORDS - 1);
	assert_non_null(strstr(sample_error, "(number of records)"));
}

/* --- other files --- */

static void write_file(const void *bytes, size_t length)
{
	assert_int_equal(ftruncate(sample_file, 0), 0);
	assert_int_equal(pwrite(sample_file, bytes, length, 0), (ssize_t)length);
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

	assert_int_equal(
		recording_replay("/nowhere/at/all", expect_sample, NULL, sample_error), -ENOENT);
	assert_string_equal(
		sample_error, "/nowhere/at/all: cannot be opened: No such file or directory");
	assert_int_equal(recording_replay("/dev/zero", expect_sample, NULL, sample_error), -EINVAL);
	assert_string_equal(sample_error, "/dev/zero: is no regular file");
	assert_int_equal(recording_replay("/", expect_sample, NULL, sample_error), -EINVAL);
}

static void test_recording_of_another_version_is_refused(void **state)
{
	uint32_t version = RECORDING_VERSION + 1;

	(void)state;
	record_samples();
	assert_int_equal(pwrite(sample_file, &version, sizeof(version), 12), sizeof(version));
	assert_int_equal(replay_damaged().count, 0);
	assert_error("has version %u; this build reads version %u", version, RECORDING_VERSION);
}

static void test_recording_with_other_records_is_refused(void **state)
{
	uint32_t header[HEADER_LEN / 4];

	(void)state;
	record_samples();
	assert_int_equal(pread(sample_file, header, sizeof(header), 0), sizeof(header));
	header[5] ^= 1;
	header[7] = (uint32_t)crc32(0, (const Bytef *)header, sizeof(header) - 4);
	assert_int_equal(pwrite(sample_file, header, sizeof(header), 0), sizeof(header));
	assert_int_equal(replay_damaged().count, 0);
	assert_error("comes from a build with other records (layout %08x, here %08x)", header[5],
		header[5] ^ 1);
}

static void test_recording_of_the_other_byte_order_is_refused(void **state)
{
	(void)state;
	record_samples();
	assert_int_equal(pwrite(sample_file, "\x01\x02\x03\x04", 4, 8), 4);
	assert_int_equal(replay_damaged().count, 0);
	assert_error("damaged, or from a machine of other byte order");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sample_file_open, sample_file_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
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

	return cmocka_run_group_tests_name("recording_damage", tests, NULL, NULL);
}

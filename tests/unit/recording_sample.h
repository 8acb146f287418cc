/* SPDX-License-Identifier: Apache-2.0 */
/* A recording of one record of each form, for tests that write it, read it or damage it. */
#ifndef SONDE_TEST_RECORDING_SAMPLE_H
#define SONDE_TEST_RECORDING_SAMPLE_H

#include <stddef.h>

#include "record/record_check.h"
#include "record/recording.h"

#define HEADER_LEN 32
#define FRAME_LEN  8 /* without its record */

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

extern int sample_file;
extern char sample_path[64];
extern char sample_error[RECORDING_ERROR_LEN];

/* Around each test. */
int sample_file_open(void **state);
int sample_file_close(void **state);

size_t sample_file_length(void);

/* The error must be this one, behind the file's path. */
void assert_error(const char *format, ...);

/* --- what is recorded: one of each form --- */

#define RECORDS 9

/* Returns the size of record number `i` in *any, 0 past the last. */
size_t make_record(size_t i, union any_record *any);

void record_samples(void); /* all of them, into the file */

/* Takes what a replay passes on; each must be the next of the samples. */
void expect_sample(void *context, const struct record *record, size_t size);

#endif

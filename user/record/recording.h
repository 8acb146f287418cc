/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings: the records of the kernel in a file, to be played back without one.
 *
 *   header   magic, byte order, version, layout of the records, checksum
 *   frame    length, checksum, one record, zeros up to a multiple of 8 bytes
 *   …
 *   end      length 0, checksum, number of records; written when the recording is closed
 *
 * Numbers are little-endian. A checksum is the CRC-32 of zlib over everything else in its header or
 * frame, so any changed byte is found, and a file without its end was cut off. What is damaged is
 * left out: reading goes on at the next place that begins a good frame, which is a multiple of 8
 * bytes. A recording is read by a build whose records have the same layout; another one refuses it.
 *
 * Recordings hold command lines, request targets and names that were looked up: they are created
 * for their owner alone.
 */
#ifndef SONDE_RECORDING_H
#define SONDE_RECORDING_H

#include "record/record_sink.h"

/* Raised by every change to the format, or to what a record of bpf/record.h holds. That there are
 * more types or sources shows in the header as well: another build refuses the recording. */
#define RECORDING_VERSION 6

#define RECORDING_ERROR_LEN 512

/* --- writing --- */

struct recording_writer;

/*
 * Creates or empties the file, which only its owner may read (private_file.h). Negative errno:
 * there is no writer, and `error` says why in one line that begins with the path.
 */
int recording_create(
	const char *path, struct recording_writer **writer, char error[RECORDING_ERROR_LEN]);

/*
 * A record_sink; `writer` is the struct recording_writer. Buffered, hence without a result: what
 * goes wrong is told by recording_flush() and recording_close(), and nothing is written after it.
 * A record that is not valid is left out.
 */
void recording_write(void *writer, const struct record *record, size_t size);

/*
 * Hands what is buffered to the kernel; meant for every sweep. Returns 0, or the first error since
 * the file was created, of a write (-ENOSPC, …).
 */
int recording_flush(struct recording_writer *writer);

/* Writes the end, closes and frees. Returns as recording_flush() does; without the end on error. */
int recording_close(struct recording_writer *writer);

/* --- reading: memory does not grow with the file --- */

struct recording_reader;

/*
 * Opens a recording and checks its header. Negative errno: there is no reader, and `error` says why
 * in one line that begins with the path; -EINVAL when it is none that this build reads.
 */
int recording_open(
	const char *path, struct recording_reader **reader, char error[RECORDING_ERROR_LEN]);

/*
 * Passes on at most `records_max` records, each checked by record_is_valid(); in place of those
 * that are not, a loss (record_loss()). Returns 1 when there may be more, 0 at the end. Negative
 * errno, with `error` filled: at the end, that something was left out, as the file is damaged or
 * cut off (-EBADMSG); or that it cannot be read.
 */
int recording_read(struct recording_reader *reader, size_t records_max, record_sink sink,
	void *context, char error[RECORDING_ERROR_LEN]);

void recording_reader_free(struct recording_reader *reader);

/* All of a recording at once: 0, or negative errno and `error` as above. */
int recording_replay(
	const char *path, record_sink sink, void *context, char error[RECORDING_ERROR_LEN]);

#endif

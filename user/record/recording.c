/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings (recording.h). The writer is a second sink beside the aggregation, the reader takes
 * the kernel's place; daemon.c chooses. What a record is, record_check.h says.
 */
#include "record/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "privilege/private_file.h"
#include "record/record_check.h"
#include "record/record_types.h"

#define MAGIC           "SONDEREC"
#define MAGIC_LEN       8
#define BYTE_ORDER_MARK 0x01020304
#define FRAME_ALIGN     8
#define BUFFER_LEN      (64 * 1024) /* a system call for some hundred records */

struct header {
	char magic[MAGIC_LEN];
	uint32_t byte_order;
	uint32_t version;
	uint32_t size; /* of this header */
	uint32_t layout;
	uint32_t reserved;
	uint32_t checksum; /* of all before it */
};

struct frame {
	uint32_t length;   /* of the record, without its padding; 0: the end */
	uint32_t checksum; /* of the length, then of what follows, padding included */
};

/* A fingerprint of the layout, for whoever forgets to raise RECORDING_VERSION. */
static uint32_t layout_checksum(void)
{
	static const uint32_t bounds[] = {
		RECORD_TYPES,
		SOURCES,
		OUTCOMES,
		WORKLOADS_MAX,
		HTTP_METHODS,
		UNIX_PATH_LEN,
		HISTOGRAM_BUCKETS,
		(uint32_t)HISTOGRAM_MIN_EXP,
		HISTOGRAM_PER_OCTAVE,
		sizeof(struct record_address),
		sizeof(struct record_bucket),
	};
	uLong checksum = crc32(0, (const Bytef *)bounds, sizeof(bounds));

	for (unsigned type = 0; type < RECORD_TYPES; type++) {
		const uint32_t sizes[] = {(uint32_t)record_layouts[type].size,
			(uint32_t)record_layouts[type].tail_max};

		checksum = crc32(checksum, (const Bytef *)sizes, sizeof(sizes));
	}
	return (uint32_t)checksum;
}

static uint32_t header_checksum(const struct header *header)
{
	return (uint32_t)crc32(0, (const Bytef *)header, offsetof(struct header, checksum));
}

static uint32_t frame_checksum(uint32_t length, const void *bytes, size_t padded_length)
{
	uLong checksum = crc32(0, (const Bytef *)&length, sizeof(length));

	return (uint32_t)crc32(checksum, bytes, (uInt)padded_length);
}

static size_t padded(size_t length)
{
	return (length + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

/* --- writing --- */

struct recording_writer {
	int fd;
	int error; /* the first, negative errno */
	uint64_t records;
	size_t buffered;
	unsigned char buffer[BUFFER_LEN];
};

/* Empties the buffer; into the file, unless a hole in it would come before. */
static void writer_write_out(struct recording_writer *writer)
{
	const unsigned char *at = writer->buffer;
	const unsigned char *end = at + writer->buffered;

	while (!writer->error && at < end) {
		ssize_t written = TEMP_FAILURE_RETRY(write(writer->fd, at, (size_t)(end - at)));

		if (written < 0)
			writer->error = -errno;
		else
			at += written;
	}
	writer->buffered = 0;
}

static void writer_append(struct recording_writer *writer, const void *bytes, size_t length)
{
	memcpy(writer->buffer + writer->buffered, bytes, length);
	writer->buffered += length;
}

/* `length` goes into the frame; `size` bytes and their padding are written. */
static void writer_append_frame(
	struct recording_writer *writer, uint32_t length, const void *bytes, size_t size)
{
	struct frame frame = {.length = length};

	if (sizeof(writer->buffer) - writer->buffered < sizeof(frame) + padded(size))
		writer_write_out(writer);

	unsigned char *body = writer->buffer + writer->buffered + sizeof(frame);
	memcpy(body, bytes, size);
	memset(body + size, 0, padded(size) - size);
	frame.checksum = frame_checksum(length, body, padded(size));
	memcpy(body - sizeof(frame), &frame, sizeof(frame));
	writer->buffered += sizeof(frame) + padded(size);
}

int recording_create(
	const char *path, struct recording_writer **writer, char error[RECORDING_ERROR_LEN])
{
	struct header header = {
		.magic = MAGIC,
		.byte_order = BYTE_ORDER_MARK,
		.version = RECORDING_VERSION,
		.size = sizeof(header),
		.layout = layout_checksum(),
	};
	struct recording_writer *created = malloc(sizeof(*created));

	int result;

	if (!created) {
		snprintf(error, RECORDING_ERROR_LEN, "%s: no memory", path);
		return -ENOMEM;
	}
	created->fd = private_file_open(path, false, error);
	if (created->fd < 0) {
		result = created->fd;
		free(created);
		return result;
	}
	created->error = 0;
	created->records = 0;
	created->buffered = 0;
	header.checksum = header_checksum(&header);
	writer_append(created, &header, sizeof(header));
	writer_write_out(created);
	if (created->error) {
		result = recording_close(created);
		snprintf(error, RECORDING_ERROR_LEN, "%s: %s", path, strerror(-result));
		return result;
	}
	*writer = created;
	return 0;
}

void recording_write(void *context, const struct record *record, size_t size)
{
	struct recording_writer *writer = context;

	if (writer->error || !record_is_valid(record, size))
		return;
	/* What a ring buffer padded it with stays out. */
	size = record_size(record, size);
	writer_append_frame(writer, (uint32_t)size, record, size);
	writer->records++;
}

int recording_flush(struct recording_writer *writer)
{
	writer_write_out(writer);
	return writer->error;
}

int recording_close(struct recording_writer *writer)
{
	if (!writer->error)
		writer_append_frame(writer, 0, &writer->records, sizeof(writer->records));
	writer_write_out(writer);
	if (close(writer->fd) != 0 && !writer->error)
		writer->error = -errno;

	int error = writer->error;
	free(writer);
	return error;
}

/* --- reading --- */

/* What was left out. */
struct damage {
	const char *what; /* the first one, NULL: none, */
	uint64_t offset;  /* its place, */
	uint64_t records; /* and how many records came before */
	uint64_t places, bytes, invalid;
};

struct recording_reader {
	FILE *file;
	uint64_t length; /* of the file */
	uint64_t offset; /* of the frame that is being read */
	uint64_t records;
	bool is_lost; /* no frame begins at the last place that was tried */
	struct damage damage;
	_Alignas(FRAME_ALIGN) unsigned char bytes[RECORD_SIZE_MAX];
	char path[];
};

__attribute__((format(printf, 3, 4))) static int fail(
	char error[RECORDING_ERROR_LEN], int result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, RECORDING_ERROR_LEN, format, arguments);
	va_end(arguments);
	return result;
}

/* Keeps the first damage for the end. Returns -EBADMSG. */
static int note_damage(struct recording_reader *reader, uint64_t offset, const char *what)
{
	struct damage *damage = &reader->damage;

	if (damage->what)
		return -EBADMSG;
	damage->what = what;
	damage->offset = offset;
	damage->records = reader->records;
	return -EBADMSG;
}

#define TRUNCATED "truncated"

static int fail_damaged(const struct recording_reader *reader, char *error)
{
	const struct damage *damage = &reader->damage;
	bool is_cut = strcmp(damage->what, TRUNCATED) == 0;

	return fail(error, -EBADMSG,
		"%s: %s at byte %llu after %llu records%s%s%s; left out: %llu bytes at %llu "
		"places, and %llu records that make no sense",
		reader->path, is_cut ? TRUNCATED : "damaged", (unsigned long long)damage->offset,
		(unsigned long long)damage->records, is_cut ? "" : " (", is_cut ? "" : damage->what,
		is_cut ? "" : ")", (unsigned long long)damage->bytes,
		(unsigned long long)damage->places, (unsigned long long)damage->invalid);
}

/* Reads all of `length` bytes, `at` bytes into the frame; -EBADMSG: the file ends before. */
static int reader_fill(
	struct recording_reader *reader, size_t at, void *bytes, size_t length, char *error)
{
	size_t filled = fread(bytes, 1, length, reader->file);

	if (filled == length)
		return 0;
	if (ferror(reader->file)) {
		int result = -errno;

		return fail(
			error, result, "%s: cannot be read: %s", reader->path, strerror(-result));
	}
	return note_damage(reader, reader->offset + at + filled, TRUNCATED);
}

static int reader_read_header(struct recording_reader *reader, char *error)
{
	struct header header = {.magic = MAGIC};
	int result = reader_fill(reader, 0, &header, sizeof(header), error);

	if (memcmp(header.magic, MAGIC, MAGIC_LEN) != 0)
		return fail(error, -EINVAL, "%s: is no recording of Sonde", reader->path);
	if (result != 0)
		return result == -EBADMSG ? fail_damaged(reader, error) : result;
	if (header.byte_order != BYTE_ORDER_MARK)
		return fail(error, -EINVAL, "%s: damaged, or from a machine of other byte order",
			reader->path);
	if (header.version != RECORDING_VERSION)
		return fail(error, -EINVAL, "%s: has version %u; this build reads version %u",
			reader->path, header.version, RECORDING_VERSION);
	if (header.checksum != header_checksum(&header) || header.size != sizeof(header)) {
		note_damage(reader, 0, "its header");
		return fail_damaged(reader, error);
	}
	if (header.layout != layout_checksum())
		return fail(error, -EINVAL,
			"%s: comes from a build with other records (layout %08x, here %08x)",
			reader->path, header.layout, layout_checksum());
	reader->offset = sizeof(header);
	return 0;
}

int recording_open(
	const char *path, struct recording_reader **reader, char error[RECORDING_ERROR_LEN])
{
	/* Only files: a pipe could keep the daemon waiting, in open() already, deaf to signals. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct stat status;

	if (!file || fstat(fd, &status) != 0) {
		int result = -errno;

		if (file)
			fclose(file);
		else if (fd >= 0)
			close(fd);
		return fail(error, result, "%s: cannot be opened: %s", path, strerror(-result));
	}
	if (!S_ISREG(status.st_mode)) {
		fclose(file);
		return fail(error, -EINVAL, "%s: is no regular file", path);
	}

	struct recording_reader *opened = calloc(1, sizeof(*opened) + strlen(path) + 1);
	if (!opened) {
		fclose(file);
		return fail(error, -ENOMEM, "%s: no memory", path);
	}
	opened->file = file;
	opened->length = (uint64_t)status.st_size;
	strcpy(opened->path, path);
	int result = reader_read_header(opened, error);
	if (result != 0) {
		recording_reader_free(opened);
		return result;
	}
	*reader = opened;
	return 0;
}

/* What ends a recording. Returns 0 when that is so. */
static int reader_read_end(struct recording_reader *reader, uint32_t checksum, char *error)
{
	uint64_t records;
	int result = reader_fill(reader, sizeof(struct frame), &records, sizeof(records), error);

	if (result != 0)
		return result;
	if (checksum != frame_checksum(0, &records, sizeof(records)))
		return note_damage(reader, reader->offset, "checksum");
	if (records != reader->records)
		note_damage(reader, reader->offset, "number of records");
	if (fgetc(reader->file) == EOF)
		return 0;
	return note_damage(reader, reader->offset + sizeof(struct frame) + sizeof(records),
		"something follows the end");
}

/*
 * One frame: the size of what is in reader->bytes, or 0 at the end. -EBADMSG: none begins here;
 * another negative errno: the file cannot be read.
 */
static int reader_read_frame(struct recording_reader *reader, char *error)
{
	struct frame frame;
	int result = reader_fill(reader, 0, &frame, sizeof(frame), error);

	if (result != 0)
		return result;
	if (frame.length == 0)
		return reader_read_end(reader, frame.checksum, error);
	if (padded(frame.length) > sizeof(reader->bytes))
		return note_damage(reader, reader->offset, "impossible length");
	result = reader_fill(reader, sizeof(frame), reader->bytes, padded(frame.length), error);
	if (result != 0)
		return result;
	if (frame.checksum != frame_checksum(frame.length, reader->bytes, padded(frame.length)))
		return note_damage(reader, reader->offset, "checksum");
	return (int)frame.length;
}

/* The next place where a frame may begin. Returns false at the end of the file. */
static bool reader_skip(struct recording_reader *reader)
{
	uint64_t left = reader->length > reader->offset ? reader->length - reader->offset : 0;
	uint64_t step = left < FRAME_ALIGN ? left : FRAME_ALIGN;

	reader->damage.places += !reader->is_lost && left;
	reader->is_lost = true;
	reader->damage.bytes += step;
	reader->offset += step;
	clearerr(reader->file);
	return step == FRAME_ALIGN && fseeko(reader->file, (off_t)reader->offset, SEEK_SET) == 0;
}

static void pass_on(struct recording_reader *reader, size_t size, record_sink sink, void *context)
{
	const struct record *record = (const struct record *)reader->bytes;
	struct record_events loss;

	if (record_is_valid(record, size)) {
		sink(context, record, size);
	} else {
		note_damage(reader, reader->offset, "impossible values");
		reader->damage.invalid++;
		if (record_loss(record, size, &loss))
			sink(context, &loss.record, sizeof(loss));
	}
	reader->is_lost = false;
	reader->offset += sizeof(struct frame) + padded(size);
	reader->records++;
}

int recording_read(struct recording_reader *reader, size_t records_max, record_sink sink,
	void *context, char error[RECORDING_ERROR_LEN])
{
	for (; records_max > 0; records_max--) {
		int size = reader_read_frame(reader, error);

		if (size > 0)
			pass_on(reader, (size_t)size, sink, context);
		else if (size == 0)
			return reader->damage.what ? fail_damaged(reader, error) : 0;
		else if (size != -EBADMSG)
			return size;
		else if (!reader_skip(reader))
			return fail_damaged(reader, error);
	}
	return 1;
}

void recording_reader_free(struct recording_reader *reader)
{
	if (!reader)
		return;
	fclose(reader->file);
	free(reader);
}

int recording_replay(
	const char *path, record_sink sink, void *context, char error[RECORDING_ERROR_LEN])
{
	struct recording_reader *reader;
	int result = recording_open(path, &reader, error);

	if (result != 0)
		return result;
	do {
		result = recording_read(reader, SIZE_MAX, sink, context, error);
	} while (result > 0);
	recording_reader_free(reader);
	return result;
}

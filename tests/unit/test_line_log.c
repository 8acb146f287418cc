/* SPDX-License-Identifier: Apache-2.0 */
/* What user/export/lines/line_log.h promises, on real files, pipes and a device that is full. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/flows/flow_json.h"
#include "export/lines/line_log.h"
#include "flow_sample.h"

struct fixture {
	char folder[64], path[96], rotated[96];
	char *text; /* what was read last */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	strcpy(fixture->folder, "/tmp/sonde-flow-log-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/flows.json", fixture->folder);
	snprintf(fixture->rotated, sizeof(fixture->rotated), "%s/flows.1", fixture->folder);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	unlink(fixture->path);
	unlink(fixture->rotated);
	rmdir(fixture->folder);
	free(fixture->text);
	free(fixture);
	return 0;
}

static struct line_log *open_log(const char *path)
{
	char error[LINE_LOG_ERROR_LEN];
	struct line_log *log;

	assert_int_equal(line_log_open(&log, path, "flow records", error), 0);
	return log;
}

/* Records that can be told apart by their source.port. */
static void take(struct line_log *log, uint16_t first, uint16_t count)
{
	struct flow_sample sample;

	flow_sample_make(&sample);
	for (uint16_t i = 0; i < count; i++) {
		sample.flow.address.local_port = first + i;
		flow_json_append(line_log_line(log), &sample.view);
		line_log_take(log);
	}
}

static const char *content(struct fixture *fixture, const char *path)
{
	FILE *file = fopen(path, "r");
	size_t size = 0;

	assert_non_null(file);
	free(fixture->text);
	fixture->text = NULL;
	if (getdelim(&fixture->text, &size, '\0', file) < 0)
		*fixture->text = '\0';
	fclose(file);
	return fixture->text;
}

/* Each line is one whole record, and they have these numbers. */
static void assert_records(const char *text, uint16_t first, uint16_t count)
{
	char wanted[48];

	for (uint16_t i = 0; i < count; i++) {
		const char *end = strchr(text, '\n');

		assert_non_null(end);
		snprintf(wanted, sizeof(wanted), "\"source.port\":%u,", (unsigned)(first + i));
		const char *found = strstr(text, wanted);
		assert_true(found && found < end);
		assert_memory_equal(text, "{\"timestamp\"", 12);
		assert_int_equal(end[-1], '}');
		text = end + 1;
	}
	assert_string_equal(text, "");
}

static void assert_counters(const struct line_log *log, uint64_t written, uint64_t dropped)
{
	struct line_log_counters counters = line_log_counters(log);

	assert_int_equal(counters.written, written);
	assert_int_equal(counters.dropped, dropped);
}

static void test_records_are_appended_for_the_owner_alone(void **state)
{
	struct fixture *fixture = *state;
	struct line_log *log = open_log(fixture->path);
	struct stat status;

	take(log, 1, 3);
	assert_string_equal(content(fixture, fixture->path), "");
	line_log_flush(log);
	assert_records(content(fixture, fixture->path), 1, 3);
	assert_counters(log, 3, 0);
	line_log_close(log);
	log = open_log(fixture->path);
	take(log, 4, 2);
	line_log_close(log);
	assert_records(content(fixture, fixture->path), 1, 5);
	assert_int_equal(stat(fixture->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_rotated_file_is_left_for_a_new_one(void **state)
{
	struct fixture *fixture = *state;
	struct line_log *log = open_log(fixture->path);

	take(log, 1, 2);
	assert_int_equal(rename(fixture->path, fixture->rotated), 0);
	line_log_reopen(log);
	take(log, 3, 2);
	line_log_close(log);
	assert_records(content(fixture, fixture->rotated), 1, 2);
	assert_records(content(fixture, fixture->path), 3, 2);
}

static void test_file_that_cannot_be_opened_is_named(void **state)
{
	char error[LINE_LOG_ERROR_LEN];
	struct line_log *log;
	(void)state;

	assert_int_equal(
		line_log_open(&log, "/nowhere/flows.json", "flow records", error), -ENOENT);
	assert_string_equal(error, "/nowhere/flows.json: No such file or directory");
}

static void test_full_device_drops_only_what_memory_cannot_keep(void **state)
{
	struct line_log *log = open_log("/dev/full");
	uint64_t taken = 0;
	(void)state;

	while (!line_log_counters(log).dropped) {
		take(log, 1, 1);
		taken++;
		assert_true(taken < LINE_LOG_BYTES_MAX / 100);
	}
	take(log, 1, 9);
	line_log_flush(log);
	assert_counters(log, 0, 10);
	assert_true(taken > LINE_LOG_BYTES_MAX / 2000);
	line_log_close(log);
}

/* Standard output is the writing end of `pair`, as long as the log is opened. */
static struct line_log *open_standard_output(const int pair[2])
{
	int before;
	struct line_log *log;

	fflush(stdout);
	before = dup(STDOUT_FILENO);
	dup2(pair[1], STDOUT_FILENO);
	log = open_log(LINE_LOG_STDOUT);
	dup2(before, STDOUT_FILENO);
	close(before);
	close(pair[1]);
	return log;
}

/* Reads what is there; `text` has room for `size` bytes. */
static size_t read_some(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t got;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((got = read(fd, text + length, size - length - 1)) > 0)
		length += (size_t)got;
	text[length] = '\0';
	return length;
}

static void check_slow_reader(const int pair[2])
{
	static char text[2 * LINE_LOG_BYTES_MAX];
	struct line_log *log = open_standard_output(pair);
	size_t length = 0;

	take(log, 1, 1000); /* several times what the kernel keeps for a reader */
	line_log_flush(log);
	assert_true(line_log_counters(log).written < 1000);
	for (int i = 0; i < 1000 && line_log_counters(log).written < 1000; i++) {
		length += read_some(pair[0], text + length, sizeof(text) - length);
		line_log_flush(log);
	}
	read_some(pair[0], text + length, sizeof(text) - length);
	assert_records(text, 1, 1000);
	assert_counters(log, 1000, 0);
	line_log_close(log);
	close(pair[0]);
}

static void test_slow_reader_of_a_pipe_gets_all_and_holds_up_nobody(void **state)
{
	int pair[2];
	(void)state;

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	check_slow_reader(pair);
}

static void test_slow_reader_of_a_socket_gets_all_and_holds_up_nobody(void **state)
{
	int pair[2];
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	check_slow_reader(pair);
}

static void test_pipe_without_a_reader_ends_nobody(void **state)
{
	int pair[2];
	struct line_log *log;
	(void)state;

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	log = open_standard_output(pair);
	close(pair[0]);
	take(log, 1, 10);
	line_log_flush(log);
	assert_counters(log, 0, 0);
	line_log_close(log);
}

/* A line that is in the old file in part does not go on in the new one. */
static void test_new_file_begins_with_a_whole_line(void **state)
{
	static char text[2 * LINE_LOG_BYTES_MAX];
	struct fixture *fixture = *state;
	struct line_log *log;
	int reader;
	size_t length;

	assert_int_equal(mkfifo(fixture->path, 0600), 0);
	reader = open(fixture->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	log = open_log(fixture->path);
	take(log, 1, 1000);
	line_log_flush(log);
	uint64_t written = line_log_counters(log).written;
	assert_int_equal(rename(fixture->path, fixture->rotated), 0);
	line_log_reopen(log);
	line_log_flush(log);
	length = read_some(reader, text, sizeof(text));
	bool is_torn = text[length - 1] != '\n';
	assert_counters(log, 1000 - is_torn, is_torn);
	assert_records(content(fixture, fixture->path), (uint16_t)(1 + written + is_torn),
		(uint16_t)(1000 - written - is_torn));
	line_log_close(log);
	close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_records_are_appended_for_the_owner_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_rotated_file_is_left_for_a_new_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_file_that_cannot_be_opened_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_full_device_drops_only_what_memory_cannot_keep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_slow_reader_of_a_pipe_gets_all_and_holds_up_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_slow_reader_of_a_socket_gets_all_and_holds_up_nobody, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_pipe_without_a_reader_ends_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_new_file_begins_with_a_whole_line, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The live table: its text, and its manners on a terminal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text_line.h"
#include "export/terminal/live_table.h"

#define SECOND 1000000000ull
#define URL    "http://127.0.0.1:9760/metrics"

/* --- text --- */

static char *render(const struct figures *figures, unsigned lines, unsigned columns)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	table_render(out, figures, URL, lines, columns);
	fclose(out);
	return text;
}

static void assert_rendered(
	const struct figures *figures, unsigned lines, unsigned columns, const char *wanted)
{
	char *text = render(figures, lines, columns);

	assert_string_equal(text, wanted);
	free(text);
}

static const struct figures_service nginx = {.name = "nginx",
	.requests = 1234,
	.errors = 2,
	.p50_ns = 250000,
	.p99_ns = 1940000,
	.connections = 64,
	.received_bytes = 184320,
	.sent_bytes = 2411725,
	.busiest = {{"sendto", 0.612}, {"read", 0.22}, {"openat", 0.09}}};
static const struct figures_service curl = {.name = "curl",
	.calls = 0.5,
	.connections = 1,
	.received_bytes = 999.4,
	.sent_bytes = 1000,
	.busiest = {{"", 1}}};
static const struct figures_service *const both[] = {&nginx, &curl};
static const struct figures two_services = {.has_rates = true,
	.services = both,
	.service_count = 2,
	.total = {.requests = 1234, .errors = 2}};

static void test_table_shows_figures_in_three_digits(void **state)
{
	(void)state;
	assert_rendered(&two_services, 10, 100,
		"\033[1m" URL "\033[0m · 2 services · 1.2k req/s · 2 err/s · lost 0\n"
		"\033[1mSERVICE          REQ/S ERR/S   P50   P99 OUT/S CONNS  RX/S  TX/S"
		"  BUSIEST SYSCALLS\033[0m\n"
		"nginx             1.2k\033[1;31m     2\033[0m 250us 1.9ms     0    64  180K  2.3M"
		"  sendto 61% read 22% openat 9%\n"
		"curl                 0     0     -     -   0.5     1  999B    1K  other 100%\n");
}

static void test_narrow_terminal_drops_what_is_at_the_right(void **state)
{
	(void)state;
	assert_rendered(&two_services, 10, 80,
		"\033[1m" URL "\033[0m · 2 services · 1.2k req/s · 2 err/s · lost 0\n"
		"\033[1mSERVICE          REQ/S ERR/S   P50   P99 OUT/S CONNS  RX/S  TX/S"
		"  BUSIEST SYSCA…\033[0m\n"
		"nginx             1.2k\033[1;31m     2\033[0m 250us 1.9ms     0    64  180K  2.3M"
		"  sendto 61%\n"
		"curl                 0     0     -     -   0.5     1  999B    1K  other 100%\n");
	assert_rendered(&two_services, 10, 24,
		"\033[1mhttp://127.0.0.1:9760/m…\033[0m\n"
		"\033[1mSERVICE          REQ/S\033[0m\n"
		"nginx             1.2k\033[1;31m\033[0m\n"
		"curl                 0\n");
}

static void test_low_terminal_says_how_many_services_are_not_shown(void **state)
{
	(void)state;
	assert_rendered(&two_services, 3, 22,
		"\033[1mhttp://127.0.0.1:9760…\033[0m\n"
		"\033[1mSERVICE          REQ/S\033[0m\n"
		"… 2 more\n");
	assert_rendered(&two_services, 1, 80, "");
	assert_rendered(&two_services, 0, 0, "");
}

static void test_first_look_has_no_rates_to_show(void **state)
{
	const struct figures_service *const services[] = {
		&(struct figures_service){.name = "shop", .connections = 7}};
	const struct figures first = {.services = services, .service_count = 1};

	(void)state;
	assert_rendered(&first, 10, 64,
		"\033[1m" URL "\033[0m · 1 service · - req/s · - err/s ·…\n"
		"\033[1mSERVICE          REQ/S ERR/S   P50   P99 OUT/S CONNS  RX/S  TX/S\033[0m\n"
		"shop                 -     -     -     -     -     7     -     -\n");
}

static void test_losses_are_told_in_red_with_their_reasons(void **state)
{
	static const struct figures_loss losses[] = {
		{"tcp", "table_full", 1500}, {"http", "ring_full", 3}};
	static const struct figures lossy = {
		.has_rates = true, .losses = losses, .loss_count = 2, .lost_events = 1503};

	(void)state;
	assert_rendered(&lossy, 2, 200,
		"\033[1m" URL "\033[0m · 0 services · 0 req/s · 0 err/s · "
		"\033[1;31mlost 1.5k: tcp table_full 1.5k, http ring_full 3\033[0m\n"
		"\033[1mSERVICE                          REQ/S ERR/S   P50   P99 OUT/S CONNS  "
		"RX/S  TX/S  BUSIEST SYSCALLS\033[0m\n");
}

static void test_names_cannot_command_the_terminal_or_break_columns(void **state)
{
	const struct figures_service *const services[] = {
		&(struct figures_service){.name = "\033[2J\x9b\n\r\x07"},
		&(struct figures_service){.name = "caf\xc3\xa9 \xe2\x80\xae\xe4\xb8\xad\xcc\x81"},
		&(struct figures_service){.name = "a-name-that-is-much-too-long"},
		&(struct figures_service){.name = "sixteen-columns-"},
		&(struct figures_service){.name = "fifteen-columns\xc3\xa9\xc3\xa9"},
	};
	const struct figures odd = {.has_rates = true, .services = services, .service_count = 5};
	char *text = render(&odd, 20, 22);
	const char *rows = strstr(text, "REQ/S\033[0m\n");

	(void)state;
	assert_non_null(rows);
	assert_string_equal(rows + strlen("REQ/S\033[0m\n"), "?[2J????             0\n"
							     "caf\xc3\xa9 ???             0\n"
							     "a-name-that-is-…     0\n"
							     "sixteen-columns-     0\n"
							     "fifteen-columns…     0\n");
	free(text);
}

static void test_figures_of_any_size_fit_their_column(void **state)
{
	const struct figures_service *const services[] = {&(struct figures_service){.name = "big",
		.requests = 1.8e19,
		.errors = 99949,
		.p50_ns = 999499,
		.p99_ns = UINT64_C(200) * SECOND,
		.calls = 999.5,
		.connections = 9.96,
		.received_bytes = 1.8e19,
		.sent_bytes = 0.01}};
	const struct figures big = {.has_rates = true, .services = services, .service_count = 1};
	char *text = render(&big, 3, 64);

	(void)state;
	assert_non_null(
		strstr(text, "big                18E\033[1;31m  100k\033[0m 999us  200s    1k"
			     "    10   16E    0B\n"));
	free(text);
}

static void test_durations_are_told_in_units_up_to_hours(void **state)
{
	char text[FIGURE_LEN];

	(void)state;
	assert_string_equal(figure_duration(text, 0), "-");
	assert_string_equal(figure_duration(text, 1500), "1.5us");
	assert_string_equal(figure_duration(text, 999499999999), "999s");
	assert_string_equal(figure_duration(text, 999500000000), "0.3h");
	assert_string_equal(figure_duration(text, 86400 * SECOND), "24h");
	assert_string_equal(figure_duration(text, UINT64_MAX), "5.1Mh");
}

/* --- on a terminal --- */

static const struct metric_description open_connections = {.name = "sonde_tcp_open_connections",
	.help = "Open.",
	.unit = "",
	.type = METRIC_GAUGE,
	.labels = {"service_name"}};

/* A registry in which `count` services have a connection. */
static struct metrics *registry_make(int count)
{
	struct metrics *metrics = metrics_new(1000, 1000);
	struct metric_family *family = metrics_family(metrics, &open_connections);

	for (int i = 0; i < count; i++) {
		char name[32];
		const char *values[] = {name};

		snprintf(name, sizeof(name), "service-%d", i);
		metric_set(metrics_series(family, values), 1);
	}
	return metrics;
}

/* What came out of the terminal's other end; the caller frees. */
static char *drain(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char *text = calloc(1, 1 << 17);
	size_t size = 0;

	while (poll(&ready, 1, 50) > 0) {
		ssize_t got = read(fd, text + size, (1 << 17) - 1 - size);

		if (got <= 0)
			break;
		size += (size_t)got;
	}
	return text;
}

static void test_table_keeps_off_the_lines_of_the_log(void **state)
{
	struct metrics *metrics = registry_make(3);
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	struct table *table;
	int other_end, terminal;
	char *text;

	(void)state;
	assert_int_equal(openpty(&other_end, &terminal, NULL, NULL, &size), 0);
	table = table_new(terminal);
	assert_non_null(table);
	table_refresh(table, metrics, URL, SECOND);
	text = drain(other_end);
	assert_non_null(strstr(text, "\033[21;24r\033[24;1H"));
	assert_non_null(strstr(text, URL));
	free(text);

	table_refresh(table, metrics, URL, 2 * SECOND);
	text = drain(other_end);
	assert_null(strstr(text, "24r"));
	assert_memory_equal(text, "\0337\033[H", 5);
	assert_string_equal(text + strlen(text) - 2, "\0338");
	free(text);

	size.ws_row = 8; /* too low for a log */
	assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
	table_refresh(table, metrics, URL, 3 * SECOND);
	text = drain(other_end);
	assert_memory_equal(text, "\033[r\033[H\033[J\0337", 11);
	free(text);

	table_free(table);
	text = drain(other_end);
	assert_string_equal(text, "\033[r\033[8;1H\r\n");
	free(text);
	metrics_free(metrics);
	close(terminal);
	close(other_end);
}

/* Nobody reads: a blocking write would hang here, and the alarm end the test. */
static void test_terminal_that_takes_nothing_does_not_hold_up(void **state)
{
	struct metrics *metrics = registry_make(50);
	struct winsize size = {.ws_row = 50, .ws_col = 200};
	struct table *table;
	int other_end, terminal, flags;
	char *text;

	(void)state;
	assert_int_equal(openpty(&other_end, &terminal, NULL, NULL, &size), 0);
	table = table_new(terminal);
	alarm(20);
	for (unsigned i = 1; i < 100; i++)
		table_refresh(table, metrics, URL, i * SECOND);
	alarm(0);
	/* Others who write to this terminal may still wait for it. */
	flags = fcntl(terminal, F_GETFL);
	assert_int_equal(flags & O_NONBLOCK, 0);

	free(drain(other_end));
	table_refresh(table, metrics, URL, 100 * SECOND);
	text = drain(other_end);
	/* A torn frame is followed by one that sets the screen up again. */
	assert_memory_equal(text, "\033[r\033[H\033[J", 9);
	assert_non_null(strstr(text, "service-10 "));
	free(text);
	table_free(table);
	metrics_free(metrics);
	close(terminal);
	close(other_end);
}

static void test_no_table_without_a_terminal(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_null(table_new(ends[1]));
	assert_null(table_new(-1));
	close(ends[0]);
	close(ends[1]);
	table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_shows_figures_in_three_digits),
		cmocka_unit_test(test_narrow_terminal_drops_what_is_at_the_right),
		cmocka_unit_test(test_low_terminal_says_how_many_services_are_not_shown),
		cmocka_unit_test(test_first_look_has_no_rates_to_show),
		cmocka_unit_test(test_losses_are_told_in_red_with_their_reasons),
		cmocka_unit_test(test_names_cannot_command_the_terminal_or_break_columns),
		cmocka_unit_test(test_figures_of_any_size_fit_their_column),
		cmocka_unit_test(test_durations_are_told_in_units_up_to_hours),
		cmocka_unit_test(test_table_keeps_off_the_lines_of_the_log),
		cmocka_unit_test(test_terminal_that_takes_nothing_does_not_hold_up),
		cmocka_unit_test(test_no_table_without_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

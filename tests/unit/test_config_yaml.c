/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what it may say, and what every mistake in it is answered with. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_yaml.h"
#include "config_file.h"
#include "record/sources.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND      (1000 * MILLISECOND)

static struct config config;
static char error[CONFIG_ERROR_LEN];

static int free_config(void **state)
{
	(void)state;
	config_free(&config);
	return 0;
}

/* Alone, without defaults: whatever is set was set by the file. */
static bool read_file(const char *path)
{
	config_free(&config);
	error[0] = '\0';
	return config_read_yaml(&config, path, error);
}

static void assert_nothing_set(void)
{
	for (size_t i = 0; i < sizeof(config); i++)
		assert_int_equal(((const char *)&config)[i], 0);
}

static void assert_file_fails(const char *path, const char *message)
{
	assert_false(read_file(path));
	assert_string_equal(error, message);
}

static void assert_yaml_loads(const char *text)
{
	write_yaml(text);
	if (!read_file("sonde.yaml"))
		fail_msg("%s", error);
}

static void assert_yaml_fails(const char *text, const char *message)
{
	write_yaml(text);
	assert_file_fails("sonde.yaml", message);
}

static void test_file_sets_every_key(void **state)
{
	(void)state;
	assert_yaml_loads("listen: '[::1]:0'\n"
			  "otlp-endpoint: https://collector.example:4318/\n"
			  "quiet: true\n"
			  "log-format: json\n"
			  "log-level: error\n"
			  "record: /tmp/x.rec\n"
			  "replay:\n"
			  "syscalls: false\n"
			  "tcp: false\n"
			  "http: false\n"
			  "dns: false\n"
			  "processes: false\n"
			  "slow-syscall: 0\n"
			  "long-request: 2m\n"
			  "sweep-interval: 60s\n"
			  "ring-size: 64MiB\n"
			  "series-limit: 1000000\n"
			  "series-per-service-limit: 100\n"
			  "series-ttl: 1h\n"
			  "routes-per-service-limit: 0\n"
			  "http-routes: [/a, '/b/{id}']\n"
			  "spans: false\n"
			  "dns-spans: true\n"
			  "otlp-queue-size: 512KiB\n"
			  "otlp-interval: 250ms\n"
			  "otlp-timeout: 2m\n"
			  "drain-timeout: 0s\n");
	assert_string_equal(config.listen, "[::1]:0");
	assert_string_equal(config.otlp_endpoint, "https://collector.example:4318/");
	assert_true(config.quiet);
	assert_int_equal(config.log_format, LOG_FORMAT_JSON);
	assert_int_equal(config.log_level, LOG_LEVEL_ERROR);
	assert_string_equal(config.record, "/tmp/x.rec");
	assert_string_equal(config.replay, "");
	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		assert_false(config.sources[switched_sources[i]]);
	assert_true(config.telemetry.dns_spans);
	assert_int_equal(config.slow_syscall_ns, 0);
	assert_int_equal(config.long_request_ns, 120 * SECOND);
	assert_int_equal(config.sweep_interval_ns, 60 * SECOND);
	assert_int_equal(config.ring_bytes, 64 * 1024 * 1024);
	assert_int_equal(config.telemetry.series_max, 1000000);
	assert_int_equal(config.telemetry.series_per_service_max, 100);
	assert_int_equal(config.telemetry.series_ttl_ns, 3600 * SECOND);
	assert_int_equal(config.telemetry.routes_per_service_max, 0);
	assert_int_equal(config.telemetry.http_route_count, 2);
	assert_string_equal(config.telemetry.http_routes[0], "/a");
	assert_string_equal(config.telemetry.http_routes[1], "/b/{id}");
	assert_false(config.spans);
	assert_int_equal(config.otlp_queue_bytes, 512 * 1024);
	assert_int_equal(config.otlp_interval_ns, 250 * MILLISECOND);
	assert_int_equal(config.otlp_timeout_ns, 120 * SECOND);
	assert_int_equal(config.drain_timeout_ns, 0);
}

static void test_unknown_key_names_file_line_and_key(void **state)
{
	(void)state;
	assert_yaml_fails("# a comment\n\nslow-syscal: 1s\n",
		"sonde.yaml:3: slow-syscal: unknown key; did you mean slow-syscall?");
	assert_yaml_fails("slow_syscall: 1s\n",
		"sonde.yaml:1: slow_syscall: unknown key; did you mean slow-syscall?");
	assert_yaml_fails("colour: blue\n",
		"sonde.yaml:1: colour: unknown key; `sonde run --help` lists them all");
}

static void test_wrong_value_names_line_and_says_what_is_right(void **state)
{
	(void)state;
	assert_yaml_fails("quiet: true\n\nsweep-interval: fast\n",
		"sonde.yaml:3: sweep-interval: \"fast\" is no duration; write e.g. 250ms, 5s or "
		"2m");
	assert_yaml_fails(
		"tcp: yes\n", "sonde.yaml:1: tcp: \"yes\" is no boolean; write true or false");
	assert_yaml_fails("tcp:\n", "sonde.yaml:1: tcp: \"\" is no boolean; write true or false");
}

static void test_key_that_is_set_twice_names_both_lines(void **state)
{
	(void)state;
	assert_yaml_fails("tcp: true\nhttp: true\ntcp: true\n",
		"sonde.yaml:3: tcp: is set twice; first in line 1");
}

static void test_file_is_one_flat_mapping(void **state)
{
	(void)state;
	assert_yaml_fails(
		"tcp:\n  enabled: true\n", "sonde.yaml:1: tcp: takes a value, not a mapping");
	assert_yaml_fails("tcp: [true]\n", "sonde.yaml:1: tcp: takes one value, not a list");
	assert_yaml_fails("http-routes:\n  - /a\n  - [/b]\n",
		"sonde.yaml:3: http-routes: an item of the list must be text");
	assert_yaml_fails("http-routes:\n  - /a\n  - b\n",
		"sonde.yaml:3: http-routes: \"b\" is no route; write a path that begins with /, "
		"e.g. /users/{id} or /static/*");
	assert_yaml_fails("http-routes:\n  - /a\n  - /b/*/c\n",
		"sonde.yaml:3: http-routes: \"/b/*/c\" is no route; write a path that begins with "
		"/, "
		"e.g. /users/{id} or /static/*");
	assert_yaml_fails("[a]: b\n", "sonde.yaml:1: a key must be plain text");
	assert_yaml_fails("\n- tcp\n", "sonde.yaml:2: must be keys with values, one a line, "
				       "e.g. \"listen: 0.0.0.0:9760\"");
	assert_yaml_fails("tcp\n", "sonde.yaml:1: must be keys with values, one a line, "
				   "e.g. \"listen: 0.0.0.0:9760\"");
	assert_yaml_fails("tcp: true\n---\ntcp: false\n",
		"sonde.yaml:3: a second document begins; one is all that is read");
}

static void test_file_cannot_name_another_file(void **state)
{
	(void)state;
	assert_yaml_fails("config: other.yaml\n",
		"sonde.yaml:1: config: has no place in a file; set it by flag or environment");
}

static void test_broken_yaml_names_its_line(void **state)
{
	(void)state;
	assert_yaml_fails("tcp: true\nhttp: [\nquiet: }\n",
		"sonde.yaml:3: is no YAML: did not find expected node content");
	assert_yaml_fails("tcp: true\nlisten: \xff\n",
		"sonde.yaml:2: is no YAML: invalid leading UTF-8 octet");

	write_yaml_bytes("tcp: true\nrecord: \"a\\0b\"\n", 24);
	assert_file_fails("sonde.yaml", "sonde.yaml:2: record: has a NUL inside its value");
	write_yaml_bytes("tcp: \0\n", 7);
	assert_file_fails(
		"sonde.yaml", "sonde.yaml:1: is no YAML: control characters are not allowed");
}

static void test_empty_file_means_defaults(void **state)
{
	(void)state;
	assert_yaml_loads("");
	assert_nothing_set();
	assert_yaml_loads("# nothing\n\n");
	assert_nothing_set();
	assert_yaml_loads("---\n");
	assert_nothing_set();
	assert_yaml_loads("--- {}\n");
	assert_nothing_set();
}

static void test_null_is_an_empty_text(void **state)
{
	(void)state;
	assert_yaml_loads("otlp-endpoint: null\nrecord: ~\nreplay:\nhttp-routes:\n");
	assert_string_equal(config.otlp_endpoint, "");
	assert_string_equal(config.record, "");
	assert_string_equal(config.replay, "");
	assert_int_equal(config.telemetry.http_route_count, 0);
	assert_yaml_loads("record: 'null'\n");
	assert_string_equal(config.record, "null");
}

static void test_unreadable_file_says_why(void **state)
{
	(void)state;
	assert_file_fails("absent.yaml", "absent.yaml: cannot be read: No such file or directory");
	assert_file_fails(".", ".: cannot be read: is no regular file");
}

static void test_pipe_is_no_configuration_and_nobody_waits_for_it(void **state)
{
	(void)state;
	unlink("sonde.yaml");
	assert_int_equal(mkfifo("sonde.yaml", 0600), 0);
	assert_file_fails("sonde.yaml", "sonde.yaml: cannot be read: is no regular file");
	unlink("sonde.yaml");
}

static void test_file_that_everybody_may_write_to_is_not_obeyed(void **state)
{
	(void)state;
	write_yaml("quiet: true\n");
	assert_int_equal(chmod("sonde.yaml", 0646), 0);
	assert_file_fails("sonde.yaml",
		"sonde.yaml: everybody may write to it (mode 0646), and Sonde would do what it "
		"says: chmod o-w");
	assert_int_equal(chmod("sonde.yaml", 0664), 0);
	assert_true(read_file("sonde.yaml"));
	assert_int_equal(chmod("sonde.yaml", 0644), 0);
}

static void test_huge_file_is_refused(void **state)
{
	FILE *file = fopen("sonde.yaml", "w");

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 1024 * 1024 / 8 + 1; i++)
		fputs("# 45678\n", file);
	fclose(file);
	assert_file_fails("sonde.yaml", "sonde.yaml: cannot be read: it is larger than 1MiB");
}

#define TEST(name) cmocka_unit_test_teardown(name, free_config)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_sets_every_key),
		TEST(test_unknown_key_names_file_line_and_key),
		TEST(test_wrong_value_names_line_and_says_what_is_right),
		TEST(test_key_that_is_set_twice_names_both_lines),
		TEST(test_file_is_one_flat_mapping),
		TEST(test_file_cannot_name_another_file),
		TEST(test_broken_yaml_names_its_line),
		TEST(test_empty_file_means_defaults),
		TEST(test_null_is_an_empty_text),
		TEST(test_unreadable_file_says_why),
		TEST(test_pipe_is_no_configuration_and_nobody_waits_for_it),
		TEST(test_file_that_everybody_may_write_to_is_not_obeyed),
		TEST(test_huge_file_is_refused),
	};

	return cmocka_run_group_tests_name(
		"config file", tests, config_folder_enter, config_folder_leave);
}

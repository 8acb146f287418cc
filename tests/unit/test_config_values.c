/* SPDX-License-Identifier: Apache-2.0 */
/* Values of configuration keys: what each type takes and refuses; that table and documentation
 * agree. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"
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

static bool takes(const char *name, const char *value)
{
	return config_key_set(&config, config_key_find(name), value, name, error);
}

#define assert_takes(name, value)   assert_true(takes(name, value))
#define assert_refuses(name, value) assert_false(takes(name, value))

static void test_pods_are_told_by_words_and_keys_of_labels(void **state)
{
	static const char *const wrong[] = {"owners", "label", "label:", "label:-a", "label:a b",
		"annotation:a/", "labels:a", "owner,,pod",
		"label:0123456789012345678901234567890123456789012345678901234567890123"};

	(void)state;
	assert_takes("kubernetes-labels", "owner");
	assert_takes(
		"kubernetes-labels", "pod, node,label:app.kubernetes.io/name, annotation:team");
	assert_int_equal(config.kubernetes_label_count, 4);
	assert_string_equal(config.kubernetes_labels[3], "annotation:team");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refuses("kubernetes-labels", wrong[i]);
}

static void test_listen_is_a_numeric_address_with_a_port(void **state)
{
	(void)state;
	assert_takes("listen", "0.0.0.0:65535");
	assert_takes("listen", "[::]:0");
	assert_takes("listen", "[::ffff:1.2.3.4]:80");
	const char *const wrong[] = {"", ":", ":9760", "9760", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1",
		"127.0.0.1:99999999", "localhost:9760", "::1:9760", "[::1]", "[::1:9760",
		"[127.0.0.1]:1", "[]:1", "[:1", "1.2.3:4", "1.2.3.4:5:6", "http://1.2.3.4:5"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refuses("listen", wrong[i]);
}

static void test_endpoint_is_an_http_url_or_empty(void **state)
{
	(void)state;
	assert_takes("otlp-endpoint", "");
	assert_takes("otlp-endpoint", "http://localhost");
	assert_takes("otlp-endpoint", "HTTPS://user:secret@example.org:443/otlp/");
	assert_takes("otlp-endpoint", "http://[::1]:4318");
	assert_takes("otlp-endpoint", "http://[::1]/");
	const char *const wrong[] = {"http://", "http:///v1", "http://:4318",
		"http://host:", "http://host:0", "http://host:70000", "http://host:port",
		"http://[::1", "http://[::1]x", "http://ho st", "http://host?a=b", "http://host#a",
		"ftp://host", "grpc://host:4317", "host:4318", "127.0.0.1:4318", "http:/host"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refuses("otlp-endpoint", wrong[i]);
}

static void test_durations_have_a_unit_and_a_range(void **state)
{
	(void)state;
	assert_takes("sweep-interval", "100000us");
	assert_int_equal(config.sweep_interval_ns, 100 * MILLISECOND);
	assert_takes("sweep-interval", "1m");
	assert_int_equal(config.sweep_interval_ns, 60 * SECOND);
	assert_takes("slow-syscall", "1h");
	assert_takes("slow-syscall", "0");
	assert_takes("long-request", "24h");
	assert_int_equal(config.long_request_ns, 24 * 3600 * SECOND);
	assert_refuses("long-request", "25h");
	const char *const wrong[] = {"", "1", "s", "1.5s", "-1s", "+1s", " 1s", "1 s", "1s ", "1S",
		"1sec", "0x10s", "99ms", "61s", "2m", "18446744073709551617s",
		"18446744073709551615s", "18446744074710ms"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refuses("sweep-interval", wrong[i]);
	/* Taken modulo 2^64 it would be one second. */
	assert_string_equal(error, "sweep-interval: 18446744074710ms is not between 100ms and 60s");
}

static void test_sizes_have_a_unit_and_a_range(void **state)
{
	(void)state;
	assert_takes("ring-size", "256KiB");
	assert_int_equal(config.ring_bytes, 256 * 1024);
	assert_takes("otlp-queue-size", "100KiB");
	const char *const wrong[] = {"", "0", "1", "1048576", "1MB", "1mib", "1M", "128KiB",
		"128MiB", "3MiB", "17179869184GiB", "99999999999999999999MiB", "1GiB"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refuses("ring-size", wrong[i]);
}

static void test_numbers_are_digits_within_a_range(void **state)
{
	(void)state;
	assert_takes("series-limit", "100");
	assert_takes("routes-per-service-limit", "0");
	const char *const wrong[] = {"", "99", "1000001", "-1", "1e3", "20_000", "0x100",
		"18446744073709551715", "200 "};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refuses("series-limit", wrong[i]);
}

static void test_choices_are_whole_words(void **state)
{
	(void)state;
	assert_takes("log-level", "debug");
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	assert_takes("log-level", "warn");
	assert_int_equal(config.log_level, LOG_LEVEL_WARN);
	const char *const wrong[] = {"", "warning", "err", "debug|info", "|", "WARN"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refuses("log-level", wrong[i]);
}

static void test_routes_are_paths(void **state)
{
	(void)state;
	assert_takes("http-routes", "");
	assert_takes("http-routes", "/");
	assert_takes("http-routes", "/users/{id}/*,/caf%C3%A9");
	const char *const wrong[] = {
		"users", "/a,,/b", "/a,", ",", "/a b", "/a?b=c", "/a#b", "/a/*/b", "/{", "/{id}x"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refuses("http-routes", wrong[i]);
}

static void test_number_of_routes_is_bounded(void **state)
{
	static char list[3 * (CONFIG_LIST_MAX + 1) + 1] = "/a";

	(void)state;
	for (int i = 1; i < CONFIG_LIST_MAX; i++)
		strcat(list, ",/a");
	assert_takes("http-routes", list);
	assert_int_equal(config.telemetry.http_route_count, CONFIG_LIST_MAX);
	strcat(list, ",/a");
	assert_refuses("http-routes", list);
	assert_string_equal(error, "http-routes: more than 100 in a list");
}

static void test_programs_are_known_names(void **state)
{
	(void)state;
	assert_takes("disabled-programs", "");
	assert_takes("disabled-programs", "http_arrival, tcp_owners");
	assert_int_equal(config.disabled_program_count, 2);
	assert_string_equal(config.disabled_programs[1], "tcp_owners");
	assert_refuses("disabled-programs", "http_arrive");
	assert_non_null(strstr(error, "disabled-programs: \"http_arrive\" is no program; there are "
				      "workload_fork, "));
	assert_non_null(strstr(error, ", syscall_enter, syscall_exit"));
}

static void test_defaults_and_ranges_of_the_table_are_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		assert_non_null(key->name);
		assert_true(strlen(CONFIG_PREFIX) + strlen(key->name) < CONFIG_VARIABLE_LEN);
		assert_takes(key->name, key->fallback);
		if (!key->least)
			continue;
		/* A power of two cannot be wrong by one, hence the look at the range's ends. */
		assert_takes(key->name, key->least);
		assert_takes(key->name, key->most);
	}
}

/* A file of the project, in whose root the tests run. */
static const char *read_text(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "re");

	if (!file) {
		fail_msg("no %s: run this in the project's root", path);
		return "";
	}
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static bool is_of_a_source(const struct config_key *key)
{
	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		if (!strcmp(source_descriptions[switched_sources[i]].key, key->name))
			return true;
	return false;
}

/* What a source's key does stands behind it; of the others a comment tells before. */
static void test_shipped_file_shows_every_key_with_its_default(void **state)
{
	const char *text = read_text("build/sonde.yaml");

	(void)state;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *fallback = *key->fallback ? key->fallback : "\"\"";
		char line[256];

		if (key->not_in_file)
			continue;
		snprintf(line, sizeof(line), "\n#%s:%s%s%s%s\n", key->name,
			key->count_offset ? "" : " ", key->count_offset ? "" : fallback,
			is_of_a_source(key) ? " # " : "", is_of_a_source(key) ? key->help : "");
		if (!strstr(text, line))
			fail_msg("build/sonde.yaml lacks the line%s", line);
	}
}

/* Those of sources are in docs/metrics.md: see test_sources.c. */
static void test_documentation_has_a_row_for_every_key(void **state)
{
	const char *text = read_text("docs/configuration.md");

	(void)state;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		char start[128], variable[CONFIG_VARIABLE_LEN], expected[256];

		if (is_of_a_source(key))
			continue;
		config_key_variable(key, variable);
		snprintf(start, sizeof(start), "\n| `%s` | `%s` | ", key->name, variable);
		const char *row = strstr(text, start);
		if (!row) {
			fail_msg("docs/configuration.md lacks a row beginning with%s", start);
			return;
		}
		const char *end = strchr(row + 1, '\n');

		if (*key->fallback)
			snprintf(expected, sizeof(expected), " | `%s` | ", key->fallback);
		else
			snprintf(expected, sizeof(expected), " | | ");
		const char *found = strstr(row, expected);
		if (!found || found > end)
			fail_msg("%s: default is not%s in docs/configuration.md", key->name,
				expected);
		const char *restart = strstr(row, key->needs_restart ? "| restart |" : "| yes |");
		if (!restart || restart > end)
			fail_msg("%s: docs/configuration.md is wrong about SIGHUP", key->name);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, free_config)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pods_are_told_by_words_and_keys_of_labels),
		TEST(test_listen_is_a_numeric_address_with_a_port),
		TEST(test_endpoint_is_an_http_url_or_empty),
		TEST(test_durations_have_a_unit_and_a_range),
		TEST(test_sizes_have_a_unit_and_a_range),
		TEST(test_numbers_are_digits_within_a_range),
		TEST(test_choices_are_whole_words),
		TEST(test_routes_are_paths),
		TEST(test_number_of_routes_is_bounded),
		TEST(test_programs_are_known_names),
		TEST(test_defaults_and_ranges_of_the_table_are_valid),
		TEST(test_shipped_file_shows_every_key_with_its_default),
		TEST(test_documentation_has_a_row_for_every_key),
	};

	return cmocka_run_group_tests_name("config values", tests, NULL, NULL);
}

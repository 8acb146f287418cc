/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: which layer wins, what each type takes, and what every mistake is answered with.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_keys.h"
#include "config/config_otel.h"
#include "config_file.h"
#include "record/sources.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND      (1000 * MILLISECOND)

static struct config config;
static char error[CONFIG_ERROR_LEN];

static int clear_environment(void **state)
{
	(void)state;
	return clearenv();
}

static int free_config(void **state)
{
	(void)state;
	config_free(&config);
	return 0;
}

static enum config_result load_flags(char *const *flags)
{
	int count = 0;

	while (flags[count])
		count++;
	config_free(&config);
	return config_load(&config, count, flags, error);
}

#define load(...) load_flags((char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

#define assert_loads(...)                                                                          \
	do {                                                                                       \
		if (load(__VA_ARGS__) != CONFIG_OK)                                                \
			fail_msg("%s", error);                                                     \
	} while (0)

#define assert_fails(message, ...)                                                                 \
	do {                                                                                       \
		assert_int_equal(load(__VA_ARGS__), CONFIG_BAD);                                   \
		assert_string_equal(error, message);                                               \
	} while (0)

/* --- layers --- */

static void assert_defaults(void)
{
	assert_string_equal(config.listen, "127.0.0.1:9760");
	assert_string_equal(config.otlp_endpoint, "");
	assert_false(config.quiet);
	assert_int_equal(config.log_format, LOG_FORMAT_TEXT);
	assert_int_equal(config.log_level, LOG_LEVEL_INFO);
	assert_string_equal(config.record, "");
	assert_string_equal(config.replay, "");
	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		assert_true(config.sources[switched_sources[i]]);
	assert_false(config.telemetry.dns_spans);
	assert_int_equal(config.slow_syscall_ns, 100 * MILLISECOND);
	assert_int_equal(config.long_request_ns, 30 * SECOND);
	assert_int_equal(config.sweep_interval_ns, SECOND);
	assert_int_equal(config.ring_bytes, 2 * 1024 * 1024);
	assert_int_equal(config.telemetry.series_max, 20000);
	assert_int_equal(config.telemetry.series_per_service_max, 5000);
	assert_int_equal(config.telemetry.series_ttl_ns, 600 * SECOND);
	assert_int_equal(config.telemetry.routes_per_service_max, 100);
	assert_int_equal(config.telemetry.http_route_count, 0);
	assert_int_equal(config.http_hooks, HTTP_HOOKS_AUTO);
	assert_int_equal(config.disabled_program_count, 0);
	assert_true(config.spans);
	assert_int_equal(config.otlp_queue_bytes, 1024 * 1024);
	assert_int_equal(config.otlp_interval_ns, SECOND);
	assert_int_equal(config.otlp_timeout_ns, 10 * SECOND);
	assert_int_equal(config.drain_timeout_ns, 5 * SECOND);
}

static void test_nothing_given_means_defaults(void **state)
{
	(void)state;
	assert_loads();
	assert_defaults();
	assert_string_equal(config.config, "");
}

static void test_flag_wins_over_environment_over_file_over_default(void **state)
{
	(void)state;
	write_yaml("sweep-interval: 2s\nslow-syscall: 2s\notlp-timeout: 2s\n");
	setenv("SONDE_SWEEP_INTERVAL", "3s", 1);
	setenv("SONDE_SLOW_SYSCALL", "3s", 1);
	assert_loads("--sweep-interval", "4s", "--config", "sonde.yaml");
	assert_int_equal(config.sweep_interval_ns, 4 * SECOND);
	assert_int_equal(config.slow_syscall_ns, 3 * SECOND);
	assert_int_equal(config.otlp_timeout_ns, 2 * SECOND);
	assert_int_equal(config.otlp_interval_ns, SECOND);
}

static void test_file_can_be_named_by_the_environment(void **state)
{
	(void)state;
	write_yaml("quiet: true\n");
	setenv("SONDE_CONFIG", "sonde.yaml", 1);
	assert_loads();
	assert_true(config.quiet);
	setenv("SONDE_CONFIG", "absent.yaml", 1);
	assert_loads("--config=sonde.yaml");
	assert_true(config.quiet);
}

static void test_each_key_has_a_variable(void **state)
{
	(void)state;
	setenv("SONDE_ROUTES_PER_SERVICE_LIMIT", "7", 1);
	setenv("SONDE_HTTP_ROUTES", "/a,/b/{id} , /c", 1);
	setenv("SONDE_QUIET", "true", 1);
	assert_loads();
	assert_int_equal(config.telemetry.routes_per_service_max, 7);
	assert_int_equal(config.telemetry.http_route_count, 3);
	assert_string_equal(config.telemetry.http_routes[1], "/b/{id}");
	assert_string_equal(config.telemetry.http_routes[2], "/c");
	assert_true(config.quiet);
}

static void test_otel_variable_stands_in_for_the_endpoint(void **state)
{
	(void)state;
	write_yaml("otlp-endpoint: http://file:1\n");
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:2", 1);
	assert_loads("--config=sonde.yaml");
	assert_string_equal(config.otlp_endpoint, "http://otel:2");

	setenv("SONDE_OTLP_ENDPOINT", "http://sonde:3", 1);
	assert_loads("--config=sonde.yaml");
	assert_string_equal(config.otlp_endpoint, "http://sonde:3");

	setenv("SONDE_OTLP_ENDPOINT", "", 1);
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "meant for others", 1);
	assert_loads();
	assert_string_equal(config.otlp_endpoint, "");

	unsetenv("SONDE_OTLP_ENDPOINT");
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "", 1);
	assert_loads("--config=sonde.yaml");
	assert_string_equal(config.otlp_endpoint, "http://file:1");
}

/* Each variable alone, as users set it. */
static void test_otel_variables_have_the_effect_of_their_keys(void **state)
{
	char ignored[256];
	(void)state;

	setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://otel:2/custom", 1);
	assert_loads();
	assert_string_equal(config.otlp_traces_endpoint, "http://otel:2/custom");
	assert_string_equal(config.otlp_endpoint, "");
	assert_string_equal(config.otlp_logs_endpoint, "");
	unsetenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");

	setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://otel:3/", 1);
	assert_loads();
	assert_string_equal(config.otlp_logs_endpoint, "http://otel:3/");
	unsetenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT");

	assert_loads();
	assert_int_equal(config.otlp_compression, OTLP_COMPRESSION_NONE);
	setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", 1);
	setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2500", 1);
	assert_loads();
	assert_int_equal(config.otlp_compression, OTLP_COMPRESSION_GZIP);
	assert_int_equal(config.otlp_timeout_ns, 2500 * MILLISECOND);
	assert_string_equal(config_otel_ignored(ignored, sizeof(ignored)), "");
	setenv("SONDE_OTLP_COMPRESSION", "none", 1);
	assert_loads("--otlp-timeout=3s");
	assert_int_equal(config.otlp_compression, OTLP_COMPRESSION_NONE);
	assert_int_equal(config.otlp_timeout_ns, 3 * SECOND);
	unsetenv("SONDE_OTLP_COMPRESSION");
	unsetenv("OTEL_EXPORTER_OTLP_COMPRESSION");
	unsetenv("OTEL_EXPORTER_OTLP_TIMEOUT");
}

static void test_otel_variables_without_effect_are_found(void **state)
{
	static const struct {
		const char *name, *value;
		bool is_ignored;
	} cases[] = {
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", true},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "none", false},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "soon", true},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", true},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", false},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", true},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://a", true},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem", true},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "", false},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b", false},
		{"OTEL_EXPORTER_OTLP_LOGS_HEADERS", "a=b", false},
	};
	char ignored[256];
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		setenv(cases[i].name, cases[i].value, 1);
		assert_loads(); /* none of them keeps Sonde from running */
		assert_string_equal(config_otel_ignored(ignored, sizeof(ignored)),
			cases[i].is_ignored ? cases[i].name : "");
		unsetenv(cases[i].name);
	}
}

static void test_booleans_need_no_value_as_flags(void **state)
{
	(void)state;
	assert_loads("--quiet", "--no-syscalls", "--tcp=false", "--http=true");
	assert_true(config.quiet);
	assert_false(config.sources[SOURCE_SYSCALL]);
	assert_false(config.sources[SOURCE_TCP]);
	assert_true(config.sources[SOURCE_HTTP]);
}

static void test_last_of_several_flags_wins(void **state)
{
	(void)state;
	assert_loads("--listen=0.0.0.0:1", "--listen=0.0.0.0:2", "--http-routes=/a,/b",
		"--http-routes=/c");
	assert_string_equal(config.listen, "0.0.0.0:2");
	assert_int_equal(config.telemetry.http_route_count, 1);
	assert_string_equal(config.telemetry.http_routes[0], "/c");
}

static void test_list_of_a_flag_replaces_the_one_of_the_file(void **state)
{
	(void)state;
	write_yaml("http-routes:\n  - /a\n  - /b,c\n");
	assert_loads("--config=sonde.yaml");
	assert_int_equal(config.telemetry.http_route_count, 2);
	assert_string_equal(config.telemetry.http_routes[1], "/b,c");
	assert_loads("--config=sonde.yaml", "--http-routes=");
	assert_int_equal(config.telemetry.http_route_count, 0);
	assert_int_equal(config.http_hooks, HTTP_HOOKS_AUTO);
	assert_int_equal(config.disabled_program_count, 0);
}

/* --- mistakes in flags and variables --- */

static void test_unknown_flag_names_the_nearest(void **state)
{
	(void)state;
	assert_fails(
		"--slow-syscal: unknown flag; did you mean --slow-syscall?", "--slow-syscal", "1s");
	assert_fails("--no-listen: unknown flag; did you mean --listen?", "--no-listen");
	assert_fails("--a-very-long-name-that-no-key-has-at-all-and-none-ever-will: unknown flag; "
		     "`sonde run --help` lists them all",
		"--a-very-long-name-that-no-key-has-at-all-and-none-ever-will=1");
	assert_fails("\"-q\" is no flag; `sonde run --help` lists them all", "-q");
	assert_fails("\"--\" is no flag; `sonde run --help` lists them all", "--");
	assert_fails("--: unknown flag; `sonde run --help` lists them all", "--=x");
}

static void test_stray_arguments_are_errors(void **state)
{
	(void)state;
	assert_fails("\"false\" belongs to no flag; write --NAME=VALUE", "--syscalls", "false");
	assert_fails("\"\" belongs to no flag; write --NAME=VALUE", "");
}

static void test_flag_without_its_value_is_an_error(void **state)
{
	(void)state;
	assert_fails("--listen: needs a value: --listen ADDR:PORT", "--listen");
	assert_fails("--record: needs a value: --record FILE", "--record", "--quiet");
	assert_fails("--no-tcp: takes no value", "--no-tcp=true");
	assert_loads("--record=--quiet");
	assert_string_equal(config.record, "--quiet");
}

static void test_wrong_value_names_the_flag(void **state)
{
	(void)state;
	assert_fails("--ring-size: 3MiB is not a power of two between 256KiB and 64MiB",
		"--ring-size", "3MiB");
	assert_fails("--quiet: \"1\" is no boolean; write true or false", "--quiet=1");
}

static void test_unknown_variable_names_the_nearest(void **state)
{
	(void)state;
	setenv("SONDE_SLOW_SYSCAL", "1s", 1);
	assert_fails("SONDE_SLOW_SYSCAL: unknown variable; did you mean SONDE_SLOW_SYSCALL?");
	clearenv();
	setenv("SONDE_COLOUR", "blue", 1);
	assert_fails("SONDE_COLOUR: unknown variable; `sonde run --help` lists the keys");
	clearenv();
	setenv("SONDE_", "", 1);
	assert_fails("SONDE_: unknown variable; `sonde run --help` lists the keys");
	clearenv();
	setenv("SONDEX", "is none of ours", 1);
	assert_loads();
}

static void test_wrong_value_names_the_variable(void **state)
{
	(void)state;
	setenv("SONDE_LOG_FORMAT", "xml", 1);
	assert_fails("SONDE_LOG_FORMAT: \"xml\" is none of text|json");
	clearenv();
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", 1);
	assert_fails("OTEL_EXPORTER_OTLP_ENDPOINT: \"collector:4317\" is no URL; "
		     "write e.g. http://127.0.0.1:4318 or https://HOST");
}

static void test_what_kubernetes_adds_for_a_service_named_sonde_is_no_error(void **state)
{
	(void)state;
	setenv("SONDE_SERVICE_HOST", "10.0.0.1", 1);
	setenv("SONDE_SERVICE_PORT", "9760", 1);
	setenv("SONDE_SERVICE_PORT_METRICS", "9760", 1);
	setenv("SONDE_PORT", "tcp://10.0.0.1:9760", 1);
	setenv("SONDE_PORT_9760_TCP", "tcp://10.0.0.1:9760", 1);
	setenv("SONDE_PORT_9760_TCP_PROTO", "tcp", 1);
	setenv("SONDE_PORT_9760_TCP_PORT", "9760", 1);
	setenv("SONDE_PORT_9760_TCP_ADDR", "10.0.0.1", 1);
	setenv("SONDE_METRICS_SERVICE_HOST", "10.0.0.2", 1);
	setenv("SONDE_METRICS_PORT", "tcp://10.0.0.2:9760", 1);
	assert_loads();
	/* What a person would mean by it is one. */
	setenv("SONDE_PORT", "9761", 1);
	assert_int_equal(load(), CONFIG_BAD);
}

static void test_error_is_one_line_whatever_the_value_holds(void **state)
{
	(void)state;
	assert_fails("--listen: \"a?b?[31m\" is no address; write e.g. 127.0.0.1:9760, "
		     "0.0.0.0:9760 or [::1]:9760",
		"--listen=a\nb\033[31m");
	char flag[4000];
	memset(flag, 'x', sizeof(flag));
	memcpy(flag, "--", 2);
	flag[sizeof(flag) - 1] = '\0';
	assert_int_equal(load(flag), CONFIG_BAD);
	memcpy(flag, "--listen=", 9);
	assert_int_equal(load(flag), CONFIG_BAD);
}

/* --- the rest --- */

static void test_record_and_replay_exclude_each_other(void **state)
{
	(void)state;
	setenv("SONDE_REPLAY", "b.rec", 1);
	assert_fails("record and replay are both set (a.rec, b.rec): a replay has no kernel to "
		     "record from; leave one out",
		"--record=a.rec");
	assert_loads("--record=a.rec", "--replay=");
}

static void test_restart_key_is_the_first_that_changed(void **state)
{
	struct config old;

	(void)state;
	assert_int_equal(config_load(&old, 0, NULL, error), CONFIG_OK);
	assert_loads("--sweep-interval=5s", "--http-routes=/a", "--otlp-endpoint=http://a",
		"--log-level=warn", "--quiet");
	assert_null(config_restart_key(&old, &config));
	assert_loads("--ring-size=4MiB");
	assert_string_equal(config_restart_key(&old, &config), "ring-size");
	assert_loads("--no-http", "--ring-size=4MiB");
	assert_string_equal(config_restart_key(&old, &config), "http");
	assert_loads("--record=x");
	assert_string_equal(config_restart_key(&old, &config), "record");
	assert_loads("--http-hooks=fentry");
	assert_string_equal(config_restart_key(&old, &config), "http-hooks");
	assert_loads("--disabled-programs=http_splice");
	assert_string_equal(config_restart_key(&old, &config), "disabled-programs");
	config_free(&old);
}

/* Runs `print` with standard output in a file, and returns what came. */
static const char *printed_by(void (*print)(void))
{
	static char text[16384];
	FILE *file = tmpfile();
	int standard_output;

	assert_non_null(file);
	fflush(stdout);
	standard_output = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	print();
	fflush(stdout);
	dup2(standard_output, STDOUT_FILENO);
	close(standard_output);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void load_help(void)
{
	assert_int_equal(load("--nonsense", "--help"), CONFIG_HELP);
}

static void test_help_lists_every_flag_with_its_default(void **state)
{
	(void)state;
	const char *help = printed_by(load_help);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		char flag[64];

		snprintf(flag, sizeof(flag), "\n  --%s ", key->name);
		const char *line = strstr(help, flag);
		if (!line) {
			fail_msg("help lacks --%s", key->name);
			return;
		}
		const char *end = strchr(line + 1, '\n');
		const char *fallback = strstr(line, *key->fallback ? key->fallback : " - ");
		assert_true(fallback && fallback < end);
		assert_true(strstr(line, key->help) < end);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, clear_environment, free_config)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_given_means_defaults),
		TEST(test_flag_wins_over_environment_over_file_over_default),
		TEST(test_file_can_be_named_by_the_environment),
		TEST(test_each_key_has_a_variable),
		TEST(test_otel_variable_stands_in_for_the_endpoint),
		TEST(test_otel_variables_have_the_effect_of_their_keys),
		TEST(test_otel_variables_without_effect_are_found),
		TEST(test_booleans_need_no_value_as_flags),
		TEST(test_last_of_several_flags_wins),
		TEST(test_list_of_a_flag_replaces_the_one_of_the_file),
		TEST(test_unknown_flag_names_the_nearest),
		TEST(test_stray_arguments_are_errors),
		TEST(test_flag_without_its_value_is_an_error),
		TEST(test_wrong_value_names_the_flag),
		TEST(test_unknown_variable_names_the_nearest),
		TEST(test_wrong_value_names_the_variable),
		TEST(test_what_kubernetes_adds_for_a_service_named_sonde_is_no_error),
		TEST(test_error_is_one_line_whatever_the_value_holds),
		TEST(test_record_and_replay_exclude_each_other),
		TEST(test_restart_key_is_the_first_that_changed),
		TEST(test_help_lists_every_flag_with_its_default),
	};

	return cmocka_run_group_tests_name(
		"config", tests, config_folder_enter, config_folder_leave);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who has room for series, who gives way, and when series go
 * (user/telemetry/metrics/series_budget.h). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/limit.h"
#include "series_listing.h"
#include "source_families.h"
#include "telemetry/metrics/series_budget.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define NO_LIMIT          1000000
#define SECOND            UINT64_C(1000000000)
#define MINUTE            (60 * SECOND)
#define TTL               (10 * MINUTE)
#define EPOCH             UINT64_C(1700000000000000000) /* wall clock at monotonic 0 */

/* Samples of a series: a counter and its _created; 14 bounds of HTTP, and 4. */
#define COUNTER_SAMPLES 2
#define HTTP            18

static struct metrics *metrics;
static uint64_t now_ns;

static void tick_to(uint64_t to_ns)
{
	now_ns = to_ns;
	metrics_tick(metrics, now_ns, (int64_t)EPOCH);
}

static void pass(uint64_t ns)
{
	tick_to(now_ns + ns);
}

static int begin(void **state)
{
	(void)state;
	metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	assert_non_null(metrics);
	metrics_set_ttl(metrics, TTL);
	source_families_register(metrics);
	tick_to(1000 * SECOND);
	return 0;
}

static int end(void **state)
{
	(void)state;
	metrics_free(metrics);
	return 0;
}

static void count_start(const char *service)
{
	metric_add(SERIES_OF("sonde_process_starts_total", service), 1);
}

static void count_exit(const char *service, const char *reason)
{
	metric_add(SERIES_OF("sonde_process_exits_total", service, reason), 1);
}

static void count_request(
	const char *service, const char *method, const char *status, const char *route)
{
	metric_record(SERIES_OF("http_server_request_duration_seconds", service, method, status,
			      route, ""),
		1000);
}

/* 1 connection that was refused; a counter. */
static void count_refused(const char *service, int port)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", port);
	metric_add(SERIES_OF("sonde_tcp_connections_total", service, "outbound", "external", text,
			   "refused"),
		1);
}

static void assert_series(const char *expected)
{
	assert_string_equal(series_listing(metrics, NULL), expected);
}

/* --- sums over what is shown --- */

struct sums {
	const char *family, *service; /* NULL: all */
	size_t series, samples;
	uint64_t counted; /* totals of counters, counts of histograms */
	double gauges;
	uint64_t created_unix_ns; /* of the last one */
};

static size_t samples_of(const struct metric_description *description)
{
	switch (description->type) {
	case METRIC_COUNTER: return 2;
	case METRIC_HISTOGRAM: return description->bound_count + 4;
	default: return 1;
	}
}

static void add_series(void *context, const struct metric_view *view)
{
	struct sums *sums = context;

	if (sums->family && strcmp(view->description->name, sums->family) != 0)
		return;
	if (sums->service && strcmp(view->values[0], sums->service) != 0)
		return;
	sums->series++;
	sums->samples += samples_of(view->description);
	sums->counted += view->histogram ? view->histogram->count : view->integer;
	if (view->description->type == METRIC_GAUGE)
		sums->gauges += view->value;
	sums->created_unix_ns = view->created_unix_ns;
}

static struct sums sums_of(const char *family, const char *service)
{
	struct sums sums = {.family = family, .service = service};

	metrics_visit(metrics, add_series, &sums);
	return sums;
}

static struct sums sums_of_service(const char *service)
{
	return sums_of(NULL, service);
}

/* --- what has ended goes --- */

static void test_series_go_some_time_after_the_last_process(void **state)
{
	(void)state;
	struct metric_service *first = metrics_service_begin(metrics, "job");
	struct metric_service *second = metrics_service_begin(metrics, "job");

	count_start("job");
	metrics_service_end(first);
	pass(2 * TTL);
	assert_series("sonde_process_starts_total{job} 1\n"); /* one process lives */
	metrics_service_end(second);
	pass(TTL - SECOND);
	assert_series("sonde_process_starts_total{job} 1\n");
	pass(SECOND);
	assert_series("");
	assert_int_equal(metrics_samples(metrics), 0);
	assert_int_equal(metrics_removed(metrics, METRIC_REMOVED_ENDED), COUNTER_SAMPLES);
	assert_int_equal(metrics_removed(metrics, METRIC_REMOVED_FOR_ROOM), 0);
}

static void test_a_change_after_the_end_begins_the_time_anew(void **state)
{
	(void)state;
	metrics_service_end(metrics_service_begin(metrics, "job"));
	count_start("job");
	pass(TTL - SECOND);
	count_exit("job", "success");
	pass(TTL - SECOND);
	assert_int_equal(sums_of_service("job").series, 2);
	pass(SECOND);
	assert_series("");
}

static void test_a_service_that_lives_keeps_what_it_does_not_use(void **state)
{
	(void)state;
	struct metric_service *service = metrics_service_begin(metrics, "shop");

	count_exit("shop", "error");
	for (int i = 0; i < 100; i++) {
		pass(MINUTE);
		count_start("shop");
	}
	assert_series("sonde_process_starts_total{shop} 100\n"
		      "sonde_process_exits_total{shop,error} 1\n");
	metrics_service_end(service);
}

static void test_without_a_time_series_stay(void **state)
{
	(void)state;
	metrics_set_ttl(metrics, 0);
	count_start("job");
	pass(1000 * TTL);
	assert_series("sonde_process_starts_total{job} 1\n");
	metrics_set_ttl(metrics, TTL); /* as by SIGHUP */
	pass(SECOND);
	assert_series("");
}

static void test_a_gauge_that_is_not_0_stays(void **state)
{
	(void)state;
	struct metric_series *open = metric_hold(
		SERIES_OF("sonde_tcp_open_connections", "job", "outbound", "external", "80"));

	metric_change(open, 2);
	count_start("job");
	pass(100 * TTL);
	assert_series("sonde_tcp_open_connections{job,outbound,external,80} 2\n");
	metric_change(open, -2);
	pass(TTL - SECOND);
	assert_series("sonde_tcp_open_connections{job,outbound,external,80} 0\n");
	pass(SECOND);
	assert_series("");
	metric_release(open);
}

static void test_a_counter_that_comes_back_begins_anew_with_a_start_time(void **state)
{
	(void)state;
	count_start("job");
	count_start("job");
	assert_int_equal(sums_of_service("job").created_unix_ns, EPOCH + now_ns);
	pass(TTL);
	assert_series("");
	pass(SECOND);
	count_start("job");
	assert_series("sonde_process_starts_total{job} 1\n");
	assert_int_equal(sums_of_service("job").created_unix_ns, EPOCH + now_ns);
	pass(MINUTE);
	count_start("job");
	assert_int_equal(sums_of_service("job").created_unix_ns, EPOCH + now_ns - MINUTE);
}

static void test_a_histogram_has_a_start_time_and_a_gauge_has_none(void **state)
{
	(void)state;
	count_request("shop", "GET", "200", "/");
	assert_int_equal(sums_of_service("shop").created_unix_ns, EPOCH + now_ns);
	metric_change(SERIES_OF("sonde_http_server_long_requests", "shop", "GET"), 1);
	assert_int_equal(sums_of("sonde_http_server_long_requests", "shop").created_unix_ns, 0);
}

/* --- room within a service --- */

static void test_the_least_recently_used_gives_way_after_a_minute(void **state)
{
	(void)state;
	struct metric_service *service = metrics_service_begin(metrics, "shop");

	metrics_set_limits(metrics, NO_LIMIT, 2 * COUNTER_SAMPLES);
	count_exit("shop", "success");
	count_exit("shop", "error");
	pass(MINUTE - SECOND);
	count_exit("shop", "success");
	count_exit("shop", "signal"); /* the others were used within a minute */
	assert_series("sonde_process_exits_total{shop,success} 2\n"
		      "sonde_process_exits_total{shop,error} 1\n"
		      "sonde_process_exits_total{shop,}overflow 1\n");
	pass(SECOND);
	metrics_set_limits(metrics, NO_LIMIT, 3 * COUNTER_SAMPLES); /* with the overflow series */
	count_exit("shop", "signal");
	assert_series("sonde_process_exits_total{shop,success} 2\n"
		      "sonde_process_exits_total{shop,}overflow 1\n"
		      "sonde_process_exits_total{shop,signal} 1\n");
	assert_int_equal(metrics_removed(metrics, METRIC_REMOVED_FOR_ROOM), COUNTER_SAMPLES);
	metrics_service_end(service);
}

/* Or each count would be lost with the series that it made. */
static void test_what_is_used_more_than_there_is_room_for_does_not_turn_over(void **state)
{
	enum { ROOM = 10, USED = 30, ROUNDS = 50 };

	(void)state;
	metrics_set_limits(metrics, NO_LIMIT, ROOM * COUNTER_SAMPLES);
	for (int round = 0; round < ROUNDS; round++) {
		for (int port = 0; port < USED; port++)
			count_refused("shop", port);
		pass(SECOND);
	}
	assert_int_equal(sums_of_service("shop").counted, ROUNDS * USED);
	assert_int_equal(sums_of_service("shop").series, ROOM + 1);
	assert_int_equal(metrics_removed(metrics, METRIC_REMOVED_FOR_ROOM), 0);
}

static void test_thousands_of_ports_leave_http_its_room(void **state)
{
	static const char *const routes[] = {"/", "/cart", "/checkout", "/orders/{id}", "/login"};
	static const char *const statuses[] = {"200", "302", "404", "500"};
	enum { LIMIT = 5000 };

	(void)state;
	metrics_set_limits(metrics, 4 * LIMIT, LIMIT);
	for (int port = 1; port <= 3000; port++) {
		count_refused("shop", port);
		if (port % 10 == 0)
			pass(SECOND / 10);
	}
	assert_in_range(sums_of_service("shop").samples, LIMIT - HTTP, LIMIT + COUNTER_SAMPLES);
	for (int i = 0; i < 10; i++)
		for (size_t route = 0; route < ARRAY_SIZE(routes); route++)
			for (size_t status = 0; status < ARRAY_SIZE(statuses); status++) {
				count_request("shop", "GET", statuses[status], routes[route]);
				count_refused("shop", 4000 + i);
			}
	struct sums http = sums_of("http_server_request_duration_seconds", "shop");
	assert_int_equal(http.series, ARRAY_SIZE(routes) * ARRAY_SIZE(statuses));
	assert_int_equal(http.counted, 10 * ARRAY_SIZE(routes) * ARRAY_SIZE(statuses));
	assert_true(limit_count(LIMIT_SERVICE_SERIES) > 0);
}

/*
 * A dozen daemons that wake up now and then, a few connections: what a machine has on which nothing
 * happens. What is not of services is some 60 samples more.
 */
static void test_a_quiet_machine_has_less_than_two_thousand_samples(void **state)
{
	static const char *const of_flow[] = {"sonde_tcp_open_connections",
		"sonde_tcp_sent_bytes_total", "sonde_tcp_received_bytes_total",
		"sonde_tcp_connect_duration_seconds", "sonde_tcp_connection_duration_seconds",
		"sonde_tcp_rtt_seconds"};
	char name[32], call[32];

	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "daemon-%d", i);
		for (int n = 0; n < 14; n++) {
			snprintf(call, sizeof(call), "call-%d", n);
			SERIES_OF("sonde_syscall_duration_seconds", name, call);
		}
		SERIES_OF("sonde_syscall_errors_total", name, "read", "EAGAIN");
		SERIES_OF("sonde_syscall_errors_total", name, "openat", "ENOENT");
		count_start(name);
		count_exit(name, "success");
		SERIES_OF("sonde_process_lifetime_seconds", name);
		SERIES_OF("sonde_process_exited_cpu_seconds_total", name, "user");
		SERIES_OF("sonde_process_exited_cpu_seconds_total", name, "system");
	}
	for (int i = 0; i < 5; i++)
		for (size_t n = 0; n < ARRAY_SIZE(of_flow); n++) {
			snprintf(name, sizeof(name), "daemon-%d", i);
			SERIES_OF(of_flow[n], name, "outbound", "external", "443");
		}
	assert_in_range(metrics_samples(metrics), 1000, 2000 - 60);
}

/* --- room between services --- */

static void test_who_has_most_gives_way_to_who_has_less(void **state)
{
	struct metric_service *services[3];
	enum { LIMIT = 300 };

	(void)state;
	metrics_set_limits(metrics, LIMIT * COUNTER_SAMPLES, LIMIT * COUNTER_SAMPLES);
	services[0] = metrics_service_begin(metrics, "a");
	for (int i = 0; i < 2 * LIMIT; i++)
		count_refused("a", i);
	assert_int_equal(sums_of_service("a").samples, LIMIT * COUNTER_SAMPLES);
	for (int s = 1; s < 3; s++) {
		const char *name = s == 1 ? "b" : "c";

		services[s] = metrics_service_begin(metrics, name);
		for (int i = 0; i < 2 * LIMIT; i++)
			count_refused(name, i);
	}
	/* each has a third, and who wants more has an overflow of its own or that of all */
	assert_in_range(sums_of_service("a").samples,
		LIMIT * COUNTER_SAMPLES / 3 - 2 * COUNTER_SAMPLES, LIMIT);
	assert_in_range(sums_of_service("b").samples,
		LIMIT * COUNTER_SAMPLES / 3 - 2 * COUNTER_SAMPLES, LIMIT);
	assert_in_range(sums_of_service("c").samples,
		LIMIT * COUNTER_SAMPLES / 3 - 2 * COUNTER_SAMPLES, LIMIT);
	assert_true(metrics_samples(metrics) <= LIMIT * COUNTER_SAMPLES);
	for (int s = 0; s < 3; s++)
		metrics_service_end(services[s]);
}

/* What came first of a service would have its share for good otherwise. */
static void test_in_a_share_of_all_http_has_its_part_beside_system_calls(void **state)
{
	enum { SERVICES = 50, LIMIT = SERVICES * 160, CALLS = 40 };
	struct metric_service *services[SERVICES];
	char name[32], call[32], route[32];

	(void)state;
	metrics_set_limits(metrics, LIMIT, NO_LIMIT);
	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "service-%d", i);
		services[i] = metrics_service_begin(metrics, name);
		for (int n = 0; n < CALLS; n++) {
			snprintf(call, sizeof(call), "call-%d", n);
			metric_record(
				SERIES_OF("sonde_syscall_duration_seconds", name, call), 1000);
		}
	}
	assert_int_equal(metrics_samples(metrics), LIMIT);
	for (int n = 0; n < 100; n++) {
		snprintf(route, sizeof(route), "/%d", n % 4);
		count_request("service-7", "GET", "200", route);
	}
	struct sums http = sums_of("http_server_request_duration_seconds", "service-7");
	assert_int_equal(http.series, 4);
	assert_int_equal(http.counted, 100);
	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "service-%d", i);
		assert_in_range(sums_of_service(name).samples, 160 - 2 * HTTP, 160 + 2 * HTTP);
		metrics_service_end(services[i]);
	}
}

static void test_a_small_service_keeps_its_own_beside_a_large_one(void **state)
{
	(void)state;
	struct metric_service *cron = metrics_service_begin(metrics, "cron");
	struct metric_service *large = metrics_service_begin(metrics, "large");

	metrics_set_limits(metrics, 100 * COUNTER_SAMPLES, 100 * COUNTER_SAMPLES);
	count_start("cron");
	count_exit("cron", "success");
	for (int i = 0; i < 5000; i++) {
		count_refused("large", i);
		if (i % 100 == 0)
			pass(60 * SECOND);
	}
	assert_int_equal(sums_of_service("cron").counted, 2);
	assert_int_equal(sums_of_service("large").samples, 98 * COUNTER_SAMPLES);
	metrics_service_end(cron);
	metrics_service_end(large);
}

static void test_what_has_ended_gives_way_before_its_time(void **state)
{
	(void)state;
	struct metric_service *job = metrics_service_begin(metrics, "job");
	struct metric_service *shop = metrics_service_begin(metrics, "shop");
	uint64_t met = limit_count(LIMIT_SERIES);

	metrics_set_limits(metrics, 4 * COUNTER_SAMPLES, NO_LIMIT);
	count_start("job");
	count_start("shop");
	count_exit("shop", "success");
	count_exit("shop", "error");
	metrics_service_end(job);
	pass(SECOND);
	count_exit("shop", "signal"); /* though the shop has more */
	assert_series("sonde_process_starts_total{shop} 1\n"
		      "sonde_process_exits_total{shop,success} 1\n"
		      "sonde_process_exits_total{shop,error} 1\n"
		      "sonde_process_exits_total{shop,signal} 1\n");
	assert_int_equal(limit_count(LIMIT_SERIES), met);
	metrics_service_end(shop);
}

static void test_who_lives_and_does_nothing_gives_way_down_to_what_is_guaranteed(void **state)
{
	enum { SLEEPERS = 100, EACH = 10, LIMIT = SLEEPERS * EACH * COUNTER_SAMPLES };
	struct metric_service *sleepers[SLEEPERS], *shop;
	char name[32], route[32];

	(void)state;
	metrics_set_limits(metrics, LIMIT, LIMIT);
	for (int i = 0; i < SLEEPERS; i++) {
		snprintf(name, sizeof(name), "sleeper-%d", i);
		sleepers[i] = metrics_service_begin(metrics, name);
		for (int port = 0; port < EACH; port++)
			count_refused(name, port);
	}
	pass(SERVICE_IDLE_NS);
	shop = metrics_service_begin(metrics, "shop");
	for (int i = 0; i < LIMIT; i++) {
		snprintf(route, sizeof(route), "/%d", i % 50);
		count_request("shop", "GET", "200", route);
	}
	assert_int_equal(sums_of_service("shop").series, 50);
	assert_int_equal(sums_of_service("shop").counted, LIMIT);
	for (int i = 0; i < SLEEPERS; i++) {
		snprintf(name, sizeof(name), "sleeper-%d", i);
		assert_in_range(sums_of_service(name).samples,
			LIMIT / 2 / (SLEEPERS + 1) - COUNTER_SAMPLES, EACH * COUNTER_SAMPLES);
		metrics_service_end(sleepers[i]);
	}
	metrics_service_end(shop);
}

/* 10,000 of one second each in an hour, of which each has 21 series. */
static void run_jobs(int first, int count)
{
	static const char *const calls[] = {"execve", "brk", "mmap", "openat", "read", "close",
		"write", "fstat", "munmap", "mprotect", "exit_group", "access", "pread64",
		"arch_prctl", "set_tid_address", "rseq"};

	for (int i = first; i < first + count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "job-%d", i);
		struct metric_service *job = metrics_service_begin(metrics, name);
		count_start(name);
		for (size_t call = 0; call < ARRAY_SIZE(calls); call++)
			metric_record(
				SERIES_OF("sonde_syscall_duration_seconds", name, calls[call]),
				1000);
		pass(360 * SECOND / 1000);
		count_exit(name, "success");
		metric_record(SERIES_OF("sonde_process_lifetime_seconds", name), SECOND);
		metric_add(SERIES_OF("sonde_process_exited_cpu_seconds_total", name, "user"), 1000);
		metric_add(
			SERIES_OF("sonde_process_exited_cpu_seconds_total", name, "system"), 1000);
		metrics_service_end(job);
	}
}

static void test_an_hour_of_jobs_leaves_a_new_service_whole_and_memory_flat(void **state)
{
	static const char *const methods[] = {"GET", "POST"}, *const statuses[] = {"200", "500"};
	struct metric_service *old, *new;
	size_t before;
	char route[32];

	(void)state;
	metrics_set_limits(metrics, 20000, 5000);
	old = metrics_service_begin(metrics, "old");
	count_request("old", "GET", "200", "/");
	run_jobs(0, 2000);
	before = mallinfo2().uordblks;
	run_jobs(2000, 8000);
	assert_in_range(mallinfo2().uordblks, before * 9 / 10, before * 11 / 10);
	assert_in_range(metrics_samples(metrics), 15000, 20000);

	count_request("old", "GET", "500", "/"); /* its first one of this kind */
	new = metrics_service_begin(metrics, "new");
	for (int n = 0; n < 3; n++) {
		for (int i = 0; i < 20 * 2 * 2; i++) {
			snprintf(route, sizeof(route), "/route/%d", i / 4);
			count_request("new", methods[i % 2], statuses[i / 2 % 2], route);
		}
		run_jobs(10000 + 100 * n, 100); /* which go on */
	}
	assert_int_equal(sums_of_service("new").series, 80);
	assert_int_equal(sums_of_service("new").counted, 240);
	assert_int_equal(sums_of_service("old").series, 2);
	assert_int_equal(sums_of_service("old").counted, 2);
	assert_int_equal(sums_of_service("_overflow").series, 0);
	metrics_service_end(old);
	metrics_service_end(new);
}

/* --- what is held --- */

static void test_a_held_gauge_that_gives_way_stays_in_the_sum(void **state)
{
	(void)state;
	struct metric_series *open[3];

	metrics_set_limits(metrics, 3, 3); /* a gauge is one sample */
	for (int i = 0; i < 3; i++) {
		char port[16];

		snprintf(port, sizeof(port), "%d", i);
		open[i] = metric_hold(
			SERIES_OF("sonde_tcp_open_connections", "a", "outbound", "external", port));
		metric_change(open[i], 10 + i);
	}
	metric_change(
		SERIES_OF("sonde_tcp_open_connections", "b", "outbound", "external", "80"), 1);
	assert_series("sonde_tcp_open_connections{a,outbound,external,1} 11\n"
		      "sonde_tcp_open_connections{a,outbound,external,2} 12\n"
		      "sonde_tcp_open_connections{b,outbound,external,80} 1\n"
		      "sonde_tcp_open_connections{_overflow,,,}overflow 10\n");
	assert_true(metric_is_overflow(open[0]));
	assert_false(metric_is_overflow(open[1]));
	metric_change(open[0], -4);
	assert_int_equal(sums_of(NULL, "_overflow").gauges, 6);
	metric_change(open[0], -6);
	for (int i = 0; i < 3; i++)
		metric_release(open[i]);
	assert_int_equal(sums_of(NULL, NULL).gauges, 24);
}

static void test_what_is_held_counts_on_after_it_went(void **state)
{
	(void)state;
	struct metric_series *held = metric_hold(
		SERIES_OF("sonde_tcp_sent_bytes_total", "job", "outbound", "external", "80"));

	metric_add(held, 5);
	pass(TTL);
	assert_series("");
	assert_true(metric_is_overflow(held));
	metric_add(held, 7);
	assert_series("sonde_tcp_sent_bytes_total{_overflow,,,}overflow 7\n");
	metric_release(held);
}

/* --- anything in any order --- */

#define ANY_SERVICES 12
#define ANY_HELD     64

static uint64_t any_state;

static uint32_t any(uint32_t below)
{
	any_state = any_state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(any_state >> 33) % below;
}

static const char *any_service(void)
{
	static const char *const names[ANY_SERVICES] = {
		"a", "b", "c", "d", "e", "f", "g", "_other", "_overflow", "kernel", "", "a\xff"};

	return names[any(ANY_SERVICES)];
}

static struct metric_series *any_series(const char *family)
{
	char text[16], other[16];

	snprintf(text, sizeof(text), "%u", any(30));
	snprintf(other, sizeof(other), "%u", any(3));
	return SERIES_OF(family, any_service(), text, other, "", "", "", "");
}

static void test_any_order_of_things_keeps_accounts_and_sums_true(void **state)
{
	struct metric_service *living[32] = {0};
	struct metric_series *held[ANY_HELD] = {0};
	int64_t parts[ANY_HELD] = {0};
	struct metric_cursor cursor = {0};
	struct sums looked = {0};

	(void)state;
	metrics_set_limits(metrics, 400, 100);
	for (int i = 0; i < 200000; i++) {
		uint32_t place = any(ANY_HELD);

		switch (any(10)) {
		case 0:
		case 1:
		case 2: metric_add(any_series("sonde_syscall_errors_total"), 1); break;
		case 3:
			metric_record(
				any_series("http_server_request_duration_seconds"), any(1000000));
			break;
		case 4: /* a part in a gauge that is held */
			if (!held[place])
				held[place] = metric_hold(any_series("sonde_tcp_open_connections"));
			metric_change(held[place], 1);
			parts[place]++;
			break;
		case 5: /* and given back */
			if (!held[place])
				break;
			metric_change(held[place], -parts[place]);
			metric_release(held[place]);
			held[place] = NULL;
			parts[place] = 0;
			break;
		case 6: pass(any(4) * any(30) * SECOND); break;
		case 7:
			metrics_service_end(living[place % 32]);
			living[place % 32] = NULL;
			if (any(2))
				living[place % 32] = metrics_service_begin(metrics, any_service());
			break;
		case 8: /* a step of a scrape that goes on all the time */
			if (!metrics_visit_next(metrics, &cursor, add_series, &looked))
				cursor = (struct metric_cursor){0};
			break;
		case 9:
			if (any(1000))
				break;
			metrics_set_limits(metrics, 100 + any(600), 20 + any(300));
			break;
		}
		if (i % 256 == 0) {
			struct sums sums = sums_of(NULL, NULL);
			double expected = 0;
			size_t samples = 0;

			for (int h = 0; h < ANY_HELD; h++)
				expected += (double)parts[h];
			assert_true(sums.gauges == expected);
			/* the overflow of all needs no room */
			for (size_t of = 0; source_family(of); of++)
				if (sums_of(source_family(of)->name, "_overflow").series)
					samples += samples_of(source_family(of));
			assert_in_range(sums.samples, metrics_samples(metrics),
				metrics_samples(metrics) + samples);
		}
	}
	for (int h = 0; h < ANY_HELD; h++)
		if (held[h])
			metric_release(held[h]);
	for (int s = 0; s < 32; s++)
		metrics_service_end(living[s]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(series_go_some_time_after_the_last_process),
		TEST(a_change_after_the_end_begins_the_time_anew),
		TEST(a_service_that_lives_keeps_what_it_does_not_use),
		TEST(without_a_time_series_stay),
		TEST(a_gauge_that_is_not_0_stays),
		TEST(a_counter_that_comes_back_begins_anew_with_a_start_time),
		TEST(a_histogram_has_a_start_time_and_a_gauge_has_none),
		TEST(the_least_recently_used_gives_way_after_a_minute),
		TEST(what_is_used_more_than_there_is_room_for_does_not_turn_over),
		TEST(thousands_of_ports_leave_http_its_room),
		TEST(a_quiet_machine_has_less_than_two_thousand_samples),
		TEST(who_has_most_gives_way_to_who_has_less),
		TEST(in_a_share_of_all_http_has_its_part_beside_system_calls),
		TEST(a_small_service_keeps_its_own_beside_a_large_one),
		TEST(what_has_ended_gives_way_before_its_time),
		TEST(who_lives_and_does_nothing_gives_way_down_to_what_is_guaranteed),
		TEST(an_hour_of_jobs_leaves_a_new_service_whole_and_memory_flat),
		TEST(a_held_gauge_that_gives_way_stays_in_the_sum),
		TEST(what_is_held_counts_on_after_it_went),
		TEST(any_order_of_things_keeps_accounts_and_sums_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Route templates: what is data in a path, configured patterns, what is learned, and the bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "route_ask.h"
#include "telemetry/http/route_segment.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define HOUR 3600000000000ULL

static const char *route_of(struct routes *routes, const char *service, const char *path)
{
	bool folded = true;
	const char *route = route_ask(routes, service, path, true, HOUR, &folded);

	assert_false(folded);
	return route;
}

static void assert_folded(struct routes *routes, const char *service, const char *path)
{
	bool folded = false;

	assert_string_equal(route_ask(routes, service, path, true, HOUR, &folded), ROUTE_FOLDED);
	assert_true(folded);
}

/* Without learning. */
static void assert_known(
	struct routes *routes, const char *service, const char *path, const char *route)
{
	bool folded = true;

	assert_string_equal(route_ask(routes, service, path, false, HOUR, &folded), route);
	assert_false(folded);
}

/* As often as it takes to be in use. */
static void use(struct routes *routes, const char *service, const char *const *paths, size_t count)
{
	for (int i = 0; i < 3; i++)
		for (size_t j = 0; j < count; j++)
			route_of(routes, service, paths[j]);
}

static enum route_segment_kind kind_of(const char *text)
{
	return route_segment_kind(&(struct route_segment){text, strlen(text)});
}

static void test_data_is_told_from_names(void **state)
{
	static const char *const data[] = {"0", "42", "1706659200", "2024-01-31", "20240131",
		"1.2.3", "52.5,-13.4", "2024-01-31T12:00:00Z",
		"550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000",
		"507f1f77bcf86cd799439011", "3f2a9c1b", "app.3f2a9c1b.js", "main-3F2A9C1B.css",
		"order-10023", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01arz3ndektsv4rrffq69g5fav",
		"dQw4w9WgXcQ", "V1StGXR8_Z5jdHi6B-myT", "aGVsbG8=", "bob@example.org", "a%20b",
		"%7Euser", "caf\xc3\xa9", "{id}", "*", "a*", "\"x\"", "a b", "\x01",
		"a-very-long-title-that-goes-on-and-on-without-any-digit-in-it-for-ever",
		"red-running-shoes-42", "img_holiday_3", "report.final.7"};
	static const char *const names[] = {"users", "v1", "v2beta1", "oauth2", "s3", "i18n",
		"utf-8", "x86_64", "index.html", "app.js", "jquery-3.6.0.min.js", "getUserById2",
		"google.pubsub.v1.Publisher", "grpc.reflection.v1alpha.ServerReflection",
		"@angular", "deadbeef", "facade", "ServiceV2Handler",
		"getting-started-with-tracing", "a", "-", "~bob", "items:batchGet", "top-10",
		"order-1234", "favicon.ico", "en", "pt-br", "catch-22"};

	(void)state;
	for (size_t i = 0; i < COUNT(data); i++)
		if (kind_of(data[i]) != SEGMENT_DATA)
			fail_msg("taken for a name: %s", data[i]);
	for (size_t i = 0; i < COUNT(names); i++)
		if (kind_of(names[i]) == SEGMENT_DATA)
			fail_msg("taken for data: %s", names[i]);
}

static void test_names_are_plain_or_compound(void **state)
{
	static const char *const plain[] = {"users", "sign-in", "index.html", "getUserById", "en",
		"pt-br", "@angular", "-", "items:batchGet"};
	static const char *const compound[] = {"red-shoes-xl", "user7", "v1", "jquery.min.js",
		"top-10", "getting-started-with-tracing"};

	(void)state;
	for (size_t i = 0; i < COUNT(plain); i++)
		if (kind_of(plain[i]) != SEGMENT_PLAIN)
			fail_msg("not plain: %s", plain[i]);
	for (size_t i = 0; i < COUNT(compound); i++)
		if (kind_of(compound[i]) != SEGMENT_COMPOUND)
			fail_msg("not compound: %s", compound[i]);
}

static void test_learned_route_keeps_names_and_hides_data(void **state)
{
	static const struct {
		const char *path, *route;
	} cases[] = {
		{"/", "/"},
		{"", "/"},
		{"/users/42", "/users/{id}"},
		{"/users/42/orders/550e8400-e29b-41d4-a716-446655440000",
			"/users/{id}/orders/{id}"},
		{"/users", "/users"},
		{"//users///7/", "/users/{id}"},
		{"/search?q=/a/b", "/search"},
		{"/index.html", "/index.html"},
		{"/static/app.3f2a9c1b.js", "/static/{id}"},
		{"/static/app.js", "/static/app.js"},
		{"/a/b/c/d/e/f", "/a/b/c/d/e/f"},
		{"/a/b/c/d/e/f/", "/a/b/c/d/e/f"},
		{"/a/b/c/d/e/f/g", "/a/b/c/d/e/f/*"},
		{"/a/b/c/d/e/f/g/h/i", "/a/b/c/d/e/f/*"},
		{"/{id}/*", "/{id}/{id}"},
		{"/cart;jsessionid=0A1B/items;v=2", "/cart/items"},
		{"/;x", "/;x"},
		{"/en/docs/7", "/en/docs/{id}"},
		{"/v2/docs/7", "/v2/docs/{id}"},
		{"index", "/index"},
	};
	struct routes *routes = routes_new(100);

	(void)state;
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < COUNT(cases); i++)
			assert_string_equal(
				route_of(routes, "shop", cases[i].path), cases[i].route);
	routes_free(routes);
}

static void test_many_names_in_one_place_become_data(void **state)
{
	struct routes *routes = routes_new(100);
	char path[32];

	(void)state;
	for (int i = 0; i < 11; i++) {
		snprintf(path, sizeof(path), "/users/%c%c/posts", 'a' + i, 'z' - i);
		assert_string_equal(route_of(routes, "shop", path), path);
	}
	assert_string_equal(route_of(routes, "shop", "/users/one-more/posts"), "/users/{id}/posts");
	assert_string_equal(route_of(routes, "shop", "/users/another"), "/users/{id}");
	assert_string_equal(route_of(routes, "shop", "/users/az/posts"), "/users/{id}/posts");
	/* Other places and other services are not affected. */
	assert_string_equal(route_of(routes, "shop", "/groups/one-more"), "/groups/one-more");
	assert_string_equal(route_of(routes, "till", "/users/one-more"), "/users/one-more");
	routes_free(routes);
}

static void test_names_in_use_stay_when_others_become_data(void **state)
{
	static const char *const used[] = {"/users/me", "/users/search", "/users/me/photos"};
	struct routes *routes = routes_new(100);

	(void)state;
	use(routes, "shop", used, COUNT(used));
	for (int i = 0; i < 100; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/users/%c%c", 'a' + i % 10, 'a' + i / 10);
		route_of(routes, "shop", path);
	}
	assert_known(routes, "shop", "/users/xx", "/users/{id}");
	for (size_t i = 0; i < COUNT(used); i++)
		assert_known(routes, "shop", used[i], used[i]);
	routes_free(routes);
}

static void test_at_the_limit_of_a_service_what_is_cold_gives_way(void **state)
{
	static const char *const used[] = {"/a/b", "/c"};
	struct routes *routes = routes_new(3);

	(void)state;
	use(routes, "shop", used, COUNT(used));
	for (int i = 0; i < 8; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/d%c", 'a' + i);
		assert_string_equal(route_of(routes, "shop", path), path);
	}
	assert_known(routes, "shop", "/a/b", "/a/b");
	assert_known(routes, "shop", "/c", "/c");
	assert_known(routes, "shop", "/dh", "/dh");
	assert_known(routes, "shop", "/dg", ROUTE_FOLDED);
	routes_free(routes);
}

static void test_at_the_limit_of_what_is_in_use_the_rest_is_folded(void **state)
{
	static const char *const used[] = {"/a/b", "/c"};
	struct routes *routes = routes_new(2);

	(void)state;
	use(routes, "shop", used, COUNT(used));
	assert_folded(routes, "shop", "/d");
	assert_folded(routes, "shop", "/a");
	assert_string_equal(route_of(routes, "shop", "/a/b"), "/a/b");
	assert_string_equal(route_of(routes, "till", "/d"), "/d");

	routes_set_limit(routes, 3);
	assert_string_equal(route_of(routes, "shop", "/d"), "/d");
	routes_free(routes);
}

static void test_what_was_in_use_long_ago_gives_way(void **state)
{
	static const char *const used[] = {"/a", "/b"};
	struct routes *routes = routes_new(2);
	bool folded;

	(void)state;
	use(routes, "shop", used, COUNT(used));
	assert_folded(routes, "shop", "/c");
	assert_string_equal(route_ask(routes, "shop", "/c", true, 2 * HOUR, &folded), "/c");
	routes_free(routes);
}

static void test_a_lower_limit_holds_from_the_next_new_route_on(void **state)
{
	struct routes *routes = routes_new(10);

	(void)state;
	route_of(routes, "shop", "/a");
	route_of(routes, "shop", "/b");
	route_of(routes, "shop", "/c");
	routes_set_limit(routes, 1);
	assert_string_equal(route_of(routes, "shop", "/d"), "/d");
	assert_known(routes, "shop", "/a", ROUTE_FOLDED);
	assert_known(routes, "shop", "/c", ROUTE_FOLDED);
	assert_known(routes, "shop", "/d", "/d");
	routes_free(routes);
}

static void test_path_that_may_not_be_learned_takes_nothing_of_the_limit(void **state)
{
	static char *const patterns[] = {"/static/*"};
	static const char *const used[] = {"/a", "/users/1"};
	struct routes *routes = routes_new(2);
	char path[32];

	(void)state;
	assert_int_equal(routes_configure(routes, patterns, COUNT(patterns)), 0);
	use(routes, "shop", used, 1);
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/wp-admin/scan-%d.php", i);
		assert_known(routes, "shop", path, ROUTE_FOLDED);
	}
	assert_known(routes, "till", "/a", ROUTE_FOLDED);
	use(routes, "shop", used, COUNT(used));
	assert_known(routes, "shop", "/users/2", "/users/{id}");
	assert_known(routes, "shop", "/static/x", "/static/*");
	assert_folded(routes, "shop", "/b");
	routes_free(routes);
}

static void test_limit_of_none_folds_all(void **state)
{
	struct routes *routes = routes_new(0);

	(void)state;
	assert_folded(routes, "shop", "/");
	assert_folded(routes, "shop", "/a");
	routes_free(routes);
}

static void test_configured_pattern_that_matches_first_wins(void **state)
{
	static char *const patterns[] = {"/users/me", "/users/{name}", "/users/{name}/photos/*",
		"/static/*", "/{tenant}/api/v1/a/b/c/d/e/{x}", "/exact/"};
	static const struct {
		const char *path, *route;
	} cases[] = {
		{"/users/me", "/users/me"},
		{"/users/alice", "/users/{name}"},
		{"/users/42/", "/users/{name}"},
		{"/users", "/users"},
		{"/users/alice/photos/1/large", "/users/{name}/photos/*"},
		{"/users/alice/photos", "/users/{name}/photos/*"},
		{"/users/alice/likes", "/users/alice/likes"},
		{"/static/js/app.js?v=2", "/static/*"},
		{"/static", "/static/*"},
		{"/staticx", "/staticx"},
		{"/acme/api/v1/a/b/c/d/e/f", "/{tenant}/api/v1/a/b/c/d/e/{x}"},
		{"/exact", "/exact/"},
	};
	struct routes *routes = routes_new(100);

	(void)state;
	assert_int_equal(routes_configure(routes, patterns, COUNT(patterns)), 0);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(route_of(routes, "shop", cases[i].path), cases[i].route);
	routes_free(routes);
}

static void test_configured_routes_do_not_count_against_the_limit(void **state)
{
	static char *const patterns[] = {"/users/{id}"};
	static const char *const used[] = {"/a", "/users/1"};
	struct routes *routes = routes_new(1);

	(void)state;
	assert_int_equal(routes_configure(routes, patterns, 1), 0);
	use(routes, "shop", used, COUNT(used));
	for (int i = 0; i < 3; i++) {
		route_of(routes, "shop", "/a");
		assert_string_equal(route_of(routes, "shop", "/users/2"), "/users/{id}");
	}
	assert_string_equal(
		route_of(routes, "shop", "/b"), "/b"); /* `/a` never came after another */
	routes_free(routes);
}

static void test_new_configuration_leaves_old_pointers_valid(void **state)
{
	static char *const old[] = {"/users/{name}"}, *const new[] = {"/users/{id}"};
	struct routes *routes = routes_new(100);
	const char *before, *after;

	(void)state;
	assert_int_equal(routes_configure(routes, old, 1), 0);
	before = route_of(routes, "shop", "/users/bob");
	assert_int_equal(routes_configure(routes, new, 1), 0);
	after = route_of(routes, "shop", "/users/bob");
	assert_string_equal(before, "/users/{name}");
	assert_string_equal(after, "/users/{id}");
	assert_int_equal(routes_configure(routes, old, 1), 0);
	assert_ptr_equal(route_of(routes, "shop", "/users/bob"), before);
	assert_int_equal(routes_configure(routes, NULL, 0), 0);
	assert_string_equal(route_of(routes, "shop", "/users/bob"), "/users/bob");
	routes_free(routes);
}

static void test_invalid_pattern_is_refused_and_the_old_ones_stay(void **state)
{
	static char *const first[] = {"/a/{x}"}, *const second[] = {"/b/{x}", "/a/*/b"};
	struct routes *routes = routes_new(100);

	(void)state;
	assert_int_equal(routes_configure(routes, first, 1), 0);
	assert_int_equal(routes_configure(routes, second, 2), -EINVAL);
	assert_string_equal(route_of(routes, "shop", "/a/y"), "/a/{x}");
	assert_string_equal(route_of(routes, "shop", "/b/y"), "/b/y");
	routes_free(routes);
}

/* Services and names without end: memory stays bounded, what is in use stays known. */
static void test_memory_is_bounded_whatever_comes(void **state)
{
	static const char *const used[] = {"/known/route", "/other"};
	struct routes *routes = routes_new(1000);
	size_t before = mallinfo2().uordblks;

	(void)state;
	use(routes, "first", used, COUNT(used));
	for (int i = 0; i < 200000; i++) {
		char service[32], path[64];
		bool folded;

		snprintf(service, sizeof(service), "service-%d", i % 5000);
		snprintf(path, sizeof(path), "/%c%c/b/c%d/x/%c", 'a' + i % 26, 'a' + i / 26 % 26,
			i % 97, 'a' + i / 700 % 26);
		route_ask(routes, service, path, true, HOUR, &folded);
		if (i % 100 == 0)
			assert_string_equal(
				route_of(routes, "first", used[i / 100 % 2]), used[i / 100 % 2]);
	}
	assert_true(mallinfo2().uordblks < before + ROUTE_BYTES_MAX + ROUTE_BYTES_MAX / 4);
	routes_free(routes);
}

/* One service that takes all there is, and others beside it. */
static void test_a_greedy_service_takes_no_memory_of_others(void **state)
{
	struct routes *routes = routes_new(10000);
	unsigned greedy_folded = 0;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		char path[64];
		bool folded;

		/* names of 25 in each of four places below each other */
		snprintf(path, sizeof(path), "/a%c/b%c/c%c/d%c", 'a' + i % 25, 'a' + i / 25 % 25,
			'a' + i / 625 % 25, 'a' + i % 23);
		for (int j = 0; j < 3; j++)
			route_ask(routes, "greedy", path, true, HOUR, &folded);
		greedy_folded += folded;
		snprintf(path, sizeof(path), "/orders/%d/a%c", i, 'a' + i / 3 % 10);
		route_ask(routes, "modest", path, true, HOUR, &folded);
		assert_false(folded);
	}
	assert_true(greedy_folded < 50000);
	for (int i = 0; i < 10; i++) {
		char path[64], expected[64];

		snprintf(path, sizeof(path), "/orders/1/a%c", 'a' + i);
		snprintf(expected, sizeof(expected), "/orders/{id}/a%c", 'a' + i);
		assert_known(routes, "modest", path, expected);
	}
	routes_free(routes);
}

static void test_a_service_that_asks_no_more_gives_its_memory_back(void **state)
{
	struct routes *routes = routes_new(100);
	size_t before;
	bool folded;

	(void)state;
	route_of(routes, "shop", "/a");
	before = mallinfo2().uordblks;
	for (int i = 0; i < 500; i++) {
		char service[32];

		snprintf(service, sizeof(service), "job-%d", i);
		route_of(routes, service, "/b/c");
		route_of(routes, service, "/b/d");
	}
	if (before) /* under the sanitizer nothing is known */
		assert_true(mallinfo2().uordblks > before + 500 * 300);
	route_ask(routes, "shop", "/a", true, 3 * HOUR, &folded);
	assert_in_range(mallinfo2().uordblks, 0, before + 16384); /* the hash table's own */
	assert_known(routes, "shop", "/a", "/a");
	assert_known(routes, "job-7", "/b/c", ROUTE_FOLDED);
	routes_free(routes);
}

static void test_known_path_allocates_nothing(void **state)
{
	struct routes *routes = routes_new(100);
	size_t before;

	(void)state;
	route_of(routes, "shop", "/users/1/orders");
	before = mallinfo2().uordblks;
	for (int i = 0; i < 100000; i++) {
		char path[48];

		snprintf(path, sizeof(path), "/users/%d/orders?page=%d", i, i);
		route_of(routes, "shop", path);
	}
	assert_int_equal(mallinfo2().uordblks, before);
	routes_free(routes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_is_told_from_names),
		cmocka_unit_test(test_names_are_plain_or_compound),
		cmocka_unit_test(test_learned_route_keeps_names_and_hides_data),
		cmocka_unit_test(test_many_names_in_one_place_become_data),
		cmocka_unit_test(test_names_in_use_stay_when_others_become_data),
		cmocka_unit_test(test_at_the_limit_of_a_service_what_is_cold_gives_way),
		cmocka_unit_test(test_at_the_limit_of_what_is_in_use_the_rest_is_folded),
		cmocka_unit_test(test_what_was_in_use_long_ago_gives_way),
		cmocka_unit_test(test_a_lower_limit_holds_from_the_next_new_route_on),
		cmocka_unit_test(test_path_that_may_not_be_learned_takes_nothing_of_the_limit),
		cmocka_unit_test(test_limit_of_none_folds_all),
		cmocka_unit_test(test_configured_pattern_that_matches_first_wins),
		cmocka_unit_test(test_configured_routes_do_not_count_against_the_limit),
		cmocka_unit_test(test_new_configuration_leaves_old_pointers_valid),
		cmocka_unit_test(test_invalid_pattern_is_refused_and_the_old_ones_stay),
		cmocka_unit_test(test_memory_is_bounded_whatever_comes),
		cmocka_unit_test(test_a_greedy_service_takes_no_memory_of_others),
		cmocka_unit_test(test_a_service_that_asks_no_more_gives_its_memory_back),
		cmocka_unit_test(test_known_path_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

#include "telemetry/route.h"
#include "telemetry/route_segment.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *route_of(struct routes *routes, const char *service, const char *path)
{
	bool folded = true;
	const char *route = routes_template(routes, service, path, strlen(path), true, &folded);

	assert_false(folded);
	return route;
}

static void assert_folded(struct routes *routes, const char *service, const char *path)
{
	bool folded = false;

	assert_string_equal(
		routes_template(routes, service, path, strlen(path), true, &folded), ROUTE_FOLDED);
	assert_true(folded);
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
		"a-very-long-title-that-goes-on-and-on-without-any-digit-in-it-for-ever"};
	static const char *const names[] = {"users", "v1", "v2beta1", "oauth2", "s3", "i18n",
		"utf-8", "x86_64", "index.html", "app.js", "jquery-3.6.0.min.js", "getUserById2",
		"google.pubsub.v1.Publisher", "grpc.reflection.v1alpha.ServerReflection",
		"@angular", "deadbeef", "facade", "ServiceV2Handler",
		"getting-started-with-tracing", "a", "-", "~bob", "items:batchGet", "top-10",
		"order-1234", "favicon.ico"};

	(void)state;
	for (size_t i = 0; i < COUNT(data); i++)
		if (!route_segment_is_data(data[i], strlen(data[i])))
			fail_msg("taken for a name: %s", data[i]);
	for (size_t i = 0; i < COUNT(names); i++)
		if (route_segment_is_data(names[i], strlen(names[i])))
			fail_msg("taken for data: %s", names[i]);
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

static void test_path_keeps_the_very_same_route(void **state)
{
	struct routes *routes = routes_new(100);
	const char *first = route_of(routes, "shop", "/users/1");

	(void)state;
	for (int i = 0; i < 60; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/users/%d/part%c", i, 'a' + i % 26);
		route_of(routes, "shop", path);
	}
	assert_ptr_equal(route_of(routes, "shop", "/users/2"), first);
	routes_free(routes);
}

static void test_too_many_names_in_one_place_become_data(void **state)
{
	struct routes *routes = routes_new(100);
	char path[32];

	(void)state;
	for (int i = 0; i < ROUTE_LITERALS_MAX; i++) {
		snprintf(path, sizeof(path), "/users/user%d/posts", i);
		assert_string_equal(route_of(routes, "shop", path), path);
	}
	assert_string_equal(route_of(routes, "shop", "/users/one-more/posts"), "/users/{id}/posts");
	assert_string_equal(route_of(routes, "shop", "/users/another"), "/users/{id}");
	/* What was learned stays; other places and other services are not affected. */
	assert_string_equal(route_of(routes, "shop", "/users/user7/posts"), "/users/user7/posts");
	assert_string_equal(route_of(routes, "shop", "/groups/one-more"), "/groups/one-more");
	assert_string_equal(route_of(routes, "till", "/users/one-more"), "/users/one-more");
	routes_free(routes);
}

static void test_past_the_limit_of_a_service_the_rest_is_folded(void **state)
{
	struct routes *routes = routes_new(2);

	(void)state;
	assert_string_equal(route_of(routes, "shop", "/a/b"), "/a/b");
	assert_string_equal(route_of(routes, "shop", "/c"), "/c");
	assert_folded(routes, "shop", "/d");
	assert_folded(routes, "shop", "/a");
	assert_string_equal(route_of(routes, "shop", "/a/b"), "/a/b");
	assert_string_equal(route_of(routes, "till", "/d"), "/d");

	routes_set_limit(routes, 3);
	assert_string_equal(route_of(routes, "shop", "/d"), "/d");
	assert_folded(routes, "shop", "/e");
	routes_free(routes);
}

static void test_path_that_may_not_be_learned_takes_nothing_of_the_limit(void **state)
{
	static char *const patterns[] = {"/static/*"};
	struct routes *routes = routes_new(2);
	char path[32];
	bool folded;

	(void)state;
	assert_int_equal(routes_configure(routes, patterns, COUNT(patterns)), 0);
	for (int i = 0; i < 1000; i++) {
		int length = snprintf(path, sizeof(path), "/wp-admin/scan-%d.php", i);

		folded = true;
		assert_string_equal(
			routes_template(routes, "shop", path, (size_t)length, false, &folded),
			ROUTE_FOLDED);
		assert_false(folded);
	}
	assert_string_equal(route_of(routes, "shop", "/a"), "/a");
	assert_string_equal(route_of(routes, "shop", "/users/1"), "/users/{id}");
	assert_string_equal(
		routes_template(routes, "shop", "/users/2", 8, false, &folded), "/users/{id}");
	assert_string_equal(
		routes_template(routes, "shop", "/static/x", 9, false, &folded), "/static/*");
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
	struct routes *routes = routes_new(1);

	(void)state;
	assert_int_equal(routes_configure(routes, patterns, 1), 0);
	route_of(routes, "shop", "/users/1");
	assert_string_equal(route_of(routes, "shop", "/a"), "/a");
	assert_string_equal(route_of(routes, "shop", "/users/2"), "/users/{id}");
	assert_folded(routes, "shop", "/b");
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

/* Services and names without end: memory stays bounded, what is known stays known. */
static void test_memory_is_bounded_whatever_comes(void **state)
{
	struct routes *routes = routes_new(1000);
	size_t before = mallinfo2().uordblks;
	const char *known = route_of(routes, "first", "/known/route");
	unsigned folded_count = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char service[32], path[64];
		bool folded;

		snprintf(service, sizeof(service), "service-%d", i % 5000);
		snprintf(path, sizeof(path), "/%c%c/b/c%d/x/%c", 'a' + i % 26, 'a' + i / 26 % 26,
			i % 97, 'a' + i / 700 % 26);
		routes_template(routes, service, path, strlen(path), true, &folded);
		folded_count += folded;
	}
	assert_true(folded_count > 0);
	assert_true(mallinfo2().uordblks < before + ROUTE_BYTES_MAX + ROUTE_BYTES_MAX / 16);
	assert_ptr_equal(route_of(routes, "first", "/known/route"), known);
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
		cmocka_unit_test(test_learned_route_keeps_names_and_hides_data),
		cmocka_unit_test(test_path_keeps_the_very_same_route),
		cmocka_unit_test(test_too_many_names_in_one_place_become_data),
		cmocka_unit_test(test_past_the_limit_of_a_service_the_rest_is_folded),
		cmocka_unit_test(test_path_that_may_not_be_learned_takes_nothing_of_the_limit),
		cmocka_unit_test(test_limit_of_none_folds_all),
		cmocka_unit_test(test_configured_pattern_that_matches_first_wins),
		cmocka_unit_test(test_configured_routes_do_not_count_against_the_limit),
		cmocka_unit_test(test_new_configuration_leaves_old_pointers_valid),
		cmocka_unit_test(test_invalid_pattern_is_refused_and_the_old_ones_stay),
		cmocka_unit_test(test_memory_is_bounded_whatever_comes),
		cmocka_unit_test(test_known_path_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is learned of whole sites: generated requests whose right route is known, in any order.
 * Each shape says what stands in its variable segments; the truth is the shape with `{id}` there.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route_ask.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATH_LEN     160
#define SECOND       UINT64_C(1000000000)

struct request {
	char path[PATH_LEN];
	char truth[PATH_LEN];
	unsigned order;
};

/* --- generators: `<slug>` and so on in a shape --- */

static uint64_t seed;

static unsigned below(unsigned limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((seed >> 33) % limit);
}

static const char *const syllables[] = {"ba", "con", "del", "fi", "gra", "hel", "jo", "ka", "lum",
	"mi", "nor", "pa", "qui", "res", "sol", "ta", "ur", "vin", "wo", "xen", "ya", "zor"};

/* One of `pool` words. */
static void put_word(char *text, unsigned pool)
{
	unsigned which = below(pool) + 7;

	*text = '\0';
	for (int i = 0; i < 2 || which; i++) {
		strcat(text, syllables[which % COUNT(syllables)]);
		which /= COUNT(syllables);
	}
}

static void put_words(char *text, int count, const char *separator)
{
	*text = '\0';
	for (int i = 0; i < count; i++) {
		if (i)
			strcat(text, separator);
		put_word(text + strlen(text), 5000);
	}
}

static void put_data(char *text, const char *kind)
{
	if (strcmp(kind, "id") == 0)
		sprintf(text, "%u", below(1000000));
	else if (strcmp(kind, "uuid") == 0)
		sprintf(text, "%08x-%04x-4%03x-a%03x-%08x%04x", below(1u << 31), below(65536),
			below(4096), below(4096), below(1u << 31), below(65536));
	else if (strcmp(kind, "hash") == 0)
		sprintf(text, "%08x0%08x", below(1u << 31), below(1u << 31));
	else if (strcmp(kind, "date") == 0)
		sprintf(text, "20%02u-%02u-%02u", 10 + below(20), 1 + below(12), 1 + below(28));
	else if (strcmp(kind, "slug") == 0)
		put_words(text, 3 + (int)below(3), "-");
	else if (strcmp(kind, "title") == 0)
		put_words(text, 1 + (int)below(4), "-");
	else if (strcmp(kind, "item") == 0)
		sprintf(text + (put_words(text, 2, "-"), strlen(text)), "-%u", below(9000));
	else if (strcmp(kind, "name") == 0)
		put_word(text, 200000);
	else if (strcmp(kind, "person") == 0)
		put_words(text, 2, ".");
	else if (strcmp(kind, "user") == 0)
		sprintf(text, "user%u", below(9999));
	else if (strcmp(kind, "file") == 0)
		sprintf(text + (put_words(text, 2, "_"), strlen(text)), ".jpg");
	else if (strcmp(kind, "pool") == 0)
		put_word(text, 200);
	else
		fail_msg("no generator: %s", kind);
}

static void make_request(struct request *request, const char *shape)
{
	char *path = request->path, *truth = request->truth;

	while (*shape) {
		if (*shape == '<') {
			const char *end = strchr(shape, '>');
			char kind[16] = "";

			memcpy(kind, shape + 1, (size_t)(end - shape - 1));
			put_data(path, kind);
			path += strlen(path);
			truth += sprintf(truth, "{id}");
			shape = end + 1;
		} else {
			*path++ = *truth++ = *shape++;
		}
	}
	*path = *truth = '\0';
}

/* --- orders --- */

enum order { ONE_AFTER_THE_OTHER, SORTED, REVERSED, IN_TURN, SHUFFLED, ORDERS };

static const char *const order_names[] = {
	"one shape after the other", "sorted", "reversed", "in turn", "shuffled"};

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct request *)a)->path, ((const struct request *)b)->path);
}

static int by_path_down(const void *a, const void *b)
{
	return by_path(b, a);
}

static int by_order(const void *a, const void *b)
{
	unsigned first = ((const struct request *)a)->order,
		 second = ((const struct request *)b)->order;

	return (first > second) - (first < second);
}

static void put_in_order(struct request *requests, size_t count, size_t per_shape, enum order order)
{
	for (size_t i = 0; i < count; i++)
		requests[i].order = order == SHUFFLED ? below(1u << 30)
				    : order == IN_TURN
					    ? (unsigned)(i % per_shape * 100 + i / per_shape)
					    : (unsigned)i;
	qsort(requests, count, sizeof(*requests),
		order == SORTED     ? by_path
		: order == REVERSED ? by_path_down
				    : by_order);
}

/* --- what comes of it --- */

struct outcome {
	size_t wrong;      /* requests with another route than the right one */
	size_t wrong_late; /* of them those in the second half */
	size_t folded;
};

static const char *ask(struct routes *routes, const char *path)
{
	bool folded;

	return route_ask(routes, "shop", path, true, SECOND, &folded);
}

static struct outcome replay(struct routes *routes, const struct request *requests, size_t count)
{
	struct outcome outcome = {0};

	for (size_t i = 0; i < count; i++) {
		bool folded;
		const char *route = route_ask(
			routes, "shop", requests[i].path, true, SECOND + i * SECOND / 100, &folded);
		bool is_wrong = strcmp(route, requests[i].truth) != 0;

		outcome.wrong += is_wrong;
		outcome.wrong_late += is_wrong && i >= count / 2;
		outcome.folded += folded;
	}
	return outcome;
}

/* --- sites of variable paths --- */

#define SHAPES    10
#define PER_SHAPE 10000

static const struct site {
	const char *name;
	const char *shapes[SHAPES];
	size_t wrong_max; /* of the 100,000: names until their place is known to be of data */
} sites[] = {
	{"data and slugs",
		{"/products/<slug>", "/users/<id>", "/users/<id>/orders/<uuid>",
			"/blog/<date>/<slug>", "/api/v1/items/<hash>", "/static/<file>",
			"/search/<name>", "/tags/<title>", "/people/<person>/photos/<id>",
			"/u/<user>"},
		70},
	{"words below words",
		{"/products/<name>", "/users/<name>", "/users/<name>/orders/<id>",
			"/users/<name>/profile", "/shops/<title>/items/<title>", "/files/<file>",
			"/wiki/<title>", "/cat/<title>/rev", "/x/<item>",
			"/api/v2/u/<user>/posts/<slug>"},
		100},
	{"slugs beside prefixes",
		{"/<slug>", "/products/<slug>", "/users/<name>", "/cart/<id>", "/blog/<title>",
			"/docs/<title>", "/tag/<name>", "/img/<file>", "/author/<person>",
			"/y/<date>"},
		100},
	{"words beside prefixes",
		{"/<name>", "/<name>/repo/<name>", "/products/<slug>", "/users/<name>",
			"/cart/<id>", "/blog/<title>", "/docs/<title>", "/tag/<name>",
			"/img/<file>", "/author/<person>"},
		200},
	{"names in the middle, deep",
		{"/a/<name>/b", "/a/<name>/b/<name>/c", "/a/<name>/d/<slug>",
			"/o/<user>/p/<id>/items", "/o/<user>/p/<id>", "/de/k/<title>",
			"/en/k/<title>", "/v1/<name>", "/v2/<name>/<id>", "/t/<id>/<id>/<id>/<id>"},
		150},
};

static void test_ten_shapes_in_any_order_give_their_ten_routes(void **state)
{
	struct request *requests = calloc(SHAPES * PER_SHAPE, sizeof(*requests));

	(void)state;
	assert_non_null(requests);
	for (size_t site = 0; site < COUNT(sites); site++)
		for (int order = 0; order < ORDERS; order++) {
			struct routes *routes = routes_new(100);
			struct outcome first, second;

			seed = site * ORDERS + (unsigned)order;
			for (size_t i = 0; i < SHAPES * PER_SHAPE; i++)
				make_request(&requests[i], sites[site].shapes[i / PER_SHAPE]);
			put_in_order(requests, SHAPES * PER_SHAPE, PER_SHAPE, order);
			first = replay(routes, requests, SHAPES * PER_SHAPE);
			second = replay(routes, requests, SHAPES * PER_SHAPE);
			if (first.wrong > sites[site].wrong_max || first.folded || second.wrong ||
				(order >= IN_TURN && first.wrong_late))
				fail_msg("%s, %s: wrong %zu, of them late %zu; the second time "
					 "%zu; folded %zu",
					sites[site].name, order_names[order], first.wrong,
					first.wrong_late, second.wrong, first.folded);
			routes_free(routes);
		}
	free(requests);
}

/* --- fixed paths --- */

static void test_names_that_come_again_keep_their_routes(void **state)
{
	static struct request requests[4000];
	static char names[30][PATH_LEN];

	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		/* plain words: as many as fit in a place; three words each: half of them */
		bool is_plain = round % 2;
		unsigned count = is_plain ? 5 + round / 2 % 25 : 3 + round / 2 % 13;
		struct routes *routes = routes_new(100);
		struct outcome outcome;

		seed = round;
		for (unsigned i = 0; i < count; i++) {
			strcpy(names[i], "/api/");
			if (is_plain)
				put_word(names[i] + 5, 90000);
			else
				put_words(names[i] + 5, 3, "-");
		}
		for (size_t i = 0; i < COUNT(requests); i++) {
			unsigned which = below(count);

			if (round % 4 < 2) /* some come more often */
				which = which * below(count) / count;
			strcpy(requests[i].path, names[which]);
			strcpy(requests[i].truth, names[which]);
		}
		outcome = replay(routes, requests, COUNT(requests));
		if (outcome.wrong_late || outcome.wrong > COUNT(requests) / 4)
			fail_msg("%u names, %s: wrong %zu, late %zu", count,
				is_plain ? "plain" : "compound", outcome.wrong, outcome.wrong_late);
		routes_free(routes);
	}
}

static void test_names_tried_one_after_the_other_keep_their_routes(void **state)
{
	struct routes *routes = routes_new(100);
	char name[PATH_LEN] = "/api/";
	size_t wrong = 0;

	(void)state;
	seed = 1;
	for (int i = 0; i < 25; i++) {
		put_word(name + 5, 90000);
		for (int j = 0; j < 200; j++)
			wrong += strcmp(ask(routes, name), name) != 0;
	}
	assert_int_equal(wrong, 0);
	routes_free(routes);
}

static const char *const fixed[] = {"/", "/cart", "/checkout"};

/* Each of the fixed paths, which have their own route from the first request to the last. */
static void assert_fixed(struct routes *routes)
{
	for (size_t i = 0; i < COUNT(fixed); i++)
		assert_string_equal(ask(routes, fixed[i]), fixed[i]);
}

static void test_a_crawler_takes_nothing_from_the_other_routes(void **state)
{
	static const char *const catalogues[] = {
		"/shoes/<slug>", "/hats/<title>", "/coats/<name>/<item>", "/bags/<person>"};

	(void)state;
	/* before the crawler, while it comes, or only after it */
	for (int first = 0; first <= 1138; first += 569) {
		struct routes *routes = routes_new(100);
		struct request request;
		size_t wrong = 0;

		seed = (unsigned)first;
		for (int i = 0; i < 1138; i++) {
			make_request(&request, catalogues[i % 4]);
			for (unsigned times = below(2); times < 2; times++)
				wrong += strcmp(ask(routes, request.path), request.truth) != 0;
			if (i >= first && i % 33 == 0)
				assert_fixed(routes);
		}
		for (int i = 0; i < 34; i++)
			assert_fixed(routes);
		assert_in_range(wrong, 0, 120); /* at most 30 names in each of four places */
		make_request(&request, catalogues[0]);
		assert_string_equal(ask(routes, request.path), "/shoes/{id}");
		routes_free(routes);
	}
}

/* The crawled pages stand beside the fixed ones, and both are plain words. */
static void test_a_crawl_in_the_same_place_delays_a_route_only(void **state)
{
	struct routes *routes = routes_new(100);
	struct request request;

	(void)state;
	seed = 2;
	for (int i = 0; i < 3000; i++) {
		make_request(&request, "/<name>");
		ask(routes, request.path);
		if (i >= 1000 && i % 12 == 0)
			ask(routes, fixed[i / 12 % COUNT(fixed)]);
	}
	assert_fixed(routes);
	make_request(&request, "/<name>");
	assert_string_equal(ask(routes, request.path), "/{id}");
	routes_free(routes);
}

static void test_popular_things_are_few_routes(void **state)
{
	enum { THINGS = 1000 };
	static char names[THINGS][PATH_LEN];
	static double share[THINGS];
	struct routes *routes = routes_new(100);
	double total = 0;
	size_t own = 0;

	(void)state;
	seed = 3;
	for (int i = 0; i < THINGS; i++) {
		strcpy(names[i], "/hats/");
		put_words(names[i] + 6, 2, "-");
		share[i] = total += 1. / (i + 1);
	}
	for (int i = 0; i < 20000; i++) {
		double at = below(1u << 30) / (double)(1u << 30) * total;
		int which = 0;

		while (share[which] < at)
			which++;
		ask(routes, names[which]);
	}
	for (int i = 0; i < THINGS; i++)
		own += strcmp(ask(routes, names[i]), "/hats/{id}") != 0;
	assert_in_range(own, 0, 15);
	routes_free(routes);
}

/* Whoever makes up paths that are answered, of any depth, and repeats them. */
static void test_made_up_paths_do_not_push_out_what_is_in_use(void **state)
{
	static const char *const used[] = {"/", "/cart", "/checkout", "/api/orders", "/api/search",
		"/users/{id}", "/users/{id}/orders", "/login"};
	static const char *const made_up[] = {"/<name>", "/<name>/<name>", "/<name>/<slug>/<name>",
		"/<slug>/<title>/<user>/<file>", "/api/<name>", "/api/<slug>/<name>",
		"/users/<id>/<name>/<name>/<name>"};
	struct routes *routes = routes_new(30);
	struct request request;

	(void)state;
	seed = 4;
	for (int i = 0; i < 100000; i++) {
		make_request(&request, made_up[below(COUNT(made_up))]);
		for (unsigned times = below(30) ? 1 : 20; times; times--)
			ask(routes, request.path);
		if (i < 10 || i % 50 == 0)
			for (size_t j = 0; j < COUNT(used); j++) {
				char path[64], *id;

				strcpy(path, used[j]);
				id = strstr(path, "{id}");
				if (id)
					memcpy(id, "4711", 4);
				assert_string_equal(ask(routes, path), used[j]);
			}
	}
	routes_free(routes);
}

/* What no site would send: it has to stay text of a route, and the memory of routes in order. */
static void test_anything_has_a_route(void **state)
{
	static const char *const pieces[] = {"/", "/", "/", "a", "b", "7", "-", ".", ";x=", "{id}",
		"*", "%2f", "\xff", "word", "long-name-of-words", "?", "@", "0123456789abcdef"};
	static const char *const shapes[] = {"/<name>/<name>/<name>", "/<slug>/<pool>/<slug>",
		"/<pool>/<pool>", "/<pool>/<user>/<name>/<title>/<name>/<file>/<id>"};

	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		struct routes *routes = routes_new(round % 4 ? 1 + below(40) : 10000);
		uint64_t now = SECOND;

		seed = round;
		for (int i = 0; i < 5000; i++) {
			struct request request;
			char service[16];
			const char *route;
			bool folded;

			make_request(&request, shapes[below(COUNT(shapes))]);
			if (below(2)) {
				request.path[0] = '\0';
				for (unsigned count = below(14); count; count--)
					strcat(request.path, pieces[below(COUNT(pieces))]);
			}
			snprintf(service, sizeof(service), "s%u", below(round % 5 ? 3 : 2000));
			if (below(500) == 0)
				now += below(20) * 1000 * SECOND;
			if (below(100) == 0)
				routes_set_limit(routes, 1 + below(50));
			route = routes_template(routes,
				&(struct route_request){.service = service,
					.path = request.path,
					.path_length = strlen(request.path),
					.time_ns = now,
					.learn = below(10) != 0},
				&folded);
			assert_int_equal(route[0], '/');
			assert_true(strlen(route) <= (ROUTE_DEPTH_MAX + 1) * 65);
			assert_null(strpbrk(route, "?;%\xff"));
			assert_null(strstr(route, "//"));
		}
		routes_free(routes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ten_shapes_in_any_order_give_their_ten_routes),
		cmocka_unit_test(test_names_that_come_again_keep_their_routes),
		cmocka_unit_test(test_names_tried_one_after_the_other_keep_their_routes),
		cmocka_unit_test(test_a_crawler_takes_nothing_from_the_other_routes),
		cmocka_unit_test(test_a_crawl_in_the_same_place_delays_a_route_only),
		cmocka_unit_test(test_popular_things_are_few_routes),
		cmocka_unit_test(test_anything_has_a_route),
		cmocka_unit_test(test_made_up_paths_do_not_push_out_what_is_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever programs call themselves, no exposition has two samples with the same labels. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "identity/service.h"
#include "base/utf8.h"
#include "export/prometheus/exposition.h"
#include "export/prometheus/prometheus_metrics.pb-c.h"
#include "source_families.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define ROUNDS            20
#define VALUES            600 /* of each family and round */
#define VALUE_LEN         400

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
	random_state = random_state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % below;
}

/* --- label values as an attacker would choose them --- */

static const char *const names[] = {"_overflow", "_other", "kernel", "sonde", "", "true", "shop",
	"\"", "\\", "\n", "\\n", "\\\"", "\",service_name=\"shop", "_overflow\"}", "_overflow\n",
	"_overflow\xff", "_overflow?", "_overflow ", "+Inf", "\xe2\x80\xae", "\xc3\xa9",
	"e\xcc\x81", "\x01", "?", "caf\xc3", "caf?"};

/* Long ones that differ only behind what is kept of them, or in the last byte of that. */
static void make_long(char value[VALUE_LEN])
{
	size_t length = 250 + any(100);

	memset(value, 'x', length);
	value[length - 1 - any(4)] = (char)('a' + any(3));
	if (any(2))
		memcpy(value + 253 + any(3), "\xe2\x82\xac", 3);
	value[length < 256 ? 256 : length] = '\0';
}

static void make_bytes(char value[VALUE_LEN])
{
	size_t length = any(4);

	for (size_t i = 0; i < length; i++)
		value[i] = (char)(1 + any(255));
	value[length] = '\0';
}

static void make_value(char value[VALUE_LEN])
{
	switch (any(4)) {
	case 0: make_long(value); break;
	case 1: make_bytes(value); break;
	default: strcpy(value, names[any(ARRAY_SIZE(names))]);
	}
}

static void set_any_limits(struct metrics *metrics)
{
	metrics_set_limits(metrics, any(2) ? 100 + any(20000) : 1000000, 20 + any(1000));
}

static void fill_family(struct metrics *metrics, const struct metric_description *description)
{
	struct metric_family *family = metrics_family(metrics, description);

	static char values[METRIC_LABELS_MAX][VALUE_LEN];
	const char *list[METRIC_LABELS_MAX];
	struct metric_series *series;

	for (int i = 0; i < VALUES; i++) {
		for (int label = 0; label < METRIC_LABELS_MAX; label++) {
			if (!label || any(3) == 0)
				make_value(values[label]);
			else
				values[label][0] = '\0';
			list[label] = any(8) ? values[label] : NULL;
		}
		/* names of services are forced to UTF-8 before, so they have no separator */
		for (char *at = values[0]; *at; at++)
			if (*at == SERVICE_PART)
				*at = '?';
		if (any(50) == 0)
			set_any_limits(metrics);
		series = metrics_series(family, list);
		switch (description->type) {
		case METRIC_COUNTER: metric_add(series, 1); break;
		case METRIC_GAUGE: metric_change(series, (int64_t)any(3) - 1); break;
		case METRIC_HISTOGRAM: metric_record(series, any(1000000000)); break;
		}
	}
}

/* --- what must be there once only --- */

struct sample {
	UT_hash_handle hh;
	char key[];
};

static struct sample *samples;

static void assert_new(const char *key, size_t length)
{
	struct sample *sample;

	HASH_FIND(hh, samples, key, length, sample);
	if (sample)
		fail_msg("twice: %.*s", (int)length, key);
	sample = malloc(sizeof(*sample) + length);
	assert_non_null(sample);
	memcpy(sample->key, key, length);
	HASH_ADD_KEYPTR(hh, samples, sample->key, length, sample);
}

static void forget_all(void)
{
	struct sample *sample, *next;

	HASH_ITER(hh, samples, sample, next) {
		HASH_DEL(samples, sample);
		free(sample);
	}
}

static void assert_text(const struct buffer *page)
{
	const char *line = page->text, *stop = page->text + page->length, *end;

	for (size_t at = 0; at < page->length;) {
		uint32_t code;
		size_t step = utf8_decode(page->text + at, page->length - at, &code);

		assert_true(step && (code >= ' ' || code == '\n'));
		at += step;
	}
	for (; line < stop; line = end + 1) {
		end = memchr(line, '\n', (size_t)(stop - line));
		assert_non_null(end);
		if (*line != '#')
			assert_new(line,
				(size_t)((char *)memrchr(line, ' ', (size_t)(end - line)) - line));
	}
	forget_all();
}

static void assert_series_new(
	const Prometheus__MetricFamily *family, const Prometheus__Metric *series)
{
	struct buffer key = {0};

	buffer_append(&key, family->name, strlen(family->name) + 1);
	for (size_t i = 0; i < series->n_label; i++) {
		/* an empty label is none to who reads it */
		assert_true(*series->label[i]->value != '\0');
		buffer_append(&key, series->label[i]->name, strlen(series->label[i]->name) + 1);
		buffer_append(&key, series->label[i]->value, strlen(series->label[i]->value) + 1);
	}
	assert_false(key.failed);
	assert_new(key.text, key.length);
	buffer_free(&key);
}

static void assert_protobuf(const struct buffer *page)
{
	for (size_t at = 0; at < page->length;) {
		size_t length = 0, shift = 0;
		Prometheus__MetricFamily *family;

		do {
			length |= (size_t)(page->text[at] & 0x7f) << shift;
			shift += 7;
		} while (page->text[at++] & 0x80);
		family = prometheus__metric_family__unpack(
			NULL, length, (const uint8_t *)page->text + at);
		assert_non_null(family);
		for (size_t i = 0; i < family->n_metric; i++)
			assert_series_new(family, family->metric[i]);
		prometheus__metric_family__free_unpacked(family, NULL);
		at += length;
	}
	forget_all();
}

static void assert_each_once(const struct metrics *metrics)
{
	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_PROTOBUF; format++) {
		struct exposition exposition = {0};
		struct buffer page = {0};

		exposition_begin(&exposition, metrics, format);
		while (exposition_continue(&exposition, &page, SIZE_MAX / 2))
			;
		exposition_end(&exposition);
		assert_false(page.failed);
		if (format == EXPOSITION_PROTOBUF)
			assert_protobuf(&page);
		else
			assert_text(&page);
		buffer_free(&page);
	}
}

static void test_no_two_samples_have_the_same_labels_whatever_the_limits(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct metrics *metrics = metrics_new(0, 0);
		uint64_t now = 1;

		assert_non_null(metrics);
		set_any_limits(metrics);
		metrics_set_ttl(metrics, 1 + any(1000000000));
		for (size_t place = 0; source_family(place); place++) {
			fill_family(metrics, source_family(place));
			metrics_tick(metrics, now += any(100000000), 1700000000000000000);
		}
		assert_each_once(metrics);
		metrics_free(metrics);
	}
}

/* The one whose labels look like those of the overflow of all. */
static void test_the_overflow_of_a_service_called_overflow_is_that_of_all(void **state)
{
	struct metrics *metrics = metrics_new(8, 2);
	struct metric_family *family =
		metrics_family(metrics, source_family_named("sonde_process_exits_total"));

	(void)state;
	metric_add(metrics_series(family, LABELS("_overflow", "success")), 1);
	metric_add(metrics_series(family, LABELS("_overflow", "error")), 1); /* its limit */
	metric_add(metrics_series(family, LABELS("a", "success")), 1);
	metric_add(metrics_series(family, LABELS("b", "success")), 1);
	metric_add(metrics_series(family, LABELS("c", "success")), 1);
	metric_add(metrics_series(family, LABELS("d", "success")), 1); /* the limit of all */
	assert_each_once(metrics);
	assert_int_equal(metrics_overflowed(metrics), 2);
	metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_two_samples_have_the_same_labels_whatever_the_limits),
		cmocka_unit_test(test_the_overflow_of_a_service_called_overflow_is_that_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

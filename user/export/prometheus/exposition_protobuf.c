/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf (exposition_writer.h): messages of io.prometheus.client.MetricFamily, the length of each
 * before it. A histogram has its classic buckets and the native ones; Prometheus takes those that
 * it is told to.
 *
 * As its length comes first, a message must be there before any of it can be told. So a family is
 * packed series by series, and one that becomes long is told in several messages of the same name,
 * which Prometheus takes as it does those of its own federation.
 */
#include <stdlib.h>

#include "base/protobuf.h"
#include "export/prometheus/exposition_writer.h"
#include "export/prometheus/native_histogram.h"
#include "export/prometheus/prometheus_metrics.pb-c.h"

/* Some 400 histograms: families that are longer are rare, and two copies of it are little. */
#define MESSAGE_BYTES 131072

#define FAMILY_METRIC 4 /* its field number in prometheus_metrics.proto */

static void begin_family(struct exposition *exposition)
{
	static const Prometheus__MetricType types[] = {
		[METRIC_COUNTER] = PROMETHEUS__METRIC_TYPE__COUNTER,
		[METRIC_GAUGE] = PROMETHEUS__METRIC_TYPE__GAUGE,
		[METRIC_HISTOGRAM] = PROMETHEUS__METRIC_TYPE__HISTOGRAM,
	};
	const struct metric_description *description = exposition->family;
	Prometheus__MetricFamily family = PROMETHEUS__METRIC_FAMILY__INIT;

	family.name = (char *)description->name;
	family.help = (char *)description->help;
	family.type = types[description->type];
	if (description->unit)
		family.unit = (char *)description->unit;
	exposition->message.length = 0;
	protobuf_append(&exposition->message, &family.base);

	/* The text is the bound itself, where its nanoseconds are whole ones. */
	for (size_t i = 0; i < description->bound_count; i++)
		exposition->bounds[i] = strtod(description->bounds[i].le, NULL);
}

static void end_family(struct exposition *exposition)
{
	const struct buffer *message = &exposition->message;
	char length[PROTOBUF_VARINT_LEN];

	buffer_append(exposition->out, length, protobuf_put_varint(length, message->length));
	buffer_append(exposition->out, message->text, message->length);
	exposition->message.length = 0;
}

/* --- a series --- */

/* The tree of one that is to be packed: what it consists of, and the pointers that lead there. */
struct tree {
	Prometheus__Metric metric;
	Prometheus__Counter counter;
	Prometheus__Gauge gauge;
	Prometheus__Histogram histogram;
	Prometheus__Timestamp created;
	Prometheus__LabelPair labels[EXPOSITION_LABELS_MAX], *label_list[EXPOSITION_LABELS_MAX];
	Prometheus__Bucket buckets[METRIC_BOUNDS_MAX], *bucket_list[METRIC_BOUNDS_MAX];
	Prometheus__BucketSpan spans[NATIVE_SPANS_MAX], *span_list[NATIVE_SPANS_MAX];
	struct native_histogram native;
};

static void set_labels(struct tree *tree, const struct exposition_label *labels, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tree->labels[i] = (Prometheus__LabelPair)PROMETHEUS__LABEL_PAIR__INIT;
		tree->labels[i].name = (char *)labels[i].name;
		tree->labels[i].value = (char *)labels[i].value;
		tree->label_list[i] = &tree->labels[i];
	}
	tree->metric.label = tree->label_list;
	tree->metric.n_label = count;
}

static void set_classic(struct tree *tree, const struct metric_view *view, const double *bounds)
{
	size_t count = view->description->bound_count;

	for (size_t i = 0; i < count; i++) {
		tree->buckets[i] = (Prometheus__Bucket)PROMETHEUS__BUCKET__INIT;
		tree->buckets[i].cumulative_count = view->cumulative[i];
		tree->buckets[i].upper_bound = bounds[i];
		tree->bucket_list[i] = &tree->buckets[i];
	}
	tree->histogram.bucket = tree->bucket_list;
	tree->histogram.n_bucket = count;
}

static void set_native(struct tree *tree, const struct metric_view *view)
{
	struct native_histogram *native = &tree->native;

	native_histogram_make(native, view->histogram);
	for (size_t i = 0; i < native->span_count; i++) {
		tree->spans[i] = (Prometheus__BucketSpan)PROMETHEUS__BUCKET_SPAN__INIT;
		tree->spans[i].offset = native->spans[i].offset;
		tree->spans[i].length = native->spans[i].length;
		tree->span_list[i] = &tree->spans[i];
	}
	tree->histogram.schema = NATIVE_SCHEMA;
	tree->histogram.zero_threshold = NATIVE_ZERO_THRESHOLD;
	tree->histogram.zero_count = native->zero_count;
	tree->histogram.positive_span = tree->span_list;
	tree->histogram.n_positive_span = native->span_count;
	tree->histogram.positive_delta = native->deltas;
	tree->histogram.n_positive_delta = native->delta_count;
}

static void set_histogram(struct tree *tree, const struct metric_view *view, const double *bounds)
{
	tree->histogram = (Prometheus__Histogram)PROMETHEUS__HISTOGRAM__INIT;
	tree->histogram.sample_count = view->histogram->count;
	tree->histogram.sample_sum = (double)view->histogram->sum_ns / 1e9;
	set_classic(tree, view, bounds);
	set_native(tree, view);
	tree->metric.histogram = &tree->histogram;
}

/* NULL: not known. */
static Prometheus__Timestamp *created_make(struct tree *tree, const struct metric_view *view)
{
	if (!view->created_unix_ns)
		return NULL;
	tree->created = (Prometheus__Timestamp)PROMETHEUS__TIMESTAMP__INIT;
	tree->created.seconds = (int64_t)(view->created_unix_ns / 1000000000);
	tree->created.nanos = (int32_t)(view->created_unix_ns % 1000000000);
	return &tree->created;
}

static void set_value(struct tree *tree, const struct metric_view *view, const double *bounds)
{
	switch (view->description->type) {
	case METRIC_COUNTER:
		tree->counter = (Prometheus__Counter)PROMETHEUS__COUNTER__INIT;
		tree->counter.value = view->value;
		tree->counter.created_timestamp = created_make(tree, view);
		tree->metric.counter = &tree->counter;
		break;
	case METRIC_GAUGE:
		tree->gauge = (Prometheus__Gauge)PROMETHEUS__GAUGE__INIT;
		tree->gauge.value = view->value;
		tree->metric.gauge = &tree->gauge;
		break;
	case METRIC_HISTOGRAM:
		set_histogram(tree, view, bounds);
		tree->histogram.created_timestamp = created_make(tree, view);
		break;
	}
}

static void add_series(struct exposition *exposition, const struct metric_view *view,
	const struct exposition_label *labels, size_t label_count)
{
	struct tree tree; /* 13 KB, of which only what is set is read */

	if (exposition->message.length >= MESSAGE_BYTES) {
		end_family(exposition);
		begin_family(exposition);
	}
	tree.metric = (Prometheus__Metric)PROMETHEUS__METRIC__INIT;
	set_labels(&tree, labels, label_count);
	set_value(&tree, view, exposition->bounds);
	protobuf_append_field(&exposition->message, FAMILY_METRIC, &tree.metric.base);
}

const struct exposition_writer exposition_protobuf = {
	.content_type = "application/vnd.google.protobuf; "
			"proto=io.prometheus.client.MetricFamily; encoding=delimited",
	.begin_family = begin_family,
	.add_series = add_series,
	.end_family = end_family,
};

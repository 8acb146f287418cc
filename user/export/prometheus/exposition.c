/* SPDX-License-Identifier: Apache-2.0 */
/* The way through the registry (exposition.h), which is the same for all formats. */
#include "export/prometheus/exposition.h"

#include "export/prometheus/exposition_writer.h"

#define OVERFLOW_LABEL "otel_metric_overflow"

static const struct exposition_writer *const writers[] = {
	[EXPOSITION_TEXT] = &exposition_text,
	[EXPOSITION_OPENMETRICS] = &exposition_openmetrics,
	[EXPOSITION_PROTOBUF] = &exposition_protobuf,
};

const char *exposition_content_type(enum exposition_format format)
{
	return writers[format]->content_type;
}

static void change_family(
	struct exposition *exposition, const struct metric_description *description)
{
	if (exposition->family && exposition->writer->end_family)
		exposition->writer->end_family(exposition);
	exposition->family = description;
	if (description)
		exposition->writer->begin_family(exposition);
}

static void add_series(void *context, const struct metric_view *view)
{
	struct exposition *exposition = context;
	const struct metric_description *description = view->description;
	struct exposition_label labels[EXPOSITION_LABELS_MAX];
	struct service_labels pod;
	size_t count = 0;

	if (exposition->family != description)
		change_family(exposition, description);
	for (size_t i = 0; description->labels[i]; i++) {
		if (*view->values[i])
			labels[count++] =
				(struct exposition_label){description->labels[i], view->values[i]};
	}
	service_parts_read(&pod, view->parts);
	for (size_t i = 0; i < pod.count; i++)
		labels[count++] = (struct exposition_label){pod.names[i], pod.values[i]};
	if (view->overflow)
		labels[count++] = (struct exposition_label){OVERFLOW_LABEL, "true"};
	exposition->writer->add_series(exposition, view, labels, count);
	if (exposition->labels.failed || exposition->message.failed)
		exposition->out->failed = true;
}

void exposition_begin(
	struct exposition *exposition, const struct metrics *metrics, enum exposition_format format)
{
	*exposition = (struct exposition){.metrics = metrics, .writer = writers[format]};
}

bool exposition_continue(struct exposition *exposition, struct buffer *out, size_t enough)
{
	size_t waited = exposition->message.length;

	exposition->out = out;
	while (out->length + exposition->message.length - waited < enough) {
		if (out->failed)
			return false;
		if (!metrics_visit_next(
			    exposition->metrics, &exposition->cursor, add_series, exposition)) {
			change_family(exposition, NULL);
			if (exposition->writer->end)
				exposition->writer->end(exposition);
			return false;
		}
	}
	return true;
}

void exposition_end(struct exposition *exposition)
{
	buffer_free(&exposition->labels);
	buffer_free(&exposition->message);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A format of exposition.h: how families and their series are written to `exposition->out`. For
 * exposition.c, which calls it for one family after the other.
 */
#ifndef SONDE_EXPOSITION_WRITER_H
#define SONDE_EXPOSITION_WRITER_H

#include "identity/service.h"
#include "export/prometheus/exposition.h"

/* Of a series; no value is empty. */
struct exposition_label {
	const char *name, *value;
};

/* Those of the family, of the pod, and that of overflow. */
#define EXPOSITION_LABELS_MAX (METRIC_LABELS_MAX + SERVICE_LABELS_MAX + 1)

struct exposition_writer {
	const char *content_type;
	/* `exposition->family` is another one; it has a series at least. */
	void (*begin_family)(struct exposition *exposition);
	void (*add_series)(struct exposition *exposition, const struct metric_view *view,
		const struct exposition_label *labels, size_t label_count);
	void (*end_family)(struct exposition *exposition); /* NULL: nothing stands there */
	void (*end)(struct exposition *exposition);        /* of everything; NULL likewise */
};

extern const struct exposition_writer exposition_text;
extern const struct exposition_writer exposition_openmetrics;
extern const struct exposition_writer exposition_protobuf;

#endif

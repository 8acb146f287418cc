/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_labels.h. */
#include "telemetry/tcp/flow_labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "telemetry/metrics/series_key.h"
#include "telemetry/tcp/flows.h"

static struct flow_labels *labels_new(const struct series_key *key)
{
	struct flow_labels *labels = calloc(1, sizeof(*labels) + key->length);
	const char *value;

	if (!labels) {
		log_error("out of memory for labels of connections");
		abort();
	}
	value = memcpy(labels->text, key->text, key->length);
	for (int i = 0; i < FLOW_LABELS; i++, value += strlen(value) + 1)
		labels->values[i] = value;
	return labels;
}

struct flow_labels *flow_labels_keep(struct flow_labels **all, const char *service,
	enum tcp_direction direction, const char *peer, const char *port)
{
	const char *const values[FLOW_LABELS] = {
		service, flow_direction_name(direction), peer, port};
	struct flow_labels *labels;
	struct series_key key;

	series_key_make(&key, values, FLOW_LABELS, false);
	HASH_FIND(hh, *all, key.text, key.length, labels);
	if (!labels) {
		labels = labels_new(&key);
		labels->direction = direction;
		HASH_ADD_KEYPTR(hh, *all, labels->text, key.length, labels);
	}
	labels->users++;
	return labels;
}

void flow_labels_release(struct flow_labels **all, struct flow_labels *labels)
{
	if (!labels || --labels->users)
		return;
	for (int i = 0; i < FLOW_FAMILIES; i++)
		if (labels->series[i])
			metric_release(labels->series[i]);
	HASH_DEL(*all, labels);
	free(labels);
}

bool flow_labels_are(const struct flow_labels *labels, const char *service,
	enum tcp_direction direction, const char *peer, const char *port)
{
	return labels->direction == direction &&
	       strcmp(labels->values[FLOW_SERVICE], service) == 0 &&
	       strcmp(labels->values[FLOW_PEER], peer) == 0 &&
	       strcmp(labels->values[FLOW_PORT], port) == 0;
}

struct metric_series *flow_labels_series(
	struct flow_labels *labels, struct metric_family *const *families, enum family family)
{
	struct metric_series **series = &labels->series[family - FLOW_FAMILY_FIRST];

	/* for what a limit has kept out there may be room by now */
	if (*series && metric_is_overflow(*series)) {
		metric_release(*series);
		*series = NULL;
	}
	if (!*series)
		*series = metric_hold(metrics_series(families[family], labels->values));
	return *series;
}

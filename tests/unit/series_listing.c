/* SPDX-License-Identifier: Apache-2.0 */
/* See series_listing.h. */
#include "series_listing.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct listing {
	FILE *out;
	const char *families;
};

static void list_series(void *context, const struct metric_view *view)
{
	const struct listing *listing = context;
	const struct metric_description *description = view->description;

	if (listing->families && !strstr(listing->families, description->name))
		return;
	fprintf(listing->out, "%s{", description->name);
	for (size_t i = 0; description->labels[i]; i++)
		fprintf(listing->out, i ? ",%s" : "%s", view->values[i]);
	fprintf(listing->out, "}%s ", view->overflow ? "overflow" : "");
	if (view->histogram)
		fprintf(listing->out, "%" PRIu64 " %" PRIu64 "\n", view->histogram->count,
			view->histogram->sum_ns);
	else
		fprintf(listing->out, "%.17g\n",
			view->is_integer ? (double)view->integer : view->value);
}

const char *series_listing(const struct metrics *metrics, const char *families)
{
	static char text[16384];
	struct listing listing = {fmemopen(text, sizeof(text), "w"), families};

	assert(listing.out);
	text[0] = '\0'; /* what is left when nothing is written */
	metrics_visit(metrics, list_series, &listing);
	fclose(listing.out);
	return text;
}

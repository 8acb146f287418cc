/* SPDX-License-Identifier: Apache-2.0 */
/* Sums by service, and their growth since the last look (figures.h). */
#include "export/terminal/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/terminal/service_sums.h"

enum family_kind {
	OF_NO_INTEREST,
	HTTP_SERVED,
	HTTP_CALLED,
	OPEN,
	SENT_BYTES,
	RECEIVED_BYTES,
	SYSCALLS,
	EVENTS
};

/* The places of labels in the family that is being visited; -1: it has no such label. */
struct family_labels {
	const struct metric_description *description;
	enum family_kind kind;
	int service, status, error, syscall, source, outcome;
};

struct figures_reader {
	struct figures figures;
	struct services_summed services;
	struct family_labels family;
	uint64_t read_ns;
	uint64_t seen, seen_before; /* highest number of a series, at this look and the last one */
	const struct figures_service *shown[FIGURES_SERVICES_MAX + 1];
	struct figures_loss losses[FIGURES_LOSSES_MAX];
};

/* --- a look: adding up --- */

static enum family_kind family_kind(const char *name)
{
	static const struct {
		const char *name;
		enum family_kind kind;
	} families[] = {
		{"http_server_request_duration_seconds", HTTP_SERVED},
		{"http_client_request_duration_seconds", HTTP_CALLED},
		{"sonde_tcp_open_connections", OPEN},
		{"sonde_tcp_sent_bytes_total", SENT_BYTES},
		{"sonde_tcp_received_bytes_total", RECEIVED_BYTES},
		{"sonde_syscall_duration_seconds", SYSCALLS},
		{"sonde_events_total", EVENTS},
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strcmp(families[i].name, name) == 0)
			return families[i].kind;
	return OF_NO_INTEREST;
}

static int label_place(const struct metric_description *description, const char *label)
{
	for (int i = 0; description->labels[i]; i++)
		if (strcmp(description->labels[i], label) == 0)
			return i;
	return -1;
}

static void family_enter(struct family_labels *family, const struct metric_description *description)
{
	*family = (struct family_labels){
		.description = description,
		.kind = family_kind(description->name),
		.service = label_place(description, "service_name"),
		.status = label_place(description, "http_response_status_code"),
		.error = label_place(description, "error_type"),
		.syscall = label_place(description, "syscall"),
		.source = label_place(description, "source"),
		.outcome = label_place(description, "outcome"),
	};
}

static const char *label_value(const struct metric_view *view, int place)
{
	return place >= 0 && view->values[place] ? view->values[place] : "";
}

static void add_loss(
	struct figures_reader *reader, const char *source, const char *outcome, double events)
{
	struct figures *figures = &reader->figures;
	struct figures_loss *loss;

	if (events == 0 || strcmp(outcome, "delivered") == 0)
		return;
	figures->lost_events += events;
	if (figures->loss_count == FIGURES_LOSSES_MAX)
		return;
	loss = &reader->losses[figures->loss_count++];
	snprintf(loss->source, sizeof(loss->source), "%s", source);
	snprintf(loss->outcome, sizeof(loss->outcome), "%s", outcome);
	loss->events = events;
}

static void visit_series(void *context, const struct metric_view *view)
{
	struct figures_reader *reader = context;
	const struct family_labels *family = &reader->family;
	struct reading reading = {.services = &reader->services};

	if (view->number != UINT64_MAX && view->number > reader->seen)
		reader->seen = view->number;
	if (view->description != family->description)
		family_enter(&reader->family, view->description);
	if (family->kind == OF_NO_INTEREST)
		return;
	if (family->kind == EVENTS) {
		add_loss(reader, label_value(view, family->source),
			label_value(view, family->outcome), view->value);
		return;
	}
	reading.service = sums_find(&reader->services, label_value(view, family->service));
	if (!reading.service)
		reading.service = &reader->services.others;
	reading.is_moved = reading.service->is_new && view->number <= reader->seen_before;
	switch (family->kind) {
	case HTTP_SERVED:
		sums_add(&reading, REQUESTS, (double)view->histogram->count);
		if (label_value(view, family->status)[0] == '5' ||
			label_value(view, family->error)[0])
			sums_add(&reading, ERRORS, (double)view->histogram->count);
		sums_add_durations(&reading, view->histogram);
		break;
	case HTTP_CALLED: sums_add(&reading, CALLS, (double)view->histogram->count); break;
	case OPEN: reading.service->shown.connections += view->value; break;
	case SENT_BYTES: sums_add(&reading, SENT, view->value); break;
	case RECEIVED_BYTES: sums_add(&reading, RECEIVED, view->value); break;
	case SYSCALLS:
		sums_add_syscall(
			&reading, label_value(view, family->syscall), view->histogram->sum_ns);
		break;
	default: break;
	}
}

/* --- how much they grew --- */

/* Where series were removed there is less than before, which is no growth. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void rank_syscall(struct figures_service *shown, const char *name, double share)
{
	size_t place = FIGURES_BUSIEST;

	while (place > 0 && share > shown->busiest[place - 1].share)
		place--;
	if (place == FIGURES_BUSIEST)
		return;
	memmove(&shown->busiest[place + 1], &shown->busiest[place],
		(FIGURES_BUSIEST - 1 - place) * sizeof(shown->busiest[0]));
	strcpy(shown->busiest[place].name, name);
	shown->busiest[place].share = share;
}

static void show_syscalls(struct service_sums *service, double seconds)
{
	struct figures_service *shown = &service->shown;
	uint64_t total_ns = 0;

	memset(shown->busiest, 0, sizeof(shown->busiest));
	for (size_t i = 0; i < service->syscall_count; i++)
		if (!service->syscalls[i].waits)
			total_ns +=
				grown(service->syscalls[i].now_ns, service->syscalls[i].before_ns);
	shown->syscall_seconds = (double)total_ns / 1e9 / seconds;
	for (size_t i = 0; i < service->syscall_count && total_ns; i++) {
		const struct syscall_time *call = &service->syscalls[i];

		if (!call->waits)
			rank_syscall(shown, call->name,
				(double)grown(call->now_ns, call->before_ns) / (double)total_ns);
	}
}

static void show_durations(struct service_sums *service)
{
	struct histogram growth = {0};

	for (size_t i = 0; service->durations && i < DURATION_BUCKETS; i++) {
		int32_t count =
			(int32_t)(service->durations->now[i] - service->durations->before[i]);

		growth.buckets[i] = count > 0 ? (uint64_t)count : 0;
		growth.count += growth.buckets[i];
	}
	service->shown.p50_ns = histogram_quantile(&growth, 0.5);
	service->shown.p99_ns = histogram_quantile(&growth, 0.99);
}

static void service_show_growth(struct service_sums *service, double seconds)
{
	struct figures_service *shown = &service->shown;
	double rate[SUMS];

	for (int i = 0; i < SUMS; i++)
		rate[i] = fmax(0, service->now[i] - service->before[i]) / seconds;
	shown->requests = rate[REQUESTS];
	shown->errors = rate[ERRORS];
	shown->calls = rate[CALLS];
	shown->received_bytes = rate[RECEIVED];
	shown->sent_bytes = rate[SENT];
	show_durations(service);
	show_syscalls(service, seconds);
}

static void total_add(struct figures_service *total, const struct figures_service *service)
{
	total->requests += service->requests;
	total->errors += service->errors;
	total->calls += service->calls;
	total->received_bytes += service->received_bytes;
	total->sent_bytes += service->sent_bytes;
	total->syscall_seconds += service->syscall_seconds;
	total->connections += service->connections;
}

static bool did_something(const struct figures_service *service)
{
	return service->requests > 0 || service->calls > 0 || service->received_bytes > 0 ||
	       service->sent_bytes > 0 || service->syscall_seconds > 0 || service->connections > 0;
}

static int descending(double a, double b)
{
	return (a < b) - (a > b);
}

/* By what people look for first: requests, then traffic, then work in the kernel. */
static int compare_services(const void *left, const void *right)
{
	const struct figures_service *a = *(const struct figures_service *const *)left;
	const struct figures_service *b = *(const struct figures_service *const *)right;
	int order = descending(a->requests + a->calls, b->requests + b->calls);

	if (!order)
		order = descending(
			a->received_bytes + a->sent_bytes, b->received_bytes + b->sent_bytes);
	if (!order)
		order = descending(a->syscall_seconds, b->syscall_seconds);
	return order ? order : strcmp(a->name, b->name);
}

static int compare_losses(const void *left, const void *right)
{
	const struct figures_loss *a = left, *b = right;

	return descending(a->events, b->events);
}

static void show_service(
	struct figures_reader *reader, struct service_sums *service, double seconds)
{
	struct figures *figures = &reader->figures;

	if (figures->has_rates)
		service_show_growth(service, seconds);
	total_add(&figures->total, &service->shown);
	if (did_something(&service->shown))
		reader->shown[figures->service_count++] = &service->shown;
}

const struct figures *figures_read(
	struct figures_reader *reader, const struct metrics *metrics, uint64_t now_ns)
{
	struct figures *figures = &reader->figures;
	double seconds = (double)(now_ns - reader->read_ns) / 1e9;

	*figures = (struct figures){.services = reader->shown,
		.losses = reader->losses,
		.has_rates = reader->read_ns > 0 && now_ns > reader->read_ns};
	reader->read_ns = now_ns;
	reader->family = (struct family_labels){0};
	sums_begin(&reader->services, metrics);
	reader->seen_before = reader->seen;

	metrics_visit(metrics, visit_series, reader);

	for (struct service_sums *s = reader->services.own; s; s = s->hh.next)
		show_service(reader, s, seconds);
	show_service(reader, &reader->services.others, seconds);
	qsort(reader->shown, figures->service_count, sizeof(reader->shown[0]), compare_services);
	qsort(reader->losses, figures->loss_count, sizeof(reader->losses[0]), compare_losses);
	return figures;
}

/* --- life --- */

struct figures_reader *figures_reader_new(void)
{
	struct figures_reader *reader = calloc(1, sizeof(*reader));

	if (reader)
		strcpy(reader->services.others.shown.name, "(others)");
	return reader;
}

void figures_reader_free(struct figures_reader *reader)
{
	if (!reader)
		return;
	sums_end(&reader->services);
	free(reader);
}

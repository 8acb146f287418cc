/* SPDX-License-Identifier: Apache-2.0 */
/* See service_sums.h. */
#include "export/terminal/service_sums.h"

#include <stdlib.h>
#include <string.h>

#include "telemetry/syscall/syscall_names.h"

#define NO_SERIES UINT64_MAX /* as idle time: the service has gone */

static void text_copy(char *to, size_t size, const char *from)
{
	size_t length = strnlen(from, size - 1);

	memcpy(to, from, length);
	to[length] = '\0';
}

struct service_sums *sums_find(const struct services_summed *services, const char *label)
{
	char name[SERVICE_NAME_LEN];
	struct service_sums *service;

	text_copy(name, sizeof(name), label);
	HASH_FIND_STR(services->own, name, service);
	return service;
}

void sums_add(const struct reading *reading, int sum, double value)
{
	reading->service->now[sum] += value;
	if (!reading->is_moved)
		return;
	reading->service->before[sum] += value;
	reading->services->others.before[sum] -= value;
}

static struct durations_seen *durations_of(struct service_sums *service)
{
	if (!service->durations)
		service->durations = calloc(1, sizeof(*service->durations));
	return service->durations;
}

void sums_add_durations(const struct reading *reading, const struct histogram *histogram)
{
	struct durations_seen *seen = durations_of(reading->service);
	struct durations_seen *others =
		reading->is_moved ? durations_of(&reading->services->others) : NULL;

	for (size_t i = 0; seen && i < DURATION_BUCKETS; i++) {
		seen->now[i] += (uint32_t)histogram->buckets[i];
		if (reading->is_moved)
			seen->before[i] += (uint32_t)histogram->buckets[i];
		if (others)
			others->before[i] -= (uint32_t)histogram->buckets[i];
	}
}

/* NULL: there is no place for it. */
static struct syscall_time *syscall_of(struct service_sums *service, const char *name)
{
	struct syscall_time *call;

	for (size_t i = 0; i < service->syscall_count; i++)
		if (strncmp(service->syscalls[i].name, name, FIGURES_SYSCALL_LEN - 1) == 0)
			return &service->syscalls[i];
	if (service->syscall_count == SYSCALLS_PER_SERVICE_MAX)
		return NULL;
	call = realloc(service->syscalls, (service->syscall_count + 1) * sizeof(*call));
	if (!call)
		return NULL;
	service->syscalls = call;
	call += service->syscall_count++;
	*call = (struct syscall_time){.waits = syscall_name_waits(name)};
	text_copy(call->name, sizeof(call->name), name);
	return call;
}

void sums_add_syscall(const struct reading *reading, const char *name, uint64_t sum_ns)
{
	struct syscall_time *call = syscall_of(reading->service, name), *others;

	if (!call)
		return;
	call->now_ns += sum_ns;
	if (!reading->is_moved)
		return;
	call->before_ns += sum_ns;
	others = syscall_of(&reading->services->others, name);
	if (others)
		others->before_ns -= sum_ns;
}

static void service_forget_growth(struct service_sums *service)
{
	memcpy(service->before, service->now, sizeof(service->before));
	memset(service->now, 0, sizeof(service->now));
	if (service->durations) {
		memcpy(service->durations->before, service->durations->now,
			sizeof(service->durations->before));
		memset(service->durations->now, 0, sizeof(service->durations->now));
	}
	for (size_t i = 0; i < service->syscall_count; i++) {
		service->syscalls[i].before_ns = service->syscalls[i].now_ns;
		service->syscalls[i].now_ns = 0;
	}
	service->shown.connections = 0;
	service->is_new = false;
	service->idle_ns = NO_SERIES;
}

/* --- which services have a place of their own --- */

static void service_mark(void *context, const char *name, uint64_t idle_ns)
{
	struct service_sums *service = sums_find(context, name);

	if (service && service->idle_ns > idle_ns)
		service->idle_ns = idle_ns;
}

static void service_admit(void *context, const char *name, uint64_t idle_ns)
{
	struct services_summed *services = context;
	size_t most = idle_ns < FIGURES_IDLE_NS ? FIGURES_SERVICES_MAX : FIGURES_IDLE_MAX;
	struct service_sums *service;

	if (HASH_COUNT(services->own) >= most || sums_find(services, name))
		return;
	service = calloc(1, sizeof(*service));
	if (!service)
		return;
	text_copy(service->shown.name, sizeof(service->shown.name), name);
	service->is_new = true;
	HASH_ADD_STR(services->own, shown.name, service);
}

static void service_release(struct service_sums *service)
{
	free(service->durations);
	free(service->syscalls);
}

static void service_free(struct services_summed *services, struct service_sums *service)
{
	HASH_DEL(services->own, service);
	service_release(service);
	free(service);
}

/* From here on it counts for the others: what it did so far is no growth of theirs. */
static void service_join_others(struct services_summed *services, struct service_sums *service)
{
	struct durations_seen *durations =
		service->durations ? durations_of(&services->others) : NULL;

	for (int i = 0; i < SUMS; i++)
		services->others.before[i] += service->before[i];
	for (size_t i = 0; durations && i < DURATION_BUCKETS; i++)
		durations->before[i] += service->durations->before[i];
	for (size_t i = 0; i < service->syscall_count; i++) {
		struct syscall_time *call =
			syscall_of(&services->others, service->syscalls[i].name);

		if (call)
			call->before_ns += service->syscalls[i].before_ns;
	}
	service_free(services, service);
}

void sums_begin(struct services_summed *services, const struct metrics *metrics)
{
	struct service_sums *service, *next;

	for (service = services->own; service; service = service->hh.next)
		service_forget_growth(service);
	service_forget_growth(&services->others);

	metrics_visit_services(metrics, service_mark, services);
	HASH_ITER(hh, services->own, service, next) {
		if (service->idle_ns == NO_SERIES)
			service_free(services, service);
		else if (service->idle_ns >= FIGURES_IDLE_NS &&
			 HASH_COUNT(services->own) > FIGURES_IDLE_MAX)
			service_join_others(services, service);
	}
	metrics_visit_services(metrics, service_admit, services);
}

void sums_end(struct services_summed *services)
{
	struct service_sums *service, *next;

	service_release(&services->others);
	HASH_ITER(hh, services->own, service, next)
		service_free(services, service);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See workloads.h. */
#include "kernel/workloads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/iterator.h"
#include "kernel/process_names.h"
#include "kernel/skeleton.h"
#include "startup.h"
#include "table.h"

enum number_state {
	NUMBER_FREE,
	NUMBER_IN_USE, /* told, or found to have a key */
	NUMBER_IDLE,   /* the last pass did not mark it */
	NUMBER_RETIRED /* its key is gone; free unless a pass marks it */
};

struct workloads {
	struct sonde *skeleton;
	record_sink sink;
	void *context;
	__u8 state[WORKLOADS_MAX]; /* enum number_state */
	bool told[WORKLOADS_MAX];
};

struct workloads *workloads_new(struct sonde *skeleton, record_sink sink, void *context)
{
	struct workloads *workloads = calloc(1, sizeof(*workloads));

	if (!workloads)
		return NULL;
	workloads->skeleton = skeleton;
	workloads->sink = sink;
	workloads->context = context;
	for (__u32 number = 1; number < WORKLOADS_MAX; number++) {
		if (bpf_map__update_elem(skeleton->maps.workload_free, NULL, 0, &number,
			    sizeof(number), BPF_ANY)) {
			free(workloads);
			return NULL;
		}
	}
	return workloads;
}

void workloads_free(struct workloads *workloads)
{
	free(workloads);
}

/* --- the tasks that are there --- */

/* Numbers the tasks whose processes have their names in the table, and empties that. */
static void names_use(struct sonde *skeleton)
{
	__u32 tgid;

	iterator_run_once(skeleton->progs.workload_tasks);
	while (!bpf_map__get_next_key(skeleton->maps.workload_names, NULL, &tgid, sizeof(tgid)))
		bpf_map__delete_elem(skeleton->maps.workload_names, &tgid, sizeof(tgid), 0);
}

static void name_hand_over(void *context, __u32 tgid, const char text[SERVICE_NAME_LEN])
{
	struct sonde *skeleton = ((struct workloads *)context)->skeleton;
	struct process_name name = {.source = NAME_ENVIRONMENT};

	memcpy(name.text, text, SERVICE_NAME_LEN);
	if (!bpf_map__update_elem(skeleton->maps.workload_names, &tgid, sizeof(tgid), &name,
		    sizeof(name), BPF_ANY))
		return;
	names_use(skeleton); /* the table is full */
	bpf_map__update_elem(
		skeleton->maps.workload_names, &tgid, sizeof(tgid), &name, sizeof(name), BPF_ANY);
}

int workloads_scan(struct workloads *workloads)
{
	struct sonde *skeleton = workloads->skeleton;

	startup_phase("reading names of processes");
	skeleton->bss->workload_names_follow = true;
	process_names_scan(name_hand_over, workloads);
	names_use(skeleton);
	skeleton->bss->workload_names_follow = false;
	startup_phase("looking at tasks");
	return iterator_run_once(skeleton->progs.workload_tasks);
}

/* --- telling who a number is --- */

/* The text behind `*at`, which moves on; "" where there is none. */
static const char *text_next(const struct workload *workload, size_t *at)
{
	const char *text = workload->text + *at;

	if (*at >= WORKLOAD_TEXT_LEN || !memchr(text, '\0', WORKLOAD_TEXT_LEN - *at))
		return "";
	*at += strlen(text) + 1;
	return text;
}

static void text_keep(char to[NAME_LEN], const char *text)
{
	memcpy(to, text, strnlen(text, NAME_LEN - 1));
}

static void unpack(struct record_workload *record, const struct workload *workload, __u32 number)
{
	size_t at = 0;
	const char *text = text_next(workload, &at);

	memset(record, 0, sizeof(*record));
	record->record.type = RECORD_WORKLOAD;
	record->record.workload = number;
	record->record.time_ns = workload->time_ns;
	record->cgroup_id = workload->cgroup_id;
	record->inode = workload->inode;
	record->device = workload->device;
	record->tgid = workload->tgid;
	record->is_own = workload->is_own;
	memcpy(record->comm, workload->comm, strnlen(workload->comm, COMM_LEN - 1));
	text_keep(workload->name_source == NAME_COMMAND ? record->program : record->service_name,
		text);
	text_keep(record->executable, text_next(workload, &at));
	for (int level = 0; level < CGROUP_LEVELS && *(text = text_next(workload, &at)); level++)
		text_keep(record->cgroup[level], text);
}

static void tell(struct workloads *workloads, __u32 number)
{
	struct record_workload record;
	struct workload workload;

	if (bpf_map__lookup_elem(workloads->skeleton->maps.workloads, &number, sizeof(number),
		    &workload, sizeof(workload), 0) ||
		!workload.time_ns)
		return; /* given back: this is of a socket, say, that outlived its process */
	workloads->told[number] = true;
	unpack(&record, &workload, number);
	workloads->sink(workloads->context, &record.record, sizeof(record));
}

void workloads_pass(struct workloads *workloads, const struct record *record, size_t size)
{
	__u32 number = record->workload;

	if (number && number < WORKLOADS_MAX && !workloads->told[number])
		tell(workloads, number);
	workloads->sink(workloads->context, record, size);
}

/* --- taking numbers back --- */

/* Finds, or removes, the key of a number: user space keeps no copy, as this is rare. */
static void keys_remove(struct workloads *workloads, const bool *retired)
{
	struct bpf_map *map = workloads->skeleton->maps.workload_numbers;
	struct workload_key key, next, *at = NULL;
	__u32 number;

	while (!bpf_map__get_next_key(map, at, &next, sizeof(next))) {
		/* the one before may be removed now, as its follower is known */
		if (at && !bpf_map__lookup_elem(map, at, sizeof(*at), &number, sizeof(number), 0) &&
			retired[number])
			bpf_map__delete_elem(map, at, sizeof(*at), 0);
		key = next;
		at = &key;
	}
	if (at && !bpf_map__lookup_elem(map, at, sizeof(*at), &number, sizeof(number), 0) &&
		retired[number])
		bpf_map__delete_elem(map, at, sizeof(*at), 0);
}

static void give_back(struct workloads *workloads, __u32 number)
{
	struct record end = {.type = RECORD_WORKLOAD_END, .workload = number};
	static const struct workload nobody;

	if (workloads->told[number])
		workloads->sink(workloads->context, &end, sizeof(end));
	workloads->told[number] = false;
	workloads->state[number] = NUMBER_FREE;
	/* nobody's until the probes give it out again, and then it is told anew */
	bpf_map__update_elem(workloads->skeleton->maps.workloads, &number, sizeof(number), &nobody,
		sizeof(nobody), BPF_ANY);
	bpf_map__update_elem(
		workloads->skeleton->maps.workload_free, NULL, 0, &number, sizeof(number), BPF_ANY);
}

/* Numbers with a key are in use, whether or not a record has borne them yet. */
static void keys_mark_in_use(struct workloads *workloads)
{
	struct bpf_map *map = workloads->skeleton->maps.workload_numbers;
	struct workload_key key, *at = NULL;
	__u32 number;

	while (!bpf_map__get_next_key(map, at, &key, sizeof(key))) {
		at = &key;
		if (!bpf_map__lookup_elem(map, at, sizeof(key), &number, sizeof(number), 0) &&
			workloads->state[number] == NUMBER_FREE)
			workloads->state[number] = NUMBER_IN_USE;
	}
}

void workloads_collect(
	struct workloads *workloads, void (*retire)(void *context, __u32 workload), void *context)
{
	struct bpf_map *map = workloads->skeleton->maps.workload_seen;
	bool retired[WORKLOADS_MAX] = {false}, any = false;
	struct by_workload seen;
	const __u32 zero = 0;

	keys_mark_in_use(workloads);
	if (iterator_run_once(workloads->skeleton->progs.workload_tasks) < 0 ||
		bpf_map__lookup_elem(map, &zero, sizeof(zero), &seen, sizeof(seen), 0))
		return;
	for (__u32 number = 1; number < WORKLOADS_MAX; number++) {
		__u8 *state = &workloads->state[number];

		if (*state == NUMBER_FREE)
			continue;
		if (seen.figure[number] == workloads->skeleton->data->workload_pass) {
			/* one without a key serves on until its tasks have gone */
			if (*state == NUMBER_IDLE)
				*state = NUMBER_IN_USE;
		} else if (*state == NUMBER_IN_USE) {
			*state = NUMBER_IDLE;
		} else if (*state == NUMBER_IDLE) {
			*state = NUMBER_RETIRED;
			retired[number] = any = true;
		} else {
			retire(context, number);
			give_back(workloads, number);
		}
	}
	if (any)
		keys_remove(workloads, retired);
	workloads->skeleton->data->workload_pass++;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See workloads.h. */
#include "kernel/sweep/workloads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/startup.h"
#include "core/resource.h"
#include "core/table.h"
#include "kernel/load/skeleton.h"
#include "kernel/process/name_table.h"
#include "kernel/process/process_names.h"
#include "kernel/sweep/iterator.h"
#include "kernel/sweep/shares.h"

/* --- when --- */

/* How often numbers are looked through: while there are plenty, and when half of them are gone. */
#define COLLECT_NS      15000000000ULL
#define COLLECT_SOON_NS 1000000000ULL

/*
 * How long a number waits without a key: what was measured for it may still be on its way, such as
 * a DNS answer that does not come.
 */
#define RETIRED_NS      8000000000ULL
#define RETIRED_SOON_NS 900000000ULL

/* How long a number that a task has need not be asked for: when they are short, and otherwise. */
#define IDLE_SHORT_NS 3000000000ULL
#define IDLE_BLIND_NS 120000000000ULL

#define SHORT_LASTS_NS 10000000000ULL /* after one was missing */

enum number_state {
	NUMBER_FREE,
	NUMBER_IN_USE,
	NUMBER_RETIRED /* its key is gone; free unless somebody uses it */
};

struct number {
	enum number_state state;
	bool reported;
	bool idle;      /* retired, though a task may have it: its name is wanted again */
	__u64 since_ns; /* last used, or retired */
};

struct workloads {
	struct sonde *skeleton;
	record_sink sink;
	void *context;
	struct name_table *names;
	bool sees_all;
	__u64 collected_ns;
	__u64 short_ns;      /* since when numbers are short; 0: they are not */
	__u64 last_short_ns; /* when one was last missing */
	__u32 denied;        /* as of the last collection */
	__u32 moves;         /* between cgroups, when the owners of sockets were last looked at */
	struct number numbers[WORKLOADS_MAX];
};

struct workloads *workloads_new(
	struct sonde *skeleton, bool sees_all, record_sink sink, void *context)
{
	struct workloads *workloads = calloc(1, sizeof(*workloads));

	if (!workloads)
		return NULL;
	workloads->skeleton = skeleton;
	workloads->sees_all = sees_all;
	workloads->sink = sink;
	workloads->context = context;
	workloads->collected_ns = clock_monotonic_ns();
	workloads->names = name_table_new();
	if (!workloads->names)
		goto failed;
	skeleton->bss->shares.of[SHARE_WORKLOADS].left = WORKLOADS_MAX - 1;
	for (__u32 number = 1; number < WORKLOADS_MAX; number++)
		if (bpf_map__update_elem(skeleton->maps.workload_free, NULL, 0, &number,
			    sizeof(number), BPF_ANY))
			goto failed;
	return workloads;
failed:
	workloads_free(workloads);
	return NULL;
}

void workloads_free(struct workloads *workloads)
{
	if (!workloads)
		return;
	name_table_free(workloads->names);
	free(workloads);
}

/* --- the tasks that are there --- */

static void name_hand_over(void *context, __u32 tgid, const struct process_name *found)
{
	struct workloads *workloads = context;
	struct process_name name = {.source = found->source};

	memcpy(name.text, found->text, strnlen(found->text, NAME_LEN - 1));
	name.hash = name_table_hash(&name);
	name_table_put(workloads->names, &name);
	if (bpf_map__update_elem(workloads->skeleton->maps.workload_names, &tgid, sizeof(tgid),
		    &name.hash, sizeof(name.hash), BPF_ANY))
		log_warn("a process's name found no room in the start-up table: it is looked for "
			 "again when it does something",
			log_int("pid", tgid), log_str("name", name.text));
}

int workloads_scan(struct workloads *workloads)
{
	startup_phase("reading names of processes");
	process_names_scan(name_hand_over, workloads);
	startup_phase("looking at tasks");
	return iterator_run_once(workloads->skeleton->progs.workload_tasks);
}

/* --- telling who a number is --- */

/* False: it is nobody's, and this is of a socket, say, that outlived its process. */
static bool description_read(
	const struct workloads *workloads, __u32 number, struct workload *workload)
{
	return !bpf_map__lookup_elem(workloads->skeleton->maps.workloads, &number, sizeof(number),
		       workload, sizeof(*workload), 0) &&
	       workload->time_ns;
}

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

/* The name that the tasks of a number were started under, which the kernel may have forgotten. */
static struct process_name name_of(
	const struct workloads *workloads, const struct workload *workload, size_t *at)
{
	struct process_name name = {
		.hash = workload->key.name_hash, .source = workload->name_source};
	const struct process_name *known;

	text_keep(name.text, text_next(workload, at));
	if (!name.hash || name.text[0])
		return name;
	known = name_table_find(workloads->names, name.hash);
	return known ? *known : name;
}

/* What the command line names goes to a place of its own; the environment's stays together. */
static void name_unpack(struct record_workload *record, const struct process_name *name)
{
	const char *parts;

	if (name->source != NAME_COMMAND) {
		text_keep(record->service_name, name->text);
		return;
	}
	parts = strchrnul(name->text, RESOURCE_SEPARATOR);
	memcpy(record->program, name->text, (size_t)(parts - name->text));
	text_keep(record->service_name, parts);
}

static void unpack(const struct workloads *workloads, struct record_workload *record,
	const struct workload *workload, __u32 number)
{
	size_t at = 0;
	struct process_name name = name_of(workloads, workload, &at);
	const char *text;

	memset(record, 0, sizeof(*record));
	record->record.type = RECORD_WORKLOAD;
	record->record.workload = number;
	record->record.time_ns = workload->time_ns;
	record->cgroup_id = workload->key.cgroup_id;
	record->inode = workload->inode;
	record->device = workload->device;
	record->tgid = workload->tgid;
	record->is_own = workload->key.is_own;
	record->holder = share_holder(workloads->skeleton, number);
	memcpy(record->comm, workload->comm, strnlen(workload->comm, COMM_LEN - 1));
	name_unpack(record, &name);
	text_keep(record->executable, text_next(workload, &at));
	for (int level = 0; level < CGROUP_LEVELS && *(text = text_next(workload, &at)); level++)
		text_keep(record->cgroup[level], text);
}

static void workload_report(struct workloads *workloads, __u32 number)
{
	struct record_workload record;
	struct workload workload;

	if (!description_read(workloads, number, &workload))
		return;
	workloads->numbers[number].reported = true;
	unpack(workloads, &record, &workload, number);
	workloads->sink(workloads->context, &record.record, sizeof(record));
}

void workloads_pass(struct workloads *workloads, const struct record *record, size_t size)
{
	__u32 number = record->workload;

	if (number && number < WORKLOADS_MAX && !workloads->numbers[number].reported)
		workload_report(workloads, number);
	workloads->sink(workloads->context, record, size);
}

/* --- taking numbers back --- */

/* Removes the key by which tasks find a number, and keeps the name that it has, if need be. */
static void key_remove(struct workloads *workloads, __u32 number)
{
	struct bpf_map *map = workloads->skeleton->maps.workload_numbers;
	struct process_name name;
	struct workload workload;
	size_t at = 0;
	__u32 found;

	if (!description_read(workloads, number, &workload))
		return;
	if (workloads->numbers[number].idle && workload.key.name_hash) {
		name = name_of(workloads, &workload, &at);
		if (name.text[0])
			name_table_put(workloads->names, &name);
	}
	if (!bpf_map__lookup_elem(
		    map, &workload.key, sizeof(workload.key), &found, sizeof(found), 0) &&
		found == number)
		bpf_map__delete_elem(map, &workload.key, sizeof(workload.key), 0);
}

static void give_back(struct workloads *workloads, __u32 number)
{
	struct record end = {.type = workloads->numbers[number].idle ? RECORD_WORKLOAD_IDLE
								     : RECORD_WORKLOAD_END,
		.workload = number};
	static const struct workload nobody;

	if (workloads->numbers[number].reported)
		workloads->sink(workloads->context, &end, sizeof(end));
	key_remove(workloads, number); /* of who got it just before it was retired */
	workloads->numbers[number] = (struct number){.state = NUMBER_FREE};
	/* nobody's until the probes give it out again, and then it is reported anew */
	bpf_map__update_elem(workloads->skeleton->maps.workloads, &number, sizeof(number), &nobody,
		sizeof(nobody), BPF_ANY);
	workloads->skeleton->bss->workload_used[number] = 0;
	share_give_back(workloads->skeleton, SHARE_WORKLOADS, number);
	bpf_map__update_elem(
		workloads->skeleton->maps.workload_free, NULL, 0, &number, sizeof(number), BPF_ANY);
}

/* Half of the numbers, or of what is lent with them. */
static bool half_are_gone(const struct workloads *workloads)
{
	return workloads->short_ns ||
	       share_left(workloads->skeleton, SHARE_WORKLOADS) < WORKLOADS_MAX / 2 ||
	       share_left(workloads->skeleton, SHARE_LATENCIES) < LATENCIES_MAX / 2 ||
	       workloads->skeleton->bss->workload_denied != workloads->denied;
}

static __u64 since_collection_ns(const struct workloads *workloads)
{
	return clock_monotonic_ns() - workloads->collected_ns;
}

bool workloads_are_short(const struct workloads *workloads)
{
	return half_are_gone(workloads) && since_collection_ns(workloads) >= COLLECT_SOON_NS;
}

bool workloads_want_collection(const struct workloads *workloads)
{
	return since_collection_ns(workloads) >= COLLECT_NS || workloads_are_short(workloads);
}

/* What one collection knows. */
struct collection {
	__u64 now_ns, idle_ns, retired_ns;
	__u32 pass;
	bool seen; /* the iterator saw all tasks */
	bool retires, frees;
	bool freed[WORKLOADS_MAX];
};

static bool is_idle(const struct workloads *workloads, const struct collection *collection,
	const struct number *number)
{
	/* before numbers were short, nobody was made to ask */
	__u64 since =
		number->since_ns > workloads->short_ns ? number->since_ns : workloads->short_ns;

	return collection->idle_ns && collection->now_ns - since >= collection->idle_ns;
}

static void number_look(struct workloads *workloads, struct collection *collection, __u32 which)
{
	__u32 used = workloads->skeleton->bss->workload_used[which];
	struct number *number = &workloads->numbers[which];
	bool has_task = !collection->seen ||
			workloads->skeleton->bss->workload_seen[which] == collection->pass;

	if (!used)
		return;
	if (number->state == NUMBER_FREE) { /* given out since the last collection */
		number->state = NUMBER_IN_USE;
		number->since_ns = collection->now_ns;
	}
	if (used == collection->pass) {
		number->since_ns = collection->now_ns;
	} else if (number->state == NUMBER_IN_USE) {
		if (has_task && !is_idle(workloads, collection, number))
			return;
		number->idle = has_task;
		number->state = NUMBER_RETIRED;
		number->since_ns = collection->now_ns;
		key_remove(workloads, which);
		collection->retires = true;
	} else if (collection->now_ns - number->since_ns >= collection->retired_ns) {
		collection->freed[which] = collection->frees = true;
	}
}

/* All threads ask for their numbers again. */
static void generation_move(struct workloads *workloads)
{
	__atomic_fetch_add(&workloads->skeleton->data->workload_generation, 1, __ATOMIC_RELEASE);
}

/* It lasts a while, for who finds no number asks again only at the next collection. */
static void short_note(struct workloads *workloads, __u64 now, bool were_denied)
{
	if (were_denied || share_left(workloads->skeleton, SHARE_WORKLOADS) < WORKLOADS_MAX / 4)
		workloads->last_short_ns = now;
	if (!workloads->last_short_ns || now - workloads->last_short_ns >= SHORT_LASTS_NS)
		workloads->short_ns = 0;
	else if (!workloads->short_ns)
		workloads->short_ns = now;
}

/* Processes that were moved to another cgroup take their sockets along, unless numbers are short.
 */
static void owners_look(struct workloads *workloads)
{
	const struct bpf_program *owners = workloads->skeleton->progs.tcp_owners;
	__u32 moves = workloads->skeleton->bss->workload_moves;

	if (workloads->moves == moves || workloads->short_ns || bpf_program__fd(owners) < 0)
		return;
	workloads->moves = moves;
	iterator_run_once(owners);
}

void workloads_collect(struct workloads *workloads,
	void (*retire)(void *context, const bool *retired), void *context)
{
	struct sonde *skeleton = workloads->skeleton;
	__u32 denied = skeleton->bss->workload_denied;
	bool were_denied = denied != workloads->denied, is_soon = half_are_gone(workloads);
	struct collection collection = {
		.now_ns = clock_monotonic_ns(),
		.pass = skeleton->data->workload_pass,
		.retired_ns = is_soon ? RETIRED_SOON_NS : RETIRED_NS,
	};

	workloads->collected_ns = collection.now_ns;
	workloads->denied = denied;
	short_note(workloads, collection.now_ns, were_denied);
	collection.idle_ns = workloads->short_ns   ? IDLE_SHORT_NS
			     : workloads->sees_all ? 0
						   : IDLE_BLIND_NS;
	collection.seen =
		iterator_run_once(skeleton->progs.workload_tasks) >= 0 && workloads->sees_all;
	for (__u32 number = 1; number < WORKLOADS_MAX; number++)
		number_look(workloads, &collection, number);
	if (collection.frees)
		retire(context, collection.freed);
	for (__u32 number = 1; number < WORKLOADS_MAX; number++)
		if (collection.freed[number])
			give_back(workloads, number);
	skeleton->data->workload_pass = collection.pass + 1;
	if (collection.retires || collection.idle_ns || were_denied)
		generation_move(workloads);
	owners_look(workloads);
}

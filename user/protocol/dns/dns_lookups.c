/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See dns_lookups.h.
 *
 * Rings are drained one after the other, so an answer that was received on another CPU than its
 * question was sent from may come first, and so may a piece of a stream. What cannot be placed is
 * held until all that is older has come, and then taken in the order of time: messages over UDP
 * when they answer nothing yet, and all of TCP, which is rare.
 */
#include "protocol/dns/dns_lookups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "protocol/dns/dns_stream.h"
#include "identity/workload_counts.h"

#define BUCKETS 1024 /* a power of two */

/* Servers that one question is known to have gone to; musl asks all of resolv.conf at once. */
#define SERVERS_MAX 3

/* One end of a conversation with servers. A socket that is not connected has several. */
struct end {
	__u8 local[16];
	__u32 netns;
	__u16 port;
	__u8 is_tcp;
};

struct lookup {
	struct lookup *chain_next;
	struct lookup *newer, *older; /* in its list */
	struct end end;
	__u16 id;
	bool is_answered; /* kept on, for what is told twice or comes late */
	__u32 workload;
	__u32 tgid;
	struct record_address address; /* `remote` is the server that was asked first */
	__u8 servers[SERVERS_MAX][16]; /* that were asked, the first ones of */
	__u16 server_count;            /* so many */
	__u64 start_ns;
	__u64 answered_ns;
	struct dns_question question;
};

struct held {
	struct held *next;
	struct record_dns record; /* only `kept` bytes of it */
};

struct list {
	struct lookup *newest, *oldest;
};

struct dns_lookups {
	struct dns_sink sink;
	struct dns_names *names;
	struct dns_streams *streams;
	struct lookup *chains[BUCKETS];
	struct list waiting, answered;
	struct workload_counts waiting_counts;
	__u8 ends_in[WORKLOADS_MAX]; /* so many sweeps; 0: not so far */
	struct lookup *free;
	size_t made;       /* lookups that were ever used: no others take memory */
	struct held *held; /* by time */
	size_t held_count;
	__u64 swept_ns; /* at the end of the last sweep: what is older has come at the next one */
	struct lookup lookups[DNS_LOOKUPS_MAX];
};

struct dns_lookups *dns_lookups_new(const struct dns_sink *sink)
{
	struct dns_lookups *lookups = calloc(1, sizeof(*lookups));

	if (!lookups)
		return NULL;
	lookups->sink = *sink;
	lookups->names = dns_names_new();
	lookups->streams = dns_streams_new();
	if (!lookups->names || !lookups->streams) {
		dns_lookups_free(lookups);
		return NULL;
	}
	return lookups;
}

void dns_lookups_free(struct dns_lookups *lookups)
{
	struct held *held;

	if (!lookups)
		return;
	while ((held = lookups->held)) {
		lookups->held = held->next;
		free(held);
	}
	dns_streams_free(lookups->streams);
	dns_names_free(lookups->names);
	free(lookups);
}

void dns_lookups_configure(struct dns_lookups *lookups, const struct record_resolvers *resolvers)
{
	dns_names_configure(lookups->names, resolvers);
}

const char *dns_name_of(const struct dns_lookups *lookups, const __u8 address[16],
	const struct dns_asker *asker, __u64 now_ns)
{
	return dns_names_find(lookups->names, address, asker, now_ns);
}

/* --- the table --- */

static struct end end_of(const struct record_dns *record)
{
	struct end end;

	memset(&end, 0, sizeof(end)); /* as it is compared byte by byte */
	memcpy(end.local, record->address.local, sizeof(end.local));
	end.netns = record->address.netns;
	end.port = record->address.local_port;
	end.is_tcp = record->is_tcp;
	return end;
}

static struct lookup **chain_of(struct dns_lookups *lookups, const struct end *end, __u16 id)
{
	unsigned mixed = (end->port ^ end->netns) * 0x9e3779b1U ^ id * 0x85ebca6bU;

	return &lookups->chains[mixed >> 16 & (BUCKETS - 1)];
}

/* An answer without a question belongs to the oldest lookup of its id that waits. */
static struct lookup *lookup_find(
	struct dns_lookups *lookups, const struct end *end, const struct dns_message *message)
{
	struct lookup *found = NULL;

	for (struct lookup *lookup = *chain_of(lookups, end, message->id); lookup;
		lookup = lookup->chain_next) {
		if (lookup->id != message->id || memcmp(&lookup->end, end, sizeof(*end)))
			continue;
		if (!message->has_question) {
			if (!lookup->is_answered)
				found = lookup;
		} else if (lookup->question.type == message->question.type &&
			   !strcmp(lookup->question.name, message->question.name)) {
			return lookup;
		}
	}
	return found;
}

static void list_add(struct list *list, struct lookup *lookup)
{
	lookup->newer = NULL;
	lookup->older = list->newest;
	*(list->newest ? &list->newest->newer : &list->oldest) = lookup;
	list->newest = lookup;
}

static void list_remove(struct list *list, struct lookup *lookup)
{
	*(lookup->newer ? &lookup->newer->older : &list->newest) = lookup->older;
	*(lookup->older ? &lookup->older->newer : &list->oldest) = lookup->newer;
}

static void waiting_add(struct dns_lookups *lookups, struct lookup *lookup)
{
	list_add(&lookups->waiting, lookup);
	workload_counts_add(&lookups->waiting_counts, lookup->workload);
}

static void waiting_remove(struct dns_lookups *lookups, struct lookup *lookup)
{
	list_remove(&lookups->waiting, lookup);
	workload_counts_remove(&lookups->waiting_counts, lookup->workload);
}

static void lookup_remove(struct dns_lookups *lookups, struct lookup *lookup)
{
	struct lookup **link = chain_of(lookups, &lookup->end, lookup->id);

	while (*link != lookup)
		link = &(*link)->chain_next;
	*link = lookup->chain_next;
	if (lookup->is_answered)
		list_remove(&lookups->answered, lookup);
	else
		waiting_remove(lookups, lookup);
	lookup->chain_next = lookups->free;
	lookups->free = lookup;
}

static void lookup_lose(struct dns_lookups *lookups, __u32 workload)
{
	struct lookup *lookup = lookups->waiting.oldest;

	while (lookup->workload != workload)
		lookup = lookup->newer;
	lookups->sink.lost(lookups->sink.context, OUTCOME_TABLE_FULL);
	lookups->sink.full(lookups->sink.context, LIMIT_DNS_LOOKUPS, workload);
	lookup_remove(lookups, lookup);
}

/* Room for one; when there is none, that of an old one, which is lost when it still waits. */
static struct lookup *lookup_room(struct dns_lookups *lookups, __u32 workload)
{
	struct lookup *room;

	if (!lookups->free && lookups->made < DNS_LOOKUPS_MAX)
		return &lookups->lookups[lookups->made++];
	if (!lookups->free && lookups->answered.oldest) {
		lookup_remove(lookups, lookups->answered.oldest);
	} else if (!lookups->free) {
		lookup_lose(lookups, workload_counts_giving(
					     &lookups->waiting_counts, workload, DNS_LOOKUPS_MAX));
	}
	room = lookups->free;
	lookups->free = room->chain_next;
	return room;
}

/* --- the ends of lookups --- */

/* `end_ns`: of its answer, or when it was given up. */
static void lookup_report(struct dns_lookups *lookups, const struct lookup *lookup, __u64 end_ns,
	const struct dns_message *answer, bool is_unreachable)
{
	struct dns_lookup over = {
		.workload = lookup->workload,
		.tgid = lookup->tgid,
		.address = lookup->address,
		.is_tcp = lookup->end.is_tcp,
		.id = lookup->id,
		.question = &lookup->question,
		.start_ns = lookup->start_ns,
		/* a send may be known by its end alone, which others overtake */
		.end_ns = end_ns > lookup->start_ns ? end_ns : lookup->start_ns,
		.answer = answer,
		.is_unreachable = is_unreachable,
	};

	lookups->sink.lookup(lookups->sink.context, &over);
}

/* Its time is up. */
static void lookup_expire(struct dns_lookups *lookups, struct lookup *lookup)
{
	if (!lookup->is_answered)
		lookup_report(lookups, lookup, lookup->start_ns + DNS_TIMEOUT_NS, NULL, false);
	lookup_remove(lookups, lookup);
}

static bool is_over(const struct lookup *lookup, __u64 now_ns)
{
	return now_ns >= lookup->start_ns + DNS_TIMEOUT_NS;
}

static void names_keep(struct dns_lookups *lookups, const struct lookup *lookup,
	const struct record_dns *record, const struct dns_message *message)
{
	const struct dns_asker asker = {lookup->workload, lookup->end.netns};
	bool was_full = false;

	for (size_t i = 0; message->has_question && i < message->address_count; i++) {
		const struct dns_answer answer = {
			.address = message->addresses[i].address,
			.server = record->address.remote,
			.name = lookup->question.name,
			.ttl_seconds = message->addresses[i].ttl,
		};

		was_full |= dns_names_add(lookups->names, &asker, &answer, record->record.time_ns);
	}
	if (was_full)
		lookups->sink.full(lookups->sink.context, LIMIT_DNS_NAMES, lookup->workload);
}

/* --- messages --- */

/* A server that was asked. Where the kernel does not tell who sent an answer, any may have. */
static bool is_server_asked(const struct lookup *lookup, const struct record_address *address)
{
	if (!address->remote_port)
		return true;
	for (__u16 i = 0; i < lookup->server_count; i++) {
		const __u8 *server = lookup->servers[i];

		if (!memcmp(server, address->remote, 16) ||
			(address_is_any(server) && address_is_loopback(address->remote)))
			return address->remote_port == lookup->address.remote_port;
	}
	return false;
}

static void server_note(
	struct dns_lookups *lookups, struct lookup *lookup, const struct record_address *address)
{
	const struct dns_asker asker = {lookup->workload, address->netns};

	dns_names_note_asked(lookups->names, &asker, address->remote);
	if (lookup->server_count == SERVERS_MAX ||
		(lookup->server_count && is_server_asked(lookup, address)))
		return;
	memcpy(lookup->servers[lookup->server_count++], address->remote, 16);
}

static void take_query(struct dns_lookups *lookups, const struct record_dns *record,
	const struct dns_message *message)
{
	struct end end = end_of(record);
	struct lookup *lookup = lookup_find(lookups, &end, message);
	__u64 now_ns = record->record.time_ns;

	if (lookup && !is_over(lookup, now_ns)) {
		if (!lookup->is_answered || now_ns <= lookup->answered_ns) {
			server_note(lookups, lookup, &record->address);
			return; /* asked again, or told twice */
		}
		lookup_remove(lookups, lookup);
	} else if (lookup) {
		lookup_expire(lookups, lookup);
	}
	lookup = lookup_room(lookups, record->record.workload);
	*lookup = (struct lookup){.chain_next = *chain_of(lookups, &end, message->id),
		.end = end,
		.id = message->id,
		.workload = record->record.workload,
		.tgid = record->tgid,
		.address = record->address,
		.start_ns = now_ns,
		.question = message->question};
	*chain_of(lookups, &end, message->id) = lookup;
	waiting_add(lookups, lookup);
	server_note(lookups, lookup, &record->address);
}

/* False: it answers nothing that was asked until now. */
static bool take_answer(struct dns_lookups *lookups, const struct record_dns *record,
	const struct dns_message *message)
{
	struct end end = end_of(record);
	struct lookup *lookup = lookup_find(lookups, &end, message);

	if (!lookup)
		return false;
	if (lookup->is_answered || is_over(lookup, record->record.time_ns))
		return true; /* another server's, or too late */
	if (!is_server_asked(lookup, &record->address))
		return true; /* nobody asked this one */
	waiting_remove(lookups, lookup);
	list_add(&lookups->answered, lookup);
	lookup->is_answered = true;
	lookup->answered_ns = record->record.time_ns;
	names_keep(lookups, lookup, record, message);
	lookup_report(lookups, lookup, lookup->answered_ns, message, false);
	return true;
}

/* The server is not there: all that waits at this end has no answer. False: nothing does. */
static bool take_error(struct dns_lookups *lookups, const struct record_dns *record)
{
	struct end end = end_of(record);
	bool any = false;

	for (struct lookup *lookup = lookups->waiting.oldest, *next; lookup; lookup = next) {
		next = lookup->newer;
		if (memcmp(&lookup->end, &end, sizeof(end)))
			continue;
		any = true;
		lookup_report(lookups, lookup, record->record.time_ns, NULL, true);
		lookup_remove(lookups, lookup);
	}
	return any;
}

/* True: it is done with; false: it answers nothing yet. */
static bool take_message(struct dns_lookups *lookups, const struct record_dns *record,
	const __u8 *bytes, size_t length)
{
	struct dns_message message;
	int result;

	if (record->error)
		return take_error(lookups, record);
	result = dns_parse(&message, bytes, length);
	if (result == -EINVAL)
		lookups->sink.lost(lookups->sink.context, OUTCOME_UNPARSABLE);
	if (result || message.is_response != (record->direction == DNS_RECEIVED))
		return true;
	if (message.is_response)
		return take_answer(lookups, record, &message);
	take_query(lookups, record, &message);
	return true;
}

/* --- what cannot be placed yet --- */

/* What answers nothing by now is from before Sonde, or late. */
static void take_in_order(
	void *context, const struct record_dns *record, const __u8 *bytes, size_t length)
{
	take_message(context, record, bytes, length);
}

static void release_until(struct dns_lookups *lookups, __u64 time_ns)
{
	struct held *held;

	while ((held = lookups->held) && held->record.record.time_ns <= time_ns) {
		lookups->held = held->next;
		lookups->held_count--;
		if (held->record.is_tcp)
			dns_streams_take(lookups->streams, &held->record, take_in_order, lookups);
		else
			take_in_order(
				lookups, &held->record, held->record.bytes, held->record.kept);
		free(held);
	}
}

/* Whatever answers something now, as the question has come from another ring since. */
static void held_retry(struct dns_lookups *lookups)
{
	struct held *held, **link = &lookups->held;

	while ((held = *link)) {
		if (held->record.is_tcp || !take_message(lookups, &held->record, held->record.bytes,
						   held->record.kept)) {
			link = &held->next;
			continue;
		}
		*link = held->next;
		lookups->held_count--;
		free(held);
	}
}

static void hold(struct dns_lookups *lookups, const struct record_dns *record)
{
	size_t size = offsetof(struct record_dns, bytes) + record->kept;
	struct held *held = malloc(offsetof(struct held, record) + size), **link;

	if (!held) {
		lookups->sink.lost(lookups->sink.context, OUTCOME_TABLE_FULL);
		return;
	}
	memcpy(&held->record, record, size);
	for (link = &lookups->held; *link; link = &(*link)->next)
		if ((*link)->record.record.time_ns > record->record.time_ns)
			break;
	held->next = *link;
	*link = held;
	if (++lookups->held_count > DNS_HELD_MAX)
		release_until(lookups, lookups->held->record.record.time_ns);
}

void dns_lookups_take(struct dns_lookups *lookups, const struct record_dns *record)
{
	if (record->is_tcp || !take_message(lookups, record, record->bytes, record->kept))
		hold(lookups, record);
}

/* Also of those that were answered: nothing more is expected of them. */
static void lookups_expire(struct dns_lookups *lookups, struct list *list)
{
	while (list->oldest && is_over(list->oldest, lookups->swept_ns))
		lookup_expire(lookups, list->oldest);
}

/* What still waits is told before the number has another name. */
static void workload_forget(struct dns_lookups *lookups, __u32 workload)
{
	struct lookup *next;

	for (struct lookup *lookup = lookups->waiting.oldest; lookup; lookup = next) {
		next = lookup->newer;
		if (lookup->workload == workload)
			lookup_expire(lookups, lookup);
	}
	dns_names_forget(lookups->names, workload);
	lookups->ends_in[workload] = 0;
}

void dns_lookups_begin(struct dns_lookups *lookups, __u32 workload)
{
	workload_forget(lookups, workload);
}

void dns_lookups_end(struct dns_lookups *lookups, __u32 workload)
{
	lookups->ends_in[workload] = 2;
}

static void ended_forget(struct dns_lookups *lookups)
{
	for (__u32 i = 0; i < WORKLOADS_MAX; i++)
		if (lookups->ends_in[i] && !--lookups->ends_in[i])
			workload_forget(lookups, i);
}

void dns_lookups_tick(struct dns_lookups *lookups, __u64 now_ns)
{
	release_until(lookups, lookups->swept_ns);
	held_retry(lookups);
	lookups_expire(lookups, &lookups->waiting);
	lookups_expire(lookups, &lookups->answered);
	ended_forget(lookups);
	dns_names_tidy(lookups->names, now_ns);
	lookups->swept_ns = now_ns;
}

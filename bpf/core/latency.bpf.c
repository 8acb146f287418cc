/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finds and makes the histograms of latency.bpf.h, where the first look of latency_add() fails. */
#include "core/latency.bpf.h"
#include "core/share.bpf.h"

const volatile __u32 shard_mask SETTING = 0;

__u32 latency_places[LATENCY_PLACES] = {};

/* A free histogram, which is nobody's as long as no place has it; or 0. */
static __always_inline __u32 latency_allot(__u32 key)
{
	struct latency *latency;
	__u32 fresh;

	if (bpf_map_pop_elem(&latencies_free, &fresh))
		return 0;
	latency = bpf_map_lookup_elem(&latencies, &fresh);
	if (!latency)
		return 0;
	latency->key = key;
	return fresh;
}

/* What lies at one of the places of a key; its histogram is `key`'s own, or another one's. */
static __always_inline __u32 *latency_place(__u32 key, __u32 try)
{
	return &latency_places[(LATENCY_PLACE(key) + try) & (LATENCY_PLACES - 1)];
}

static __always_inline bool latency_is_of(__u32 which, __u32 key)
{
	struct latency *latency = which ? bpf_map_lookup_elem(&latencies, &which) : NULL;

	return latency && latency->key == key;
}

/* A place of a key that is free; LATENCY_PLACES: none is. */
static __always_inline __u32 latency_free_place(__u32 key)
{
	__u32 place = LATENCY_PLACES, at;

#pragma nounroll
	for (int i = LATENCY_TRIES - 1; i >= 0; i--) {
		at = (LATENCY_PLACE(key) + i) & (LATENCY_PLACES - 1);
		if (!*(volatile __u32 *)&latency_places[at])
			place = at;
	}
	barrier_var(place); /* or the verifier goes on for each place by itself */
	return place;
}

#define SETTLE_TRIES 2 /* as often as another CPU may take a place just then */

/* Puts a histogram to a place of its key that is free. Returns which one is there then. */
static __always_inline __u32 latency_settle(__u32 key, __u32 fresh)
{
	__u32 place, there;

#pragma nounroll
	for (int i = 0; i < SETTLE_TRIES; i++) {
		place = latency_free_place(key);
		if (place >= LATENCY_PLACES)
			return 0;
		there = exchange_if(&latency_places[place], 0, fresh);
		if (!there)
			return fresh;
		if (latency_is_of(there, key))
			return there; /* the other CPU's */
	}
	return 0;
}

/* The histogram of a key where it is not at the first place; 0: there is none. */
static __always_inline __u32 latency_look(__u32 key)
{
	__u32 which;

#pragma nounroll
	for (int i = 0; i < LATENCY_TRIES; i++) {
		which = *(volatile __u32 *)latency_place(key, i);
		if (latency_is_of(which, key))
			return which;
	}
	return 0;
}

/*
 * The histogram of a key, made if need be. Two CPUs may make it at once: the second finds its place
 * taken, and gives its own back. If they find different places, there are two, which are told one
 * by one and added up. It is global, so that the verifier goes through it once, and calls nothing,
 * as HTTP calls it from as deep as the verifier allows.
 */
__noinline __u32 latency_find(__u32 key)
{
	__u32 holder = shares.holder[workload_index(LATENCY_WORKLOAD(key))];
	__u32 which = latency_look(key), fresh;
	struct latency *latency;

	if (which || !share_take(SHARE_LATENCIES, holder, SHARE_TIMES))
		return which;
	fresh = latency_allot(key);
	which = fresh ? latency_settle(key, fresh) : 0;
	if (which && which == fresh)
		return fresh;
	share_return(SHARE_LATENCIES, holder);
	latency = fresh ? bpf_map_lookup_elem(&latencies, &fresh) : NULL;
	if (latency) {
		latency->key = 0;
		bpf_map_push_elem(&latencies_free, &fresh, BPF_ANY);
	}
	return which;
}

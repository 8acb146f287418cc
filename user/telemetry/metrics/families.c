/* SPDX-License-Identifier: Apache-2.0 */
/* See families.h. */
#include "telemetry/metrics/families.h"

/*
 * Powers of two, each of which is exactly a bound in the kernel, too. A bound is a sample in each
 * scrape for each series, so there are few of them where there are many series: native histograms
 * keep all detail.
 */

/* Every second one from 2^-14 s to 2^4 s: waits for other machines and programs. */
const struct metric_bound wait_bounds[] = {
	{61035, "6.103515625e-05"},
	{244140, "0.000244140625"},
	{976562, "0.0009765625"},
	{3906250, "0.00390625"},
	{15625000, "0.015625"},
	{62500000, "0.0625"},
	{250000000, "0.25"},
	{1000000000, "1.0"},
	{4000000000, "4.0"},
	{16000000000, "16.0"},
};

/* Every fourth one from 2^-10 s to 2^18 s: what may last for days. */
const struct metric_bound lifetime_bounds[] = {
	{976562, "0.0009765625"},
	{15625000, "0.015625"},
	{250000000, "0.25"},
	{4000000000, "4.0"},
	{64000000000, "64.0"},
	{1024000000000, "1024.0"},
	{16384000000000, "16384.0"},
	{262144000000000, "262144.0"},
};

/*
 * Every sixth one from 2^-16 s to 2^2 s: from memory, from a disk, late, and what waits. A service
 * makes tens of different calls, so these are most of the series of a quiet machine.
 */
const struct metric_bound call_bounds[] = {
	{15258, "1.52587890625e-05"},
	{976562, "0.0009765625"},
	{62500000, "0.0625"},
	{4000000000, "4.0"},
};

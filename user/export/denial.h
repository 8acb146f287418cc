/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the HTTP server did not answer, by why: for sonde_listener_denied_total{reason}. From any
 * thread.
 */
#ifndef SONDE_DENIAL_H
#define SONDE_DENIAL_H

#include <stdint.h>

enum denial {
	DENIED_MALFORMED,   /* is no HTTP, or can be read in two ways */
	DENIED_TOO_LONG,    /* head or body */
	DENIED_HOST,        /* of another name: DNS rebinding */
	DENIED_CROSS_SITE,  /* a page of another site asks */
	DENIED_NOT_LOCAL,   /* a page for local eyes, asked for from elsewhere or through a proxy */
	DENIED_SLOW_HEAD,   /* not whole in time */
	DENIED_SLOW_READER, /* did not take its answer in time */
	DENIED_GAVE_WAY,    /* to others: there was no room */
	DENIALS
};

void denial_add(enum denial denial);
uint64_t denial_count(enum denial denial);
const char *denial_name(enum denial denial); /* value of the label `reason` */

#endif

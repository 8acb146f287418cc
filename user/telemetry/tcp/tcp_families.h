/* SPDX-License-Identifier: Apache-2.0 */
/* The metric families of TCP, and their labels. docs/metrics.md defines each of them. */
#ifndef SONDE_TCP_FAMILIES_H
#define SONDE_TCP_FAMILIES_H

#include "telemetry/metrics/families.h"

enum tcp_family {
	FAMILY_TCP_CONNECTIONS,
	FAMILY_TCP_OPEN, /* from here to FAMILY_TCP_RTT: see flow_series.h */
	FAMILY_TCP_SENT,
	FAMILY_TCP_RECEIVED,
	FAMILY_TCP_RETRANSMITS,
	FAMILY_TCP_CONNECT,
	FAMILY_TCP_LIFETIME,
	FAMILY_TCP_RTT,
	FAMILY_TCP_RESETS,
	FAMILY_TCP_ACCEPT_QUEUE,
	FAMILY_TCP_ACCEPT_QUEUE_LIMIT,
	FAMILY_TCP_LISTEN_OVERFLOWS,
	FAMILY_TCP_PEERS_FOLDED,
	TCP_FAMILIES
};

/* Of a connection: whose it is, and who is at the other end. */
#define FLOW_LABEL_NAMES "service_name", "direction", "peer", "port"

#define FAMILY_TCP_CONNECTIONS_LABELS        FLOW_LABEL_NAMES, "result"
#define FAMILY_TCP_OPEN_LABELS               FLOW_LABEL_NAMES
#define FAMILY_TCP_SENT_LABELS               FLOW_LABEL_NAMES
#define FAMILY_TCP_RECEIVED_LABELS           FLOW_LABEL_NAMES
#define FAMILY_TCP_RETRANSMITS_LABELS        FLOW_LABEL_NAMES
#define FAMILY_TCP_CONNECT_LABELS            FLOW_LABEL_NAMES
#define FAMILY_TCP_LIFETIME_LABELS           FLOW_LABEL_NAMES
#define FAMILY_TCP_RTT_LABELS                FLOW_LABEL_NAMES
#define FAMILY_TCP_RESETS_LABELS             FLOW_LABEL_NAMES
#define FAMILY_TCP_ACCEPT_QUEUE_LABELS       "service_name", "port"
#define FAMILY_TCP_ACCEPT_QUEUE_LIMIT_LABELS "service_name", "port"
#define FAMILY_TCP_LISTEN_OVERFLOWS_LABELS   "service_name", "port"
#define FAMILY_TCP_PEERS_FOLDED_LABELS       "service_name"

extern const struct metric_description tcp_families[TCP_FAMILIES];

#endif

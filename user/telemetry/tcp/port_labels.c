/* SPDX-License-Identifier: Apache-2.0 */
/* See port_labels.h. */
#include "telemetry/tcp/port_labels.h"

#include <stdio.h>
#include <string.h>

#include "base/limit.h"

/* What a use is worth: one connection outweighs a few attempts. */
#define USES_SERVES  8
#define USES_UNKNOWN 1

void port_label_write(struct label_values *ports, char text[PORT_LABEL_LEN], const char *service,
	enum tcp_direction direction, uint16_t port, bool serves, uint64_t now_ns)
{
	size_t length = strlen(service);
	char owner[length + 2]; /* each direction has places of its own */

	memcpy(owner, service, length);
	owner[length] = direction == TCP_INBOUND ? 'i' : 'o';
	owner[length + 1] = '\0';
	snprintf(text, PORT_LABEL_LEN, "%u", port);
	if (label_values_admit(ports, owner, text, serves ? PORTS_MAX : PORTS_UNKNOWN_MAX,
		    serves ? USES_SERVES : USES_UNKNOWN, now_ns))
		return;
	limit_met(LIMIT_PORTS, service);
	strcpy(text, PORT_OTHER);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One question to user/telemetry/http/route.h, as the tests of it put them. */
#ifndef SONDE_ROUTE_ASK_H
#define SONDE_ROUTE_ASK_H

#include <string.h>

#include "telemetry/http/route.h"

static inline const char *route_ask(struct routes *routes, const char *service, const char *path,
	bool learn, uint64_t time_ns, bool *folded)
{
	return routes_template(routes,
		&(struct route_request){.service = service,
			.path = path,
			.path_length = strlen(path),
			.time_ns = time_ns,
			.learn = learn},
		folded);
}

#endif

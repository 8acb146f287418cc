/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment variables by which OpenTelemetry's specification configures an exporter of OTLP
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/): each stands in for the variable
 * SONDE_… of a key when that is unset, and an empty one is an unset one. Headers are read where
 * they are needed (export/otlp/otlp_http.h), as they are secrets.
 *
 * Called by config.c, and at the start by the daemon.
 */
#ifndef SONDE_CONFIG_OTEL_H
#define SONDE_CONFIG_OTEL_H

#include <stddef.h>

#include "config/config.h"

/* False, with a message in `error`: an endpoint is no URL. */
bool config_otel_apply(struct config *config, char error[CONFIG_ERROR_LEN]);

/*
 * Names of the variables that are set and have no effect, as Sonde does not know them or cannot do
 * what they say, with spaces between; "": there are none. Returns `names`.
 */
const char *config_otel_ignored(char *names, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pods of this node, where Sonde is configured to ask an API server for them: from
 * configuration to kubernetes/kubernetes.h. Called by daemon.c.
 */
#ifndef SONDE_PODS_H
#define SONDE_PODS_H

#include "config/config.h"
#include "kubernetes/kubernetes.h"

/* Before privileges are limited to what is to be read. 1, 0: none is asked, or a logged errno. */
int pods_find(struct kubernetes_place *place, const struct config *config);

/* Main thread; 0, or a negative errno that is logged. Telemetry looks for pods there. */
int pods_begin(struct kubernetes **kubernetes, const struct kubernetes_place *place,
	struct telemetry *telemetry);

#endif

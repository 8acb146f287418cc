/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod as attributes by OpenTelemetry's names, for spans, flow records and the flow log. What is
 * not known of it is left out; of a pod that is not known at all there are none.
 */
#ifndef SONDE_POD_ATTRIBUTES_H
#define SONDE_POD_ATTRIBUTES_H

#include "base/attribute.h"
#include "kubernetes/pod_table.h"

void pod_attributes_visit(const struct pod_identity *pod, attribute_sink sink, void *context);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* See pods.h. */
#include "pods.h"

#include "base/log.h"
#include "version.h"

/* A recording is of another time, and perhaps of another machine. */
int pods_find(struct kubernetes_place *place, const struct config *config)
{
	char error[KUBERNETES_ERROR_LEN];
	struct kubernetes_options options = {
		.mode = *config->replay ? KUBERNETES_OFF : config->kubernetes,
		.source = config->kubernetes_source,
		.api = config->kubernetes_api,
		.token_file = config->kubernetes_token_file,
		.ca_file = config->kubernetes_ca_file,
		.node = config->kubernetes_node,
		.labels = config->kubernetes_labels,
		.label_count = config->kubernetes_label_count,
		.names_by_labels = config->kubernetes_service_labels,
		.knows_peers = config->kubernetes_peers,
	};
	int result = kubernetes_find(place, &options, error);

	if (result < 0)
		log_error("cannot start", log_str("reason", error));
	return result;
}

int pods_begin(struct kubernetes **kubernetes, const struct kubernetes_place *place,
	struct telemetry *telemetry)
{
	char error[KUBERNETES_ERROR_LEN];
	int result;

	if (!*place->api)
		return 0;
	result = kubernetes_start(kubernetes, place, SONDE_VERSION, error);
	if (result)
		log_error("cannot ask for pods", log_str("reason", error));
	else
		telemetry_set_pods(
			telemetry, kubernetes_pods(*kubernetes), kubernetes_peers(*kubernetes));
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Where the API server is, and who asks it (kubernetes.h): keys, or else what a pod is given. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kubernetes/kubernetes.h"

#define KUBELET_PORT    "10250"
#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"

static const char *environment(const char *name)
{
	return getenv(name) ?: "";
}

static bool is_there(const char *path)
{
	return access(path, R_OK) == 0;
}

__attribute__((format(printf, 2, 3))) static int fail(char *error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, KUBERNETES_ERROR_LEN, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static bool put(char *to, size_t size, const char *text)
{
	return (size_t)snprintf(to, size, "%s", text) < size;
}

static bool find_api(struct kubernetes_place *place, const char *configured)
{
	bool is_kubelet = place->source == KUBERNETES_KUBELET;
	const char *host = environment(is_kubelet ? "NODE_IP" : "KUBERNETES_SERVICE_HOST");
	const char *port = is_kubelet ? KUBELET_PORT : environment("KUBERNETES_SERVICE_PORT");
	const char *form = strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s";
	size_t length;

	if (*configured) {
		if (!put(place->api, sizeof(place->api), configured))
			return false;
	} else if (!*host || (size_t)snprintf(place->api, sizeof(place->api), form, host,
				     *port ? port : "443") >= sizeof(place->api)) {
		return false;
	}
	for (length = strlen(place->api); length && place->api[length - 1] == '/'; length--)
		place->api[length - 1] = '\0';
	return strncmp(place->api, "https://", 8) == 0 || strncmp(place->api, "http://", 7) == 0;
}

/* A file of the service account is there or not; one that is configured may come later. */
static bool find_file(char path[KUBERNETES_PATH_LEN], const char *configured, const char *standard)
{
	if (*configured)
		return put(path, KUBERNETES_PATH_LEN, configured);
	return put(path, KUBERNETES_PATH_LEN, is_there(standard) ? standard : "");
}

/* A node is called by a DNS subdomain, in small letters: it goes into a URL. */
static bool find_node(char node[KUBERNETES_NODE_LEN], const char *configured)
{
	const char *given = *configured ? configured : environment("NODE_NAME");

	if (!put(node, KUBERNETES_NODE_LEN, given))
		return false;
	if (!*node && gethostname(node, KUBERNETES_NODE_LEN - 1))
		return false;
	for (char *at = node; *at; at++) {
		*at = (char)tolower((unsigned char)*at);
		if (!isalnum((unsigned char)*at) && *at != '-' && *at != '.')
			return false;
	}
	return *node;
}

int kubernetes_find(struct kubernetes_place *place, const struct kubernetes_options *options,
	char error[KUBERNETES_ERROR_LEN])
{
	*place = (struct kubernetes_place){0};
	if (options->mode == KUBERNETES_OFF)
		return 0;
	if (options->source == KUBERNETES_KUBELET && options->knows_peers)
		return fail(error, "kubernetes-peers: a kubelet knows its own node's pods alone: "
				   "leave this key "
				   "out, or kubernetes-source");
	place->source = options->source;
	if (!find_api(place, options->api)) {
		if (options->mode == KUBERNETES_AUTO && !*options->api)
			goto none; /* this is no pod */
		return fail(error,
			options->source == KUBERNETES_KUBELET
				? "kubernetes: where the kubelet is, is not known: set "
				  "kubernetes-api "
				  "to its URL, such as https://10.0.0.1:10250, or NODE_IP in the "
				  "environment"
				: "kubernetes: where the API server is, is not known: set "
				  "kubernetes-api to its URL, such as https://10.0.0.1:6443");
	}
	if (!find_file(place->token_file, options->token_file, SERVICE_ACCOUNT "token") ||
		!find_file(place->ca_file, options->ca_file, SERVICE_ACCOUNT "ca.crt"))
		return fail(error, "kubernetes: the path of a file is too long");
	if (options->mode == KUBERNETES_AUTO && !*place->token_file)
		goto none; /* a pod without a service account */
	if (!pod_choice_read(&place->choice, options->labels, options->label_count, error))
		return -EINVAL;
	place->choice.names_by_labels = options->names_by_labels;
	place->knows_peers = options->knows_peers;
	if (!find_node(place->node, options->node))
		return fail(error, "kubernetes-node: \"%.100s\" is no name of a node", place->node);
	return 1;
none:
	*place = (struct kubernetes_place){0};
	return 0;
}

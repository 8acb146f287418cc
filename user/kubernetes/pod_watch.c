/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See pod_watch.h. What the API server calls a version is remembered and given back, nothing else.
 * A version that it has forgotten is told in two ways: by the status 410, or by an event ERROR with
 * that code in an answer whose status is 200. Both lead to a new list, which may be a stale one
 * (resourceVersion=0): the watch that follows brings what it lacks, and lists that are served from
 * the API server's memory are what a thousand nodes can ask for at once.
 */
#include "kubernetes/pod_watch.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limit.h"
#include "base/log.h"

#define LIST_SECONDS  60L
#define SPARE_SECONDS 15L /* for a server that ends a watch late */
#define STATUS_GONE   410

#define PODS_OF_NODE "/api/v1/pods?fieldSelector=spec.nodeName%%3D%s&resourceVersion=%s"

const char *const pod_event_names[POD_EVENTS] = {
	[POD_ADDED] = "added",
	[POD_MODIFIED] = "modified",
	[POD_DELETED] = "deleted",
	[POD_BOOKMARK] = "bookmark",
	[POD_ERROR] = "error",
};

static const char *const types[POD_EVENTS] = {
	[POD_ADDED] = "ADDED",
	[POD_MODIFIED] = "MODIFIED",
	[POD_DELETED] = "DELETED",
	[POD_BOOKMARK] = "BOOKMARK",
	[POD_ERROR] = "ERROR",
};

void pod_watch_begin(struct pod_watch *watch, struct pod_table *table, const char *node)
{
	*watch = (struct pod_watch){.table = table, .node = node, .needs_list = true};
}

/* --- documents --- */

/* It goes into a URL again: false for what cannot. */
static bool version_take(struct pod_watch *watch, const json_t *object)
{
	const char *version = json_string_value(
		json_object_get(json_object_get(object, "metadata"), "resourceVersion"));
	size_t length = version ? strlen(version) : 0;

	if (!length || length >= sizeof(watch->version) ||
		strspn(version, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") <
			length)
		return false;
	strcpy(watch->version, version);
	return true;
}

/* False for what is no pod. One that there is no room for is told otherwise. */
static bool pod_set(struct pod_watch *watch, const json_t *object)
{
	struct pod pod;

	if (!pod_read(&pod, object, pod_table_choice(watch->table)))
		return false;
	if (pod_table_set(watch->table, &pod, clock_monotonic_ns()) == -ENOSPC)
		limit_met(LIMIT_PODS, "");
	return true;
}

static bool pod_remove(struct pod_watch *watch, const json_t *object)
{
	struct pod pod;

	if (!pod_read(&pod, object, pod_table_choice(watch->table)))
		return false;
	pod_table_remove(watch->table, pod.uid, clock_monotonic_ns());
	pod_clear(&pod);
	return true;
}

/*
 * A document that is not understood is left out and counted: it may be a single pod with something
 * unheard of in it, which must not cost the others their names.
 */
void pod_watch_take_item(void *context, const char *document, size_t length)
{
	struct pod_watch *watch = context;
	json_t *object = json_loadb(document, length, JSON_ALLOW_NUL, NULL);

	watch->unread += !pod_set(watch, object);
	json_decref(object);
}

static bool take_error(struct pod_watch *watch, const json_t *status)
{
	json_int_t code = json_integer_value(json_object_get(status, "code"));

	watch->needs_list = watch->needs_list || code == STATUS_GONE;
	watch->has_ended = true;
	if (watch->error)
		snprintf(watch->error, API_ERROR_LEN, "status %lld within the watch: %.200s",
			(long long)code,
			json_string_value(json_object_get(status, "message")) ?: "");
	return true;
}

static bool take_typed(struct pod_watch *watch, enum pod_event event, const json_t *object)
{
	watch->events[event]++;
	if (event == POD_ERROR)
		return take_error(watch, object);
	if (!version_take(watch, object))
		return false;
	if (event == POD_BOOKMARK)
		return true;
	return event == POD_DELETED ? pod_remove(watch, object) : pod_set(watch, object);
}

void pod_watch_take_event(void *context, const char *document, size_t length)
{
	struct pod_watch *watch = context;
	json_t *event = json_loadb(document, length, JSON_ALLOW_NUL, NULL);
	const char *type = json_string_value(json_object_get(event, "type"));
	bool is_understood = false;

	for (int i = 0; type && i < POD_EVENTS; i++)
		if (strcmp(type, types[i]) == 0)
			is_understood = take_typed(
				watch, (enum pod_event)i, json_object_get(event, "object"));
	watch->unread += !is_understood;
	json_decref(event);
}

/* --- requests --- */

static int take_bytes(void *context, const char *bytes, size_t length)
{
	struct pod_watch *watch = context;

	return json_stream_feed(&watch->stream, bytes, length);
}

static enum pod_watch_result fail(char *error, const char *reason)
{
	snprintf(error, API_ERROR_LEN, "%s", reason);
	return POD_WATCH_FAILED;
}

/* The list without its items: an object of kind PodList, with the version from which to watch. */
static bool envelope_take(struct pod_watch *watch)
{
	const struct buffer *text = &watch->stream.envelope;
	json_t *list = json_loadb(text->text ?: "", text->length, 0, NULL);
	const char *kind = json_string_value(json_object_get(list, "kind"));
	bool is_list = kind && strcmp(kind, "PodList") == 0 && version_take(watch, list);

	json_decref(list);
	return is_list;
}

static enum pod_watch_result judge(int status, char *error)
{
	if (status == -ECANCELED)
		return POD_WATCH_STOPPED;
	if (status == -EBADMSG)
		return fail(error, "the answer is not what an API server says");
	if (status == -ENOMEM)
		return fail(error, "no memory");
	return status == 200 ? POD_WATCH_DONE : POD_WATCH_FAILED; /* error[] is set */
}

static enum pod_watch_result list(
	struct pod_watch *watch, struct api_client *client, char error[API_ERROR_LEN])
{
	char path[512];
	struct api_request request = {
		.path = path,
		.timeout_seconds = LIST_SECONDS,
		.take = take_bytes,
		.context = watch,
	};
	enum pod_watch_result result;

	snprintf(path, sizeof(path), PODS_OF_NODE, watch->node, "0");
	pod_table_list_begin(watch->table);
	json_stream_begin(&watch->stream, JSON_ITEMS, pod_watch_take_item, watch);
	result = judge(api_client_get(client, &request, error), error);
	if (result == POD_WATCH_DONE &&
		(!json_stream_is_whole(&watch->stream) || !envelope_take(watch)))
		result = fail(error, "the list is not whole");
	watch->unread += watch->stream.oversized;
	json_stream_end(&watch->stream);
	if (result != POD_WATCH_DONE)
		return result;
	pod_table_list_end(watch->table, clock_monotonic_ns());
	watch->lists++;
	watch->needs_list = false;
	return POD_WATCH_DONE;
}

static void watch_opened(void *context)
{
	struct pod_watch *watch = context;

	watch->watches++;
	if (watch->tells)
		watch->tells(watch->context);
}

static enum pod_watch_result watch_once(struct pod_watch *watch, struct api_client *client,
	uint32_t random, char error[API_ERROR_LEN])
{
	char path[512];
	long seconds = WATCH_SECONDS + random % (WATCH_SECONDS / 2);
	struct api_request request = {
		.path = path,
		.timeout_seconds = seconds + SPARE_SECONDS,
		.begin = watch_opened,
		.take = take_bytes,
		.context = watch,
	};
	enum pod_watch_result result;
	int status;

	snprintf(path, sizeof(path),
		PODS_OF_NODE "&watch=true&allowWatchBookmarks=true&timeoutSeconds=%ld", watch->node,
		watch->version, seconds);
	watch->has_ended = false;
	watch->error = error;
	json_stream_begin(&watch->stream, JSON_EVENTS, pod_watch_take_event, watch);
	status = api_client_get(client, &request, error);
	result = judge(status, error);
	if (watch->has_ended)
		result = POD_WATCH_FAILED;
	watch->unread += watch->stream.oversized;
	json_stream_end(&watch->stream);
	watch->error = NULL;
	/* what it answers is nothing to resume from, or it knows no more of that */
	if (status == -EBADMSG || status == STATUS_GONE || status >= 500)
		watch->needs_list = true;
	return result;
}

enum pod_watch_result pod_watch_continue(struct pod_watch *watch, struct api_client *client,
	uint32_t random, char error[API_ERROR_LEN])
{
	return watch->needs_list ? list(watch, client, error)
				 : watch_once(watch, client, random, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See watch.h. What the API server calls a version is remembered and given back, nothing else.
 * A version that it has forgotten is told in two ways: by the status 410, or by an event ERROR with
 * that code in an answer whose status is 200. Both lead to a new list, which may be a stale one
 * (resourceVersion=0): the watch that follows brings what it lacks, and lists that are served from
 * the API server's memory are what a thousand nodes can ask for at once.
 */
#include "kubernetes/watch.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SPARE_SECONDS 15L /* for a server that ends a watch late */
#define STATUS_GONE   410

const char *const watch_event_names[WATCH_EVENTS] = {
	[WATCH_ADDED] = "added",
	[WATCH_MODIFIED] = "modified",
	[WATCH_DELETED] = "deleted",
	[WATCH_BOOKMARK] = "bookmark",
	[WATCH_ERROR] = "error",
};

static const char *const types[WATCH_EVENTS] = {
	[WATCH_ADDED] = "ADDED",
	[WATCH_MODIFIED] = "MODIFIED",
	[WATCH_DELETED] = "DELETED",
	[WATCH_BOOKMARK] = "BOOKMARK",
	[WATCH_ERROR] = "ERROR",
};

void watch_begin(struct watch *watch, const struct watch_kind *kind, void *keeper, const char *path)
{
	*watch = (struct watch){.kind = kind, .keeper = keeper, .needs_list = true};
	snprintf(watch->path, sizeof(watch->path), "%s", path);
}

/* --- documents --- */

/* It goes into a URL again: false for what cannot. */
static bool version_take(struct watch *watch, const json_t *object)
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

/*
 * A document that is not understood is left out and counted: it may be a single one with something
 * unheard of in it, which must not cost the others their names.
 */
void watch_take_item(void *context, const char *document, size_t length)
{
	struct watch *watch = context;
	json_t *object = json_loadb(document, length, JSON_ALLOW_NUL, NULL);

	watch->unread += !watch->kind->set(watch->keeper, object);
	json_decref(object);
}

static bool take_error(struct watch *watch, const json_t *status)
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

static bool take_typed(struct watch *watch, enum watch_event event, const json_t *object)
{
	watch->events[event]++;
	if (event == WATCH_ERROR)
		return take_error(watch, object);
	if (!version_take(watch, object))
		return false;
	if (event == WATCH_BOOKMARK)
		return true;
	return event == WATCH_DELETED ? watch->kind->remove(watch->keeper, object)
				      : watch->kind->set(watch->keeper, object);
}

void watch_take_event(void *context, const char *document, size_t length)
{
	struct watch *watch = context;
	json_t *event = json_loadb(document, length, JSON_ALLOW_NUL, NULL);
	const char *type = json_string_value(json_object_get(event, "type"));
	bool is_understood = false;

	for (int i = 0; type && i < WATCH_EVENTS; i++)
		if (strcmp(type, types[i]) == 0)
			is_understood = take_typed(
				watch, (enum watch_event)i, json_object_get(event, "object"));
	watch->unread += !is_understood;
	json_decref(event);
}

/* --- requests --- */

static int take_bytes(void *context, const char *bytes, size_t length)
{
	struct watch *watch = context;
	int result = json_stream_feed(&watch->stream, bytes, length);

	if (watch->kind->heard)
		watch->kind->heard(watch->keeper);
	return result;
}

static enum watch_result fail(char *error, const char *reason)
{
	snprintf(error, API_ERROR_LEN, "%s", reason);
	return WATCH_FAILED;
}

/* The list without its items: an object of its kind, with the version from which to watch. */
static bool envelope_take(struct watch *watch)
{
	const struct buffer *text = &watch->stream.envelope;
	json_t *list = json_loadb(text->text ?: "", text->length, 0, NULL);
	const char *kind = json_string_value(json_object_get(list, "kind"));
	bool is_list = kind && strcmp(kind, watch->kind->list_kind) == 0 &&
		       (watch->kind->is_polled || version_take(watch, list));

	json_decref(list);
	return is_list;
}

static enum watch_result judge(int status, char *error)
{
	if (status == -ECANCELED)
		return WATCH_STOPPED;
	if (status == -EBADMSG)
		return fail(error, "the answer is not what an API server says");
	if (status == -ENOMEM)
		return fail(error, "no memory");
	return status == 200 ? WATCH_DONE : WATCH_FAILED; /* error[] is set */
}

static enum watch_result list(
	struct watch *watch, struct api_client *client, char error[API_ERROR_LEN])
{
	char path[WATCH_PATH_LEN + 160];
	struct api_request request = {
		.path = path,
		.timeout_seconds = watch->kind->list_seconds,
		.take = take_bytes,
		.context = watch,
	};
	enum watch_result result;

	snprintf(path, sizeof(path), "%s%s", watch->path,
		watch->kind->is_polled ? "" : "resourceVersion=0");
	watch->kind->list_begin(watch->keeper);
	json_stream_begin(&watch->stream, JSON_ITEMS, watch_take_item, watch);
	result = judge(api_client_get(client, &request, error), error);
	if (result == WATCH_DONE &&
		(!json_stream_is_whole(&watch->stream) || !envelope_take(watch)))
		result = fail(error, "the list is not whole");
	watch->unread += watch->stream.oversized;
	json_stream_end(&watch->stream);
	if (result != WATCH_DONE)
		return result;
	watch->kind->list_end(watch->keeper);
	watch->lists++;
	watch->needs_list = watch->kind->is_polled;
	if (watch->kind->is_polled && watch->tells)
		watch->tells(watch->context);
	return WATCH_DONE;
}

static void watch_opened(void *context)
{
	struct watch *watch = context;

	watch->watches++;
	if (watch->kind->opened)
		watch->kind->opened(watch->keeper, true);
	if (watch->tells)
		watch->tells(watch->context);
}

static enum watch_result watch_once(
	struct watch *watch, struct api_client *client, uint32_t random, char error[API_ERROR_LEN])
{
	char path[WATCH_PATH_LEN + 160];
	long seconds = WATCH_SECONDS + random % (WATCH_SECONDS / 2);
	struct api_request request = {
		.path = path,
		.timeout_seconds = seconds + SPARE_SECONDS,
		.begin = watch_opened,
		.take = take_bytes,
		.context = watch,
	};
	enum watch_result result;
	int status;

	snprintf(path, sizeof(path),
		"%sresourceVersion=%s&watch=true&allowWatchBookmarks=true&timeoutSeconds=%ld",
		watch->path, watch->version, seconds);
	watch->has_ended = false;
	watch->error = error;
	json_stream_begin(&watch->stream, JSON_EVENTS, watch_take_event, watch);
	status = api_client_get(client, &request, error);
	if (watch->kind->opened)
		watch->kind->opened(watch->keeper, false);
	result = judge(status, error);
	if (watch->has_ended)
		result = WATCH_FAILED;
	watch->unread += watch->stream.oversized;
	json_stream_end(&watch->stream);
	watch->error = NULL;
	/* what it answers is nothing to resume from, or it knows no more of that */
	if (status == -EBADMSG || status == STATUS_GONE || status >= 500)
		watch->needs_list = true;
	return result;
}

enum watch_result watch_continue(
	struct watch *watch, struct api_client *client, uint32_t random, char error[API_ERROR_LEN])
{
	return watch->needs_list ? list(watch, client, error)
				 : watch_once(watch, client, random, error);
}

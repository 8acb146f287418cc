/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods as an API server tells them: the answers of tests/kubernetes/ are those of
 * Kubernetes 1.34's, asked for the pods of a node. Whole, in pieces, torn, and what is none of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes/pod_watch.h"

#define ANSWERS "tests/kubernetes/"

static char *answer_read(const char *name, size_t *length)
{
	char path[128], *text = NULL;
	FILE *file;
	size_t room = 0;

	snprintf(path, sizeof(path), ANSWERS "%s", name);
	file = fopen(path, "r");
	assert_non_null(file);
	*length = (size_t)getdelim(&text, &room, EOF, file);
	fclose(file);
	return text;
}

/* A watch, and the table that it keeps. */
static struct watch watch;
static struct pod_table *table;

static int begin(void **state)
{
	table = pod_table_new("node1", &pod_choice_none);

	(void)state;
	assert_non_null(table);
	pod_watch_begin(&watch, table, "node1");
	return 0;
}

static int end(void **state)
{
	(void)state;
	pod_table_free(table);
	return 0;
}

static int feed(enum json_stream_kind kind, const char *text, size_t length, size_t piece)
{
	struct json_stream stream;
	int result = 0;

	json_stream_begin(
		&stream, kind, kind == JSON_ITEMS ? watch_take_item : watch_take_event, &watch);
	for (size_t at = 0; at < length && !result; at += piece)
		result = json_stream_feed(
			&stream, text + at, piece < length - at ? piece : length - at);
	if (!result && !json_stream_is_whole(&stream))
		result = -EAGAIN;
	json_stream_end(&stream);
	return result;
}

static int feed_answer(enum json_stream_kind kind, const char *name, size_t piece)
{
	size_t length;
	char *text = answer_read(name, &length);
	int result = feed(kind, text, length, piece);

	free(text);
	return result;
}

/* The ids of the containers in the answers are the digits of such a hash. */
static void assert_container(const char *id, const char *namespace, const char *pod,
	const char *container, enum pod_owner owner, const char *owner_name)
{
	struct pod_identity identity;
	struct pod_service service;

	assert_true(pod_table_find(table, id, "", &identity, &service));
	assert_string_equal(identity.namespace, namespace);
	assert_string_equal(identity.pod, pod);
	assert_string_equal(identity.container, container);
	assert_int_equal(identity.owner, owner);
	assert_string_equal(identity.owner_name, owner_name);
}

#define WEB_1     "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
#define WEB_3     "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"
#define DB        "7bdc25d1694ef984782a16f6f1710c1c6bc83ba7a131b515baf532bea021d011"
#define DB_BEFORE "2600ec4aed3e77a733440332c1a9f4344a93e57c25e065569c03b577eedd2951"
#define DB_AFTER  "66f75e40d5f2c38556db34cb95c41df90a7fe7ea5405267202b2992510702613"
#define LOG       "836ff184e7b41b1e13cb5fd89fa1de98dbbab99e9d2918913ff43b86a5c7c213"
#define REPORT    "845e91831319e89c4d656bdb80c278ac09a7230d61e5dfd2e1b1fbb436ac8917"
#define ONCE      "200651a8b2d5912f692db89468a7d47d86a3ed6844f48f1b15f2be1d9c9a7e5e"
#define BARE      "8728c8b08b6a3b772ae904cc84ca94461f16de9105377ef9e52b215c76dfa4ba"
#define PREPARE   "45666d976bab316d970ec459afd866d9e9a0681ac510f0911f2ac33e9142e51b"
#define DEBUG     "0b8e9e995d8d77f1e4770f0f79665aee6f3f70247b3735422daba73df4c3096f"
#define ETCD      "c38cbd92fce41312f3fbdce60510013b7f0d4004a03b45c8e762f98f1ed4006c"
#define CACHE     "5e1ecee06a7fc06f305ae5c12acfe7a7f67b8ece7af76932ed3afab00c3c6921"
#define BARE_UID  "6dd91196-705f-4cd4-8e6e-7f429e780e97"

static void assert_list_is_known(void)
{
	struct pod_identity identity;
	struct pod_service service;

	assert_container(WEB_1, "shop", "web-5d4f8c7b9-00001", "main", POD_OWNER_DEPLOYMENT, "web");
	assert_container(DB, "shop", "db-0", "main", POD_OWNER_STATEFULSET, "db");
	assert_container(DB_BEFORE, "shop", "db-0", "main", POD_OWNER_STATEFULSET, "db");
	assert_container(LOG, "shop", "log-7xk2p", "main", POD_OWNER_DAEMONSET, "log");
	assert_container(
		REPORT, "shop", "report-29412345-9qwer", "main", POD_OWNER_CRONJOB, "report");
	assert_container(ONCE, "shop", "once-abcde", "main", POD_OWNER_JOB, "once");
	assert_container(BARE, "shop", "bare", "main", POD_OWNER_NONE, "");
	assert_container(PREPARE, "shop", "bare", "prepare", POD_OWNER_NONE, "");
	assert_container(DEBUG, "shop", "bare", "debug", POD_OWNER_NONE, "");
	assert_container(ETCD, "kube-system", "etcd-node1", "etcd", POD_OWNER_NONE, "");

	assert_true(pod_table_find(table, WEB_1, "", &identity, &service));
	assert_string_equal(service.image_version, "1"); /* of localhost/test/busybox:1 */

	/* by its cgroup, as the status may tell of no container yet */
	assert_true(pod_table_find(table, "", BARE_UID, &identity, &service));
	assert_string_equal(identity.pod, "bare");
	assert_string_equal(identity.container, "");
	assert_string_equal(service.name, "checkout");
	assert_true(
		pod_table_find(table, "", "0123456789abcdef0123456789abcdef", &identity, &service));
	assert_string_equal(identity.pod, "etcd-node1");

	assert_false(pod_table_find(table, "", "", &identity, &service));
	assert_false(pod_table_find(table, WEB_3, "", &identity, &service)); /* of another node */
}

static void test_list_names_each_container_and_its_owner(void **state)
{
	(void)state;
	assert_int_equal(feed_answer(JSON_ITEMS, "list.json", SIZE_MAX / 2), 0);
	assert_list_is_known();
	assert_int_equal(watch.unread, 0);
	/* once-abcde has succeeded: it is known, and not there any more */
	assert_int_equal(pod_table_count(table), 6);
}

static void test_list_may_come_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 64; piece += 7) {
		assert_int_equal(feed_answer(JSON_ITEMS, "list.json", piece), 0);
		assert_list_is_known();
	}
}

static void test_envelope_of_a_list_has_its_version(void **state)
{
	struct json_stream stream;
	size_t length;
	char *text = answer_read("list.json", &length);
	json_t *list;

	(void)state;
	json_stream_begin(&stream, JSON_ITEMS, watch_take_item, &watch);
	assert_int_equal(json_stream_feed(&stream, text, length), 0);
	assert_true(json_stream_is_whole(&stream));
	list = json_loadb(stream.envelope.text, stream.envelope.length, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(list, "metadata"), "resourceVersion")),
		"296");
	assert_int_equal(json_array_size(json_object_get(list, "items")), 0);
	json_decref(list);
	json_stream_end(&stream);
	free(text);
}

static void test_watch_tells_what_has_changed(void **state)
{
	(void)state;
	assert_int_equal(feed_answer(JSON_ITEMS, "list.json", 4096), 0);
	for (size_t piece = 1; piece < 16384; piece = piece * 3 + 1) {
		assert_int_equal(feed_answer(JSON_EVENTS, "watch.json", piece), 0);
		assert_container(CACHE, "shop", "cache-0", "main", POD_OWNER_STATEFULSET, "cache");
		assert_container(DB_AFTER, "shop", "db-0", "main", POD_OWNER_STATEFULSET, "db");
		/* containers that ended, and a pod that is gone, are still known */
		assert_container(DB, "shop", "db-0", "main", POD_OWNER_STATEFULSET, "db");
		assert_container(DB_BEFORE, "shop", "db-0", "main", POD_OWNER_STATEFULSET, "db");
		assert_container(
			WEB_1, "shop", "web-5d4f8c7b9-00001", "main", POD_OWNER_DEPLOYMENT, "web");
		assert_int_equal(pod_table_count(table), 6);
		assert_string_equal(watch.version, "362");
	}
	assert_int_equal(watch.unread, 0);
	assert_int_equal(watch.events[WATCH_BOOKMARK] % 3, 0);
	assert_int_not_equal(watch.events[WATCH_BOOKMARK], 0);
}

static void test_version_that_is_forgotten_leads_to_a_list(void **state)
{
	(void)state;
	watch.needs_list = false;
	strcpy(watch.version, "1");
	assert_int_equal(feed_answer(JSON_EVENTS, "gone.json", 7), 0);
	assert_true(watch.needs_list);
	assert_true(watch.has_ended);
	assert_string_equal(watch.version, "1");
}

/* Wherever it ends: what came whole is known, and nothing else. */
/* Of a watch that ends after `cut` bytes, the event that is there as a whole counts. */
static void assert_torn(const char *text, size_t cut, bool is_whole)
{
	uint64_t added = watch.events[WATCH_ADDED];

	feed(JSON_EVENTS, text, cut, 1000);
	assert_int_equal(watch.events[WATCH_ADDED] - added, is_whole);
}

static void test_watch_that_is_torn_keeps_whole_events(void **state)
{
	size_t length, first;
	char *text = answer_read("watch.json", &length);

	(void)state;
	first = (size_t)(strchr(text, '\n') - text);
	for (size_t cut = 0; cut < length; cut += 97)
		assert_torn(text, cut, cut >= first);
	for (size_t cut = first - 19; cut < first + 19; cut++)
		assert_torn(text, cut, cut >= first);
	assert_int_equal(watch.unread, 0);
	free(text);
}

static void test_torn_list_is_not_whole(void **state)
{
	size_t length;
	char *text = answer_read("list.json", &length);

	(void)state;
	while (text[length - 1] == '\n')
		length--;
	for (size_t cut = 0; cut < length; cut += 101)
		assert_int_equal(feed(JSON_ITEMS, text, cut, 1000), -EAGAIN);
	free(text);
}

static void assert_no_stream(enum json_stream_kind kind, const char *text)
{
	assert_int_equal(feed(kind, text, strlen(text), 5), -EBADMSG);
}

static void test_what_no_api_server_says_is_refused(void **state)
{
	(void)state;
	assert_no_stream(JSON_EVENTS, "<html>busy</html>");
	assert_no_stream(JSON_EVENTS, "{\"type\":\"ADDED\"}}");
	assert_no_stream(JSON_EVENTS, "404");
	assert_no_stream(JSON_EVENTS, "[{}]");
	assert_no_stream(JSON_ITEMS, "upstream connect error");
	assert_no_stream(JSON_ITEMS, "{\"items\":[]}{");
	assert_no_stream(JSON_ITEMS, "]");
}

/* One pod with something unheard of in it does not cost the others their names. */
static void test_document_that_is_not_understood_is_left_out(void **state)
{
	static const char list[] =
		"{\"kind\":\"PodList\",\"items\":[{\"metadata\":7},{\"metadata\":{\"uid\":[],"
		"\"name\":{},\"namespace\":null}},{\"a\" \"b\"},{},"
		"{\"metadata\":{\"uid\":\"u\",\"name\":\"n\",\"namespace\":\"s\","
		"\"labels\":[],\"annotations\":1,\"ownerReferences\":{\"x\":1}},"
		"\"status\":{\"containerStatuses\":[1,null,{\"containerID\":\"x://y\"}]}}]}";
	static const char events[] =
		"{\"type\":\"ADDED\"}{\"object\":{}}{\"type\":\"NEW\",\"object\":{}}"
		"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"1&x\"}}}"
		"{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}";
	struct pod_identity identity;
	struct pod_service service;

	(void)state;
	assert_int_equal(feed(JSON_ITEMS, list, strlen(list), 3), 0);
	assert_int_equal(watch.unread, 4);
	assert_true(pod_table_find(table, "", "u", &identity, &service));
	assert_int_equal(feed(JSON_EVENTS, events, strlen(events), 3), 0);
	assert_int_equal(watch.unread, 9);
	assert_string_equal(watch.version, "9");
}

static void test_document_without_end_takes_bounded_memory(void **state)
{
	static const char begin_text[] = "{\"type\":\"ADDED\",\"object\":{\"x\":\"";
	static const char end_text[] = "\"}}{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":"
				       "{\"resourceVersion\":\"5\"}}}";
	struct json_stream stream;
	char piece[4096];

	(void)state;
	memset(piece, 'x', sizeof(piece));
	json_stream_begin(&stream, JSON_EVENTS, watch_take_event, &watch);
	assert_int_equal(json_stream_feed(&stream, begin_text, strlen(begin_text)), 0);
	for (size_t fed = 0; fed < 8 * JSON_DOCUMENT_MAX; fed += sizeof(piece)) {
		assert_int_equal(json_stream_feed(&stream, piece, sizeof(piece)), 0);
		assert_true(stream.document.capacity <= 2 * JSON_DOCUMENT_MAX);
	}
	assert_int_equal(json_stream_feed(&stream, end_text, strlen(end_text)), 0);
	assert_int_equal(stream.oversized, 1);
	assert_string_equal(watch.version, "5"); /* and it goes on */
	json_stream_end(&stream);

	json_stream_begin(&stream, JSON_ITEMS, watch_take_item, &watch);
	assert_int_equal(json_stream_feed(&stream, "{\"kind\":\"", 9), 0);
	for (size_t fed = 0; fed < JSON_ENVELOPE_MAX - sizeof(piece); fed += sizeof(piece))
		assert_int_equal(json_stream_feed(&stream, piece, sizeof(piece)), 0);
	assert_int_equal(json_stream_feed(&stream, piece, sizeof(piece)), -EBADMSG);
	json_stream_end(&stream);
}

/* --- the table --- */

static struct pod *sample(const char *uid, const char *name)
{
	static struct pod pod;

	pod = (struct pod){.namespace = "shop"};
	strcpy(pod.uid, uid);
	strcpy(pod.name, name);
	return &pod;
}

static void test_what_a_new_list_lacks_is_gone_and_still_found(void **state)
{
	struct pod_identity identity;
	struct pod_service service;

	(void)state;
	pod_table_set(table, sample("a", "a"), 1);
	pod_table_set(table, sample("b", "b"), 1);
	pod_table_list_begin(table);
	pod_table_set(table, sample("b", "b"), 2);
	pod_table_list_end(table, 2);
	assert_int_equal(pod_table_count(table), 1);
	assert_true(pod_table_find(table, "", "a", &identity, &service));
	/* until its time is over */
	pod_table_set(table, sample("c", "c"), 3 + POD_KEPT_NS);
	assert_false(pod_table_find(table, "", "a", &identity, &service));
	assert_true(pod_table_find(table, "", "b", &identity, &service));
	assert_true(pod_table_find(table, "", "c", &identity, &service));
}

static void test_list_that_was_cut_short_takes_nothing_away(void **state)
{
	(void)state;
	pod_table_set(table, sample("a", "a"), 1);
	pod_table_list_begin(table);
	pod_table_set(table, sample("b", "b"), 2);
	assert_int_equal(pod_table_count(table), 2);
}

static void test_full_table_lets_those_that_went_first_go(void **state)
{
	struct pod_identity identity;
	struct pod_service service;
	char name[16];

	(void)state;
	for (int i = 0; i < PODS_MAX; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		assert_int_equal(pod_table_set(table, sample(name, name), 1), 0);
	}
	assert_int_equal(pod_table_set(table, sample("new", "new"), 2), -ENOSPC);
	pod_table_remove(table, "p7", 4);
	pod_table_remove(table, "p5", 3);
	assert_int_equal(pod_table_set(table, sample("new", "new"), 5), 0);
	assert_false(pod_table_find(table, "", "p5", &identity, &service));
	assert_true(pod_table_find(table, "", "p7", &identity, &service));
	assert_true(pod_table_find(table, "", "new", &identity, &service));
}

static void test_containers_that_start_over_and_over_are_bounded(void **state)
{
	struct pod_identity identity;
	struct pod_service service;
	char id[POD_ID_LEN + 1];

	(void)state;
	for (int i = 0; i < 3 * POD_CONTAINERS_MAX; i++) {
		struct pod *pod = sample("a", "a");

		snprintf(id, sizeof(id), "%064d", i);
		pod_container_add(pod, id, "main");
		pod_table_set(table, pod, 1);
	}
	assert_true(pod_table_find(table, id, "", &identity, &service));
	snprintf(id, sizeof(id), "%064d", 3 * POD_CONTAINERS_MAX - POD_CONTAINERS_MAX);
	assert_true(pod_table_find(table, id, "", &identity, &service));
	snprintf(id, sizeof(id), "%064d", 0);
	assert_false(pod_table_find(table, id, "", &identity, &service));
}

/* A static pod that is changed keeps its uid of the file's hash only while that is the same. */
static void test_pod_that_is_there_comes_before_one_that_is_gone(void **state)
{
	struct pod_identity identity;
	struct pod_service service;
	struct pod *pod = sample("old", "old");

	(void)state;
	strcpy(pod->config_hash, "hash");
	pod_table_set(table, pod, 1);
	pod_table_remove(table, "old", 2);
	pod = sample("new", "new");
	strcpy(pod->config_hash, "hash");
	pod_table_set(table, pod, 3);
	assert_true(pod_table_find(table, "", "hash", &identity, &service));
	assert_string_equal(identity.pod, "new");
}

static void test_owner_is_found_without_asking_for_it(void **state)
{
	static const struct {
		const char *kind, *name, *hash;
		enum pod_owner owner;
		const char *owner_name;
	} cases[] = {
		{"ReplicaSet", "web-5d4f8c7b9", "5d4f8c7b9", POD_OWNER_DEPLOYMENT, "web"},
		{"ReplicaSet", "a-b-5d4f8c7b9", "5d4f8c7b9", POD_OWNER_DEPLOYMENT, "a-b"},
		{"ReplicaSet", "web-5d4f8c7b9", "other", POD_OWNER_REPLICASET, "web-5d4f8c7b9"},
		{"ReplicaSet", "alone", "", POD_OWNER_REPLICASET, "alone"},
		{"ReplicaSet", "-5d4f", "5d4f", POD_OWNER_REPLICASET, "-5d4f"},
		{"Job", "report-29412345", "", POD_OWNER_CRONJOB, "report"},
		{"Job", "report-1700000000", "", POD_OWNER_CRONJOB, "report"},
		{"Job", "report-2941234", "", POD_OWNER_JOB, "report-2941234"},
		{"Job", "report-29412345x", "", POD_OWNER_JOB, "report-29412345x"},
		{"Job", "29412345", "", POD_OWNER_JOB, "29412345"},
		{"Job", "-29412345", "", POD_OWNER_JOB, "-29412345"},
		{"StatefulSet", "db", "", POD_OWNER_STATEFULSET, "db"},
		{"DaemonSet", "log", "", POD_OWNER_DAEMONSET, "log"},
		{"ReplicationController", "rc", "", POD_OWNER_REPLICATIONCONTROLLER, "rc"},
		{"Node", "node1", "", POD_OWNER_NONE, ""},
		{"Sandbox", "mine", "", POD_OWNER_OTHER, "mine"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *object = json_pack("{s:{s:s,s:s,s:s,s:{s:s},s:[{s:s,s:s},{s:s,s:s,s:b}]}}",
			"metadata", "uid", "u", "name", "n", "namespace", "s", "labels",
			"pod-template-hash", cases[i].hash, "ownerReferences", "kind", "Other",
			"name", "no-controller", "kind", cases[i].kind, "name", cases[i].name,
			"controller", 1);
		struct pod pod;

		assert_true(pod_read(&pod, object, &pod_choice_none));
		assert_int_equal(pod.owner, cases[i].owner);
		assert_string_equal(pod.owner_name, cases[i].owner_name);
		pod_clear(&pod);
		json_decref(object);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list_names_each_container_and_its_owner),
		TEST(test_list_may_come_in_pieces_of_any_size),
		TEST(test_envelope_of_a_list_has_its_version),
		TEST(test_watch_tells_what_has_changed),
		TEST(test_version_that_is_forgotten_leads_to_a_list),
		TEST(test_watch_that_is_torn_keeps_whole_events),
		TEST(test_torn_list_is_not_whole),
		TEST(test_what_no_api_server_says_is_refused),
		TEST(test_document_that_is_not_understood_is_left_out),
		TEST(test_document_without_end_takes_bounded_memory),
		TEST(test_what_a_new_list_lacks_is_gone_and_still_found),
		TEST(test_list_that_was_cut_short_takes_nothing_away),
		TEST(test_full_table_lets_those_that_went_first_go),
		TEST(test_containers_that_start_over_and_over_are_bounded),
		TEST(test_pod_that_is_there_comes_before_one_that_is_gone),
		TEST(test_owner_is_found_without_asking_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

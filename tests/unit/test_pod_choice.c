/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of pods by choice: node, labels and annotations, of the pods of tests/kubernetes/.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kubernetes/pod.h"

static struct pod_choice choice;
static char error[POD_CHOICE_ERROR_LEN];

static void read_recorded(struct pod *pod, const char *name)
{
	json_t *list = json_load_file("tests/kubernetes/list.json", 0, NULL), *item;
	size_t i;

	assert_non_null(list);
	pod->name[0] = '\0';
	json_array_foreach(json_object_get(list, "items"), i, item)
	{
		assert_true(pod_read(pod, item, &choice));
		pod_clear(pod);
		if (strcmp(pod->name, name) == 0)
			break;
	}
	assert_string_equal(pod->name, name);
	json_decref(list);
}

static void test_labels_and_annotations_that_were_chosen_are_kept(void **state)
{
	char *items[] = {"owner", "node", "label:app", "annotation:team",
		"annotation:kubernetes.io/config.source", "label:pod-template-hash"};
	struct pod pod;

	(void)state;
	assert_true(pod_choice_read(&choice, items, 6, error));
	assert_true(choice.tells_node && !choice.tells_pod);
	assert_string_equal(
		choice.chosen[2].attribute, "k8s.pod.annotation.kubernetes.io/config.source");
	read_recorded(&pod, "web-5d4f8c7b9-00001");
	assert_string_equal(pod.chosen[0], "web");
	assert_string_equal(pod.chosen[1], "");
	assert_string_equal(pod.chosen[3], "5d4f8c7b9");
	read_recorded(&pod, "etcd-node1");
	assert_string_equal(pod.chosen[0], "");
	assert_string_equal(pod.chosen[2], "file");
}

static void assert_chosen(char *first, char *second, bool is_right)
{
	char *items[] = {first, second};

	error[0] = '\0';
	assert_int_equal(pod_choice_read(&choice, items, 2, error), is_right);
	assert_int_equal(error[0] != '\0', !is_right);
}

static void test_choice_has_bounds_and_no_two_of_one_name(void **state)
{
	char *five[] = {"label:a", "label:b", "label:c", "annotation:d", "annotation:e"};
	char name[POD_CHOSEN_NAME_LEN];

	(void)state;
	assert_true(pod_choice_read(&choice, five, 4, error));
	assert_false(pod_choice_read(&choice, five, 5, error));
	assert_chosen("label:a.b", "annotation:a.b", true);
	assert_chosen("label:a.b", "label:a-b", false);
	assert_chosen("label:a", "label:a", false);
	pod_choice_label_name(name, "k8s.pod.label.app.kubernetes.io/name");
	assert_string_equal(name, "k8s_pod_label_app_kubernetes_io_name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels_and_annotations_that_were_chosen_are_kept),
		cmocka_unit_test(test_choice_has_bounds_and_no_two_of_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

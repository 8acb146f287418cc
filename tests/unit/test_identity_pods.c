/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: known by their cgroups, what they name, and the labels that they give. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "identity/service.h"
#include "workload_cgroup.h"

/* The same layouts, with what the kubelet calls the pod and the container. */
static void test_pod_and_its_container_are_known_by_their_cgroups(void **state)
{
	static const struct {
		const char *cgroup, *uid, *container, *pod_container;
	} cases[] = {
		/* the systemd driver, in each class of service; containerd, CRI-O, Docker */
		{"/kubepods.slice/kubepods-burstable.slice/" POD "/cri-containerd-" ID ".scope",
			UID, ID, ID},
		{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_UNDERSCORES
		 ".slice/crio-" ID ".scope/container",
			UID, ID, ID},
		{"/kubepods.slice/kubepods-pod" UID_UNDERSCORES ".slice/docker-" ID ".scope", UID,
			ID, ID},
		/* the cgroupfs driver */
		{"/kubepods/besteffort/pod" UID "/" ID, UID, ID, ID},
		{"/kubepods/burstable/pod" UID "/crio-" ID, UID, ID, ID},
		{"/kubepods/pod" UID "/" ID "/worker", UID, ID, ID},
		{"/custom/kubepods/pod" UID "/" ID, UID, ID, ID},
		/* a runtime that was told of systemd, and does without */
		{"/" POD ":cri-containerd:" ID, UID, ID, ID},
		{"/system.slice/containerd.service/" POD ":cri-containerd:" ID, UID, ID, ID},
		{"/system.slice/k3s.service/kubepods-pod" UID_UNDERSCORES ".slice:crio:" ID
		 "/init.scope",
			UID, ID, ID},
		/* static pods: the hash of their configuration, or a uid as any other */
		{"/kubepods/burstable/pod" HASH "/" ID, HASH, ID, ID},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HASH
		 ".slice/cri-containerd-" ID ".scope",
			HASH, ID, ID},
		/* nodes that are containers themselves */
		{"/docker/" OTHER "/kubelet/kubepods/besteffort/pod" UID "/" ID, UID, ID, ID},
		{"/docker-" OTHER ".scope/kubelet.slice/kubelet-kubepods.slice/"
		 "kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" UID_UNDERSCORES
		 ".slice/cri-containerd-" ID ".scope",
			UID, ID, ID},
		/* Docker and systemd within a pod */
		{"/kubepods/burstable/pod" UID "/" OTHER "/docker/" ID, UID, ID, OTHER},
		{"/kubepods.slice/kubepods-burstable.slice/" POD "/cri-containerd-" OTHER
		 ".scope/system.slice/docker-" ID ".scope",
			UID, ID, OTHER},
		{"/kubepods/burstable/pod" UID "/" ID "/system.slice/nginx.service", UID, ID, ID},
		/* what is of the pod, and in none of its containers */
		{"/kubepods/burstable/pod" UID, UID, "", ""},
		{"/kubepods/burstable/pod" UID "/x/" ID, UID, ID, ""},
		/* no pods */
		{"/docker/" ID, "", ID, ""},
		{"/k8s.io/" ID, "", ID, ""},
		{"/kubepods.slice/kubepods-besteffort.slice/crio-" ID ".scope/container", "", ID,
			""},
		{"/machine.slice/machine-libpod_pod_" OTHER ".slice/libpod-" ID ".scope", "", ID,
			""},
		/* what only looks like them */
		{"/kubepods/burstable/pod0f5c/" ID, "", ID, ""},
		{"/kubepods/burstable/pod" UID "x/" ID, "", ID, ""},
		{"/kubepods/burstable/pod" UID_UNDERSCORES "/" ID, "", ID, ""},
		{"/kubepods/burstable/pod" HASH "0/" ID, "", ID, ""},
		{"/kubepods/burstable/xpod" UID "/" ID, "", ID, ""},
		{"/kubepods-burstable-pod" UID ".slice/" ID, "", ID, ""},
		{"/kubepods-burstable-pod" UID_UNDERSCORES ".slicer/" ID, "", ID, ""},
		{"/podium-pod" UID_UNDERSCORES ".slice/" ID, "", ID, ""},
		{"/kubepods-", "", "", ""},
		{"/pod", "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_workload workload = in_cgroup(cases[i].cgroup);
		struct service service;

		service_from_workload(&service, &workload);
		assert_string_equal(service.pod_uid, cases[i].uid);
		assert_string_equal(service.container_id, cases[i].container);
		assert_string_equal(service.pod_container_id, cases[i].pod_container);
	}
}

static const struct pod_identity web = {
	.namespace = "shop",
	.pod = "web-5d4f8c7b9-00001",
	.pod_uid = UID,
	.container = "main",
	.owner = POD_OWNER_DEPLOYMENT,
	.owner_name = "web",
	.node = "node1",
	.choice = &pod_choice_none,
	.chosen = {"a=b", "", "ü", "last"},
};

static const struct pod_choice by_owner, by_labels = {.names_by_labels = true};
static const struct pod_service says_nothing;

static void assert_pod_names(struct pod_identity pod, const char *annotated, const char *cgroup,
	const char *own_name, const char *name)
{
	struct pod_service said = {0};
	struct record_workload workload = in_cgroup(cgroup);
	struct service service;

	strcpy(workload.service_name, own_name);
	service_from_workload(&service, &workload);
	strcpy(said.name, annotated);
	service_set_pod(&service, &pod, &said);
	assert_string_equal(service.name, name);
}

/* The rules of OpenTelemetry, below what the process says itself. */
static void test_pod_names_its_service(void **state)
{
	static const char container[] = "/kubepods/burstable/pod" UID "/" ID;
	struct pod_identity pod = web;

	(void)state;
	assert_pod_names(pod, "", container, "", "web");
	assert_pod_names(pod, "", container, "orders", "orders");
	assert_pod_names(pod, "",
		"/kubepods/burstable/pod" UID "/" ID "/system.slice/nginx.service", "", "nginx");
	assert_pod_names(pod, "checkout", container, "", "checkout");
	strcpy(pod.owner_name, "");
	assert_pod_names(pod, "", container, "", "web-5d4f8c7b9-00001");
	strcpy(pod.owner_name, "kernel");
	assert_pod_names(pod, "", container, "", "kernel_");
}

static void assert_service_is(const struct pod_service *said, const struct pod_choice *choice,
	const char *own, const char *expected)
{
	struct record_workload workload = in_cgroup("/kubepods/burstable/pod" UID "/" ID);
	struct pod_service all = *said;
	struct pod_identity pod = web;
	struct service service;
	char shown[1024];

	strcpy(workload.service_name, own);
	service_from_workload(&service, &workload);
	strcpy(all.image_version, "3.1");
	pod.choice = choice;
	service_set_pod(&service, &pod, &all);
	snprintf(shown, sizeof(shown), "%s|%s|%s|%s", service.name, service.namespace,
		service.version, service.instance);
	assert_string_equal(shown, expected);
}

/* https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/ */
static void test_environment_annotation_labels_and_image_say_so_in_this_order(void **state)
{
	const struct pod_service labels = {.label_name = "till", .label_version = "2.0"};
	const struct pod_service all = {.name = "checkout",
		.namespace = "eu",
		.version = "4.0",
		.instance = "one",
		.label_name = "till",
		.label_version = "2.0"};

	(void)state;
	assert_service_is(&says_nothing, &by_owner, "", "web||3.1|");
	assert_service_is(&labels, &by_owner, "", "web||3.1|");
	assert_service_is(&labels, &by_labels, "", "till||2.0|");
	assert_service_is(&says_nothing, &by_labels, "", "web||3.1|");
	assert_service_is(&all, &by_labels, "", "checkout|eu|4.0|one");
	assert_service_is(&all, &by_labels, "own", "own|eu|4.0|one");
	assert_service_is(&all, &by_labels,
		"own \x1fus \x1f"
		"5.0",
		"own|us|5.0|one");
	assert_service_is(&all, &by_labels,
		"\x1f\x1f"
		"5.0",
		"checkout|eu|5.0|one");
}

/* Two services of one name in two namespaces are two, in a pod or not. */
static void test_namespace_of_a_service_is_part_of_its_key(void **state)
{
	struct record_workload workload = in_cgroup("/");
	struct service service;
	struct service_labels labels;
	char name[SERVICE_NAME_LEN];

	(void)state;
	strcpy(workload.service_name, "\x1f"
				      "eu\x1f"
				      "1.0");
	service_from_workload(&service, &workload);
	service_parts_read(&labels, service_key_name(name, service_key(&service)));
	assert_string_equal(name, "server");
	assert_string_equal(service.version, "1.0");
	assert_int_equal(labels.count, 1);
	assert_string_equal(labels.names[0], "service_namespace");
	assert_string_equal(labels.values[0], "eu");
}

static void assert_labels(
	struct pod_identity pod, const struct pod_choice *choice, const char *expected)
{
	struct service service = {.name = "x"};
	struct service_labels labels;
	char shown[512] = "";

	pod.choice = choice;
	service_set_pod(&service, &pod, &says_nothing);
	assert_int_equal(strcspn(service_key(&service), "\x1f"), strlen(service.name));
	service_parts_read(&labels, strchr(service_key(&service), SERVICE_PART) + 1);
	for (size_t i = 0; i < labels.count; i++) {
		strcat(strcat(shown, labels.names[i]), "=");
		strcat(strcat(shown, labels.values[i]), " ");
	}
	assert_string_equal(shown, expected);
}

static void test_labels_of_a_pod_come_out_of_the_key_as_they_went_in(void **state)
{
	static const struct pod_choice by_pod = {.tells_pod = true};
	static const struct pod_choice by_all = {
		.tells_node = true,
		.count = 3,
		.chosen = {{.attribute = "k8s.pod.label.x.y/z"},
			{.attribute = "k8s.pod.label.none"},
			{.is_annotation = true, .attribute = "k8s.pod.annotation.team"}},
	};
	struct pod_identity pod = web;
	struct service_labels labels;
	struct service alone = {.name = "x"};

	(void)state;
	assert_labels(pod, &pod_choice_none,
		"k8s_namespace_name=shop k8s_deployment_name=web k8s_container_name=main ");
	assert_labels(pod, &by_pod,
		"k8s_namespace_name=shop k8s_deployment_name=web k8s_container_name=main "
		"k8s_pod_name=web-5d4f8c7b9-00001 ");
	assert_labels(pod, &by_all,
		"k8s_namespace_name=shop k8s_deployment_name=web k8s_container_name=main "
		"k8s_node_name=node1 k8s_pod_label_x_y_z=a=b k8s_pod_annotation_team=ü ");
	pod.owner = POD_OWNER_CRONJOB;
	strcpy(pod.container, "");
	assert_labels(pod, &pod_choice_none, "k8s_namespace_name=shop k8s_cronjob_name=web ");
	pod.owner = POD_OWNER_OTHER;
	assert_labels(pod, &pod_choice_none, "k8s_namespace_name=shop ");
	pod.owner = POD_OWNER_NONE;
	strcpy(pod.owner_name, "");
	strcpy(pod.container, "side");
	assert_labels(pod, &pod_choice_none, "k8s_namespace_name=shop k8s_container_name=side ");

	assert_string_equal(service_key(&alone), "x");
	service_parts_read(&labels, "");
	assert_int_equal(labels.count, 0);
	service_parts_read(&labels, "a\x1f~b\x1f\x1f\x1f\x1f\x1f=\x1fx\x1f=y\x1fz=");
	assert_int_equal(labels.count, 1);
}

/* First the pod, by its cgroup; then the container, when the status tells of it. */
static void test_number_is_named_when_its_pod_is_known(void **state)
{
	static const struct pod_choice by_pod = {.tells_pod = true};
	struct identity *identity = identity_new();
	struct pod_table *pods = pod_table_new("node1", &by_pod);
	struct record_workload workload = in_cgroup("/kubepods/burstable/pod" UID "/" ID);
	struct pod pod = {.uid = UID, .namespace = "shop", .name = "web-1"};
	struct service named;

	(void)state;
	workload.record.workload = 7;
	identity_set_pods(identity, pods);
	identity_on_workload(identity, &workload);
	workload.record.workload = 8;
	identity_on_workload(identity, &workload);
	assert_string_equal(identity_service(identity, 7)->name, SHORT);
	assert_int_equal(identity_unnamed(identity), 1); /* container, with two programs */
	assert_false(identity_pods_have_changed(identity));
	assert_false(identity_look_again(identity, 7, &named));

	pod_table_set(pods, &pod, 1);
	assert_true(identity_pods_have_changed(identity));
	assert_false(identity_pods_have_changed(identity));
	assert_true(identity_look_again(identity, 7, &named));
	identity_set(identity, 7, &named);
	assert_string_equal(identity_service(identity, 7)->name, "web-1");
	assert_string_equal(identity_service(identity, 7)->pod.container, "");
	assert_string_equal(identity_service(identity, 7)->pod.node, "node1");
	assert_false(identity_look_again(identity, 7, &named)); /* nothing more */
	assert_int_equal(identity_unnamed(identity), 1);        /* 8 was not set */

	pod = (struct pod){.uid = UID, .namespace = "shop", .name = "web-1"};
	pod_container_add(&pod, ID, "main");
	pod_table_set(pods, &pod, 2);
	assert_true(identity_look_again(identity, 7, &named));
	assert_string_equal(named.pod.container, "main");
	identity_set(identity, 7, &named);
	assert_false(identity_look_again(identity, 7, &named));

	/* who comes later is named at once, also when the pod has gone */
	pod_table_remove(pods, UID, 3);
	workload.record.workload = 9;
	identity_on_workload(identity, &workload);
	assert_string_equal(identity_service(identity, 9)->pod.container, "main");
	identity_free(identity);
	pod_table_free(pods);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pod_and_its_container_are_known_by_their_cgroups),
		cmocka_unit_test(test_pod_names_its_service),
		cmocka_unit_test(test_environment_annotation_labels_and_image_say_so_in_this_order),
		cmocka_unit_test(test_namespace_of_a_service_is_part_of_its_key),
		cmocka_unit_test(test_labels_of_a_pod_come_out_of_the_key_as_they_went_in),
		cmocka_unit_test(test_number_is_named_when_its_pod_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which name a service gets, in the layouts that real machines have; and numbers that are used
 * again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "identity/reserved.h"
#include "identity/service.h"

#define UID             "0f5c1d2e-3a4b-5c6d-7e8f-90a1b2c3d4e5"
#define UID_UNDERSCORES "0f5c1d2e_3a4b_5c6d_7e8f_90a1b2c3d4e5"
#define POD             "kubepods-burstable-pod" UID_UNDERSCORES ".slice"
#define HASH            "0123456789abcdef0123456789abcdef"
#define ID              "4f5e0c1a2b3d4f5e0c1a2b3d4f5e0c1a2b3d4f5e0c1a2b3d4f5e0c1a2b3d4f5e"
#define OTHER           "0000000000000000000000000000000000000000000000000000000000000000"
#define SHORT           "4f5e0c1a2b3d"

/* A process of the executable `server`; `path` is its cgroup as /proc/PID/cgroup shows it. */
static struct record_workload in_cgroup(const char *path)
{
	struct record_workload workload = {.comm = "server", .executable = "server"};
	const char *end = path + strlen(path);

	for (int level = 0; level < CGROUP_LEVELS && end > path; level++) {
		const char *begin = end;

		while (begin[-1] != '/')
			begin--;
		assert_true(end - begin < NAME_LEN);
		memcpy(workload.cgroup[level], begin, (size_t)(end - begin));
		end = begin - 1;
	}
	return workload;
}

static void assert_service(const char *cgroup, const char *name, const char *unit, const char *id)
{
	struct record_workload workload = in_cgroup(cgroup);
	struct service service;

	service_from_workload(&service, &workload);
	assert_string_equal(service.name, name);
	assert_string_equal(service.unit, unit);
	assert_string_equal(service.container_id, id);
	assert_string_equal(service.executable, "server");
}

static void test_systemd_service_is_named_by_its_unit(void **state)
{
	(void)state;
	assert_service("/system.slice/nginx.service", "nginx", "nginx.service", "");
	assert_service("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1",
		"getty@tty1.service", "");
	assert_service("/system.slice/ssh.service/workers/3", "ssh", "ssh.service", "");
	assert_service("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo",
		"foo.service", "");
}

static void test_escapes_in_unit_names_are_undone_in_the_service_name(void **state)
{
	(void)state;
	assert_service("/system.slice/foo\\x2dbar.service", "foo-bar", "foo\\x2dbar.service", "");
	/* What looks like one but is not stays, and nothing is smuggled in. */
	assert_service("/system.slice/a\\x2.service", "a\\x2", "a\\x2.service", "");
	assert_service("/system.slice/a\\x00b.service", "a\\x00b", "a\\x00b.service", "");
	assert_service("/system.slice/a\\x1bb\\xffc.service", "a?b?c", "a\\x1bb\\xffc.service", "");
	/* systemd's mark for names that the kernel uses itself */
	assert_service("/system.slice/_cpu.service", "cpu", "cpu.service", "");
}

static void test_what_is_no_service_is_named_by_its_executable(void **state)
{
	(void)state;
	assert_service("", "server", "", "");
	assert_service("/init.scope", "server", "", "");
	assert_service("/system.slice", "server", "", "");
	assert_service("/user.slice/user-1000.slice/session-3.scope", "server", "", "");
	assert_service(
		"/user.slice/user-1000.slice/user@1000.service/init.scope", "server", "", "");
	assert_service("/user.slice/user-1000.slice/user@1000.service/app.slice/"
		       "app-gnome-firefox-4242.scope",
		"server", "", "");
	assert_service("/system.slice/run-u42.scope", "server", "", "");
	assert_service("/system.slice/.service", "server", "", "");
}

static void test_unit_that_is_made_for_one_run_or_connection_is_no_name(void **state)
{
	(void)state;
	assert_service("/system.slice/run-u42.service", "server", "", "");
	assert_service("/system.slice/run-r0f5c1d2e3a4b5c6d.service", "server", "", "");
	assert_service("/system.slice/run-p1234-i5678.service", "server", "", "");
	assert_service("/system.slice/run-once.service", "run-once", "run-once.service", "");
	assert_service("/system.slice/run-u42b.service", "run-u42b", "run-u42b.service", "");
	assert_service("/system.slice/run-parts.service", "run-parts", "run-parts.service", "");

	assert_service("/system.slice/system-sshd.slice/sshd@5-10.0.0.1:22-10.0.0.2:41234.service",
		"sshd", "sshd@5-10.0.0.1:22-10.0.0.2:41234.service", "");
	assert_service("/system.slice/sshd@5-977-10.0.0.1:22-10.0.0.2:41234.service", "sshd",
		"sshd@5-977-10.0.0.1:22-10.0.0.2:41234.service", "");
	assert_service("/system.slice/sshd@0-fe80::1:22-fe80::2:4242.service", "sshd",
		"sshd@0-fe80::1:22-fe80::2:4242.service", "");
	assert_service("/system.slice/systemd-coredump@3-1234-0.service", "systemd-coredump",
		"systemd-coredump@3-1234-0.service", "");
	assert_service("/system.slice/postgresql@15-main.service", "postgresql@15-main",
		"postgresql@15-main.service", "");
	assert_service("/system.slice/shop@7.service", "shop@7", "shop@7.service", "");
}

/* What /proc/PID/cgroup shows of a container, by who makes it. */
static void test_container_is_named_by_twelve_digits_of_its_id(void **state)
{
	static const char *const layouts[] = {
		/* Docker: by systemd, by itself, in a parent of its own, in a snap */
		"/system.slice/docker-" ID ".scope",
		"/docker/" ID,
		"/docker/" ID "/child",
		"/shops.slice/docker-" ID ".scope",
		"/system.slice/snap.docker.dockerd.service/docker/" ID,
		"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope",
		/* containerd and nerdctl */
		"/system.slice/nerdctl-" ID ".scope",
		"/default/" ID,
		/* Kubernetes: by systemd, by itself; containerd, CRI-O, Docker */
		"/kubepods.slice/kubepods-burstable.slice/" POD "/cri-containerd-" ID ".scope",
		"/kubepods.slice/kubepods-burstable.slice/" POD "/crio-" ID ".scope",
		"/kubepods.slice/kubepods-burstable.slice/" POD "/docker-" ID ".scope",
		"/kubepods.slice/kubepods-besteffort.slice/crio-" ID ".scope/container",
		"/kubepods/besteffort/pod0f5c1d2e-3a4b-5c6d-7e8f-90a1b2c3d4e5/" ID,
		"/kubepods/burstable/pod0f5c/crio-" ID,
		/* the runtime was told of systemd, and does without */
		"/" POD ":cri-containerd:" ID,
		"/" POD ":crio:" ID,
		"/system.slice/containerd.service/" POD ":cri-containerd:" ID,
		"/system.slice/k3s.service/" POD ":cri-containerd:" ID,
		"/system.slice/containerd.service/" POD ":cri-containerd:" ID "/init.scope",
		/* kind, k3d: a node that is a container itself */
		"/docker/0000000000000000000000000000000000000000000000000000000000000000/kubelet/"
		"kubepods/besteffort/pod0f5c/" ID,
		"/docker-0000000000000000000000000000000000000000000000000000000000000000.scope/"
		"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
		"kubelet-kubepods-besteffort-pod0f5c.slice/cri-containerd-" ID ".scope",
		/* Podman: of root, of a user, in a pod */
		"/machine.slice/libpod-" ID ".scope/container",
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
		"/machine.slice/machine-libpod_pod_"
		"0000000000000000000000000000000000000000000000000000000000000000.slice/libpod-" ID
		".scope",
		"/libpod_parent/libpod-" ID,
		/* Amazon ECS */
		"/ecs/0f5c1d2e3a4b5c6d7e8f90a1b2c3d4e5/" ID,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		assert_service(layouts[i], SHORT, "", ID);
}

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
};

static void assert_pod_names(struct pod_identity pod, const char *annotated, const char *cgroup,
	const char *own_name, const char *name)
{
	struct record_workload workload = in_cgroup(cgroup);
	struct service service;

	strcpy(workload.service_name, own_name);
	service_from_workload(&service, &workload);
	service_set_pod(&service, &pod, annotated, false);
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

static void assert_labels(const struct pod_identity *pod, bool tells_pod, const char *expected)
{
	struct service service = {.name = "x"};
	struct service_labels labels;
	char shown[512] = "";

	service_set_pod(&service, pod, "", tells_pod);
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
	struct pod_identity pod = web;
	struct service_labels labels;
	struct service alone = {.name = "x"};

	(void)state;
	assert_labels(&pod, false,
		"k8s_namespace_name=shop k8s_deployment_name=web k8s_container_name=main ");
	assert_labels(&pod, true,
		"k8s_namespace_name=shop k8s_deployment_name=web k8s_container_name=main "
		"k8s_pod_name=web-5d4f8c7b9-00001 ");
	pod.owner = POD_OWNER_CRONJOB;
	strcpy(pod.container, "");
	assert_labels(&pod, false, "k8s_namespace_name=shop k8s_cronjob_name=web ");
	pod.owner = POD_OWNER_OTHER;
	assert_labels(&pod, false, "k8s_namespace_name=shop ");
	pod.owner = POD_OWNER_NONE;
	strcpy(pod.owner_name, "");
	strcpy(pod.container, "side");
	assert_labels(&pod, false, "k8s_namespace_name=shop k8s_container_name=side ");

	assert_string_equal(service_key(&alone), "x");
	service_parts_read(&labels, "");
	assert_int_equal(labels.count, 0);
	service_parts_read(&labels, "a\x1f~b\x1f\x1f\x1f\x1f\x1f");
	assert_int_equal(labels.count, 1);
}

/* First the pod, by its cgroup; then the container, when the status tells of it. */
static void test_number_is_named_when_its_pod_is_known(void **state)
{
	struct identity *identity = identity_new();
	struct pod_table *pods = pod_table_new("node1");
	struct record_workload workload = in_cgroup("/kubepods/burstable/pod" UID "/" ID);
	struct pod pod = {.uid = UID, .namespace = "shop", .name = "web-1"};
	struct service named;

	(void)state;
	workload.record.workload = 7;
	identity_set_pods(identity, pods, true);
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

static void test_what_only_resembles_a_container_is_none(void **state)
{
	(void)state;
	assert_service("/machine.slice/libpod-conmon-" ID ".scope", "server", "", "");
	assert_service("/machine.slice/crio-conmon-" ID ".scope", "server", "", "");
	assert_service("/" POD ":crio-conmon:" ID, "server", "", "");
	assert_service("/docker/" SHORT, "server", "", "");
	assert_service("/docker/x" ID, "server", "", "");
	assert_service("/docker/G" ID, "server", "", "");
	/* a pod around containers */
	assert_service("/machine.slice/machine-libpod_pod_" ID ".slice", "server", "", "");
	assert_service("/kubepods.slice/kubepods-burstable.slice/" POD, "server", "", "");
}

static void test_nearest_of_unit_and_container_decides(void **state)
{
	(void)state;
	/* the engine's own unit around a container */
	assert_service("/system.slice/docker.service/docker/" ID, SHORT, "", ID);
	assert_service("/system.slice/containerd.service/kubepods/podx/" ID, SHORT, "", ID);
	/* the engine itself, and what it runs beside containers */
	assert_service("/system.slice/containerd.service", "containerd", "containerd.service", "");
	assert_service("/system.slice/containerd.service/shop.service", "shop", "shop.service", "");
	/* systemd in a container */
	assert_service("/system.slice/docker-" ID ".scope/system.slice/nginx.service", "nginx",
		"nginx.service", ID);
	assert_service("/system.slice/containerd.service/" POD ":cri-containerd:" ID
		       "/system.slice/nginx.service",
		"nginx", "nginx.service", ID);
	/* Podman in a unit that was written for this container */
	assert_service("/system.slice/shop.service/libpod-payload-" ID, "shop", "shop.service", ID);
	assert_service("/user.slice/libpod-payload-" ID, SHORT, "", ID);
}

/* LXC, LXD and nspawn run whole systems: their units count, and what is in none has no name. */
static void test_units_within_a_system_container_count(void **state)
{
	(void)state;
	assert_service("/lxc.payload.web/system.slice/nginx.service", "nginx", "nginx.service", "");
	assert_service("/lxc.payload.web/init.scope", "server", "", "");
	assert_service("/lxc/web/user.slice/user-0.slice/session-1.scope", "server", "", "");
	assert_service("/machine.slice/machine-web.scope/payload/system.slice/nginx.service",
		"nginx", "nginx.service", "");
	assert_service("/machine.slice/systemd-nspawn@web.service/payload/system.slice/"
		       "nginx.service",
		"nginx", "nginx.service", "");
	assert_service("/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn@web",
		"systemd-nspawn@web.service", "");
}

static void test_snaps_and_units_of_users(void **state)
{
	(void)state;
	assert_service("/system.slice/snap.lxd.daemon.service", "snap.lxd.daemon",
		"snap.lxd.daemon.service", "");
	assert_service("/user.slice/user-1000.slice/user@1000.service/app.slice/"
		       "snap.firefox.firefox-0f5c1d2e-3a4b-5c6d-7e8f-90a1b2c3d4e5.scope",
		"server", "", "");
	assert_service("/user.slice/user-1000.slice/user@1000.service/app.slice/"
		       "app-org.gnome.Evolution\\x2dalarm\\x2dnotify@autostart.service",
		"app-org.gnome.Evolution-alarm-notify@autostart",
		"app-org.gnome.Evolution\\x2dalarm\\x2dnotify@autostart.service", "");
}

static void test_environment_comes_before_all_else(void **state)
{
	struct record_workload workload = in_cgroup("/system.slice/nginx.service");
	struct service service;

	(void)state;
	strcpy(workload.service_name, "shop");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "shop");
	assert_string_equal(service.unit, "nginx.service");
}

static void assert_program(const char *program, const char *name)
{
	struct record_workload workload = in_cgroup("/user.slice/session-3.scope");
	struct service service;

	strcpy(workload.executable, "python3.11");
	strcpy(workload.program, program);
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, name);
	assert_string_equal(service.executable, "python3.11");
}

static void test_what_an_interpreter_executes_comes_before_its_own_name(void **state)
{
	struct record_workload workload = in_cgroup("/system.slice/nginx.service");
	struct service service;

	(void)state;
	assert_program("orders.py", "orders");
	assert_program("orders", "orders");
	assert_program("orders.min.js", "orders.min");
	assert_program("shop.war", "shop");
	assert_program("orders-1.4.2.jar", "orders");
	assert_program("orders-service-1.4.2-SNAPSHOT.jar", "orders-service");
	assert_program("orders-2.jar", "orders-2");
	assert_program("orders-1.4.py", "orders-1.4");
	assert_program("-1.4.jar", "-1.4");
	assert_program("http.server", "http.server");
	assert_program("org.example.orders.Main", "org.example.orders.Main");
	assert_program(".py", ".py");
	assert_program("kernel.py", "kernel_");
	assert_program("or\033[2Jders.sh", "or?[2Jders");

	strcpy(workload.program, "orders.py");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "nginx");
	strcpy(workload.service_name, "shop");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "shop");
	workload = in_cgroup("/docker/" ID);
	strcpy(workload.program, "orders.py");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, SHORT);
}

static const char *const reserved[] = {
	"_overflow", "_other", "kernel", "sonde", "external", "localhost"};

/* Whoever chooses such a name, by whichever way. */
static void test_words_of_sondes_own_are_marked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		char marked[64], cgroup[64];
		struct record_workload ways[3] = {
			{.executable = "x"}, {.tgid = 1}, {.executable = "x"}};
		struct service service;

		snprintf(marked, sizeof(marked), "%s_", reserved[i]);
		snprintf(cgroup, sizeof(cgroup), "/system.slice/%s%s.service",
			reserved[i][0] == '_' ? "_" : "", reserved[i]);
		strcpy(ways[0].service_name, reserved[i]);
		strcpy(ways[1].executable, reserved[i]);
		strcpy(ways[2].program, reserved[i]);
		for (size_t way = 0; way < 3; way++) {
			service_from_workload(&service, &ways[way]);
			assert_string_equal(service.name, marked);
		}
		ways[0] = in_cgroup(cgroup);
		service_from_workload(&service, &ways[0]);
		assert_string_equal(service.name, marked);
	}
}

/* However many underscores: what was two names before is two names after. */
static void test_marking_makes_no_two_names_one(void **state)
{
	char names[64][32], given[32];
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		for (int underscores = 0; underscores < 5; underscores++, count++) {
			snprintf(given, sizeof(given), "%s%.*s", reserved[i], underscores, "_____");
			strcpy(names[count], given);
			name_mark(names[count], sizeof(names[count]));
			assert_string_not_equal(names[count], given);
			for (size_t other = 0; other < count; other++)
				assert_string_not_equal(names[count], names[other]);
			for (size_t word = 0; word < sizeof(reserved) / sizeof(reserved[0]); word++)
				assert_string_not_equal(names[count], reserved[word]);
		}
	for (size_t i = 0; i < 2; i++) { /* others stay */
		strcpy(given, i ? "kernel-2" : "sondes");
		name_mark(given, sizeof(given));
		assert_string_equal(given, i ? "kernel-2" : "sondes");
	}
}

static void test_only_sonde_itself_is_sonde(void **state)
{
	struct record_workload workload = {.executable = "sonde", .is_own = 1};
	struct service service;

	(void)state;
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "sonde");
	strcpy(workload.service_name, "kernel");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "kernel_");
	workload = in_cgroup("/system.slice/sonde.service");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "sonde_");
}

static void test_long_names_are_whole(void **state)
{
	struct record_workload workload = {.executable = "x"};
	struct service service;
	char unit[NAME_LEN];

	(void)state;
	memset(unit, 'u', sizeof(unit));
	strcpy(unit + NAME_LEN - 9, ".service");
	strcpy(workload.cgroup[0], unit);
	service_from_workload(&service, &workload);
	assert_string_equal(service.unit, unit);
	assert_int_equal(strlen(service.name), NAME_LEN - 9);

	memset(workload.cgroup, 0, sizeof(workload.cgroup));
	memset(workload.executable, 'e', NAME_LEN - 1);
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, workload.executable);
	assert_string_equal(service.executable, workload.executable);

	memset(workload.service_name, 'n', SERVICE_NAME_LEN - 1);
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, workload.service_name);
}

static void test_kernel_threads_are_one_service(void **state)
{
	struct record_workload workload = {.comm = "kworker/0:1"};
	struct service service;

	(void)state;
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "kernel");
	assert_string_equal(service.executable, "");
}

static void test_names_become_valid_utf8_without_control_characters(void **state)
{
	static const struct {
		const char *given, *name;
	} cases[] = {
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
			"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"\033[2Jx\n", "?[2Jx?"},
		{"\x7f\xc2\x9b", "??"},       /* DEL; C1, which some terminals obey */
		{"a\xff\xfe z", "a?? z"},     /* never valid */
		{"\xc0\xaf", "??"},           /* overlong */
		{"\xe0\x80\xaf", "???"},      /* overlong */
		{"\xed\xa0\x80", "???"},      /* a surrogate */
		{"\xf4\x90\x80\x80", "????"}, /* beyond Unicode */
		{"\xe2\x82", "??"},           /* cut off */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_workload workload = {.executable = "x"};
		struct service service;

		strcpy(workload.service_name, cases[i].given);
		service_from_workload(&service, &workload);
		assert_string_equal(service.name, cases[i].name);
	}
}

/* A recording may hold anything: fields without their NUL, too. */
static void test_unterminated_fields_are_cut(void **state)
{
	struct record_workload workload;
	struct service service;

	(void)state;
	memset(&workload, 'a', sizeof(workload));
	service_from_workload(&service, &workload);
	assert_int_equal(strlen(service.name), SERVICE_NAME_LEN - 1);
	assert_int_equal(strlen(service.executable), NAME_LEN - 1);

	/* 127 bytes leave no room for the last of these characters. */
	memset(&workload, 0, sizeof(workload));
	for (size_t i = 0; i < SERVICE_NAME_LEN; i += 2)
		memcpy(workload.service_name + i, "\xc3\xa9", 2);
	service_from_workload(&service, &workload);
	assert_int_equal(strlen(service.name), SERVICE_NAME_LEN - 2);
}

static void announce(struct identity *identity, __u32 number, const char *name)
{
	struct record_workload workload = {.record.workload = number};

	strcpy(workload.service_name, name);
	identity_on_workload(identity, &workload);
}

static void test_number_is_its_service_from_announcement_to_end(void **state)
{
	struct identity *identity = identity_new();

	(void)state;
	assert_string_equal(identity_service(identity, 7)->name, "_other");
	announce(identity, 7, "shop");
	announce(identity, 8, "shop");
	assert_string_equal(identity_service(identity, 7)->name, "shop");
	assert_string_equal(identity_service(identity, 8)->name, "shop");
	identity_on_workload_end(identity, 7);
	assert_string_equal(identity_service(identity, 7)->name, "_other");
	assert_string_equal(identity_service(identity, 8)->name, "shop");
	announce(identity, 7, "till");
	assert_string_equal(identity_service(identity, 7)->name, "till");
	announce(identity, 7, "bank");
	assert_string_equal(identity_service(identity, 7)->name, "bank");
	identity_free(identity);
}

static void test_numbers_out_of_range_are_other(void **state)
{
	struct identity *identity = identity_new();

	(void)state;
	announce(identity, 0, "nobody");
	announce(identity, WORKLOADS_MAX, "nobody");
	announce(identity, UINT32_MAX, "nobody");
	announce(identity, WORKLOADS_MAX - 1, "last");
	identity_on_workload_end(identity, UINT32_MAX);
	assert_string_equal(identity_service(identity, 0)->name, "_other");
	assert_string_equal(identity_service(identity, WORKLOADS_MAX)->name, "_other");
	assert_string_equal(identity_service(identity, UINT32_MAX)->name, "_other");
	assert_string_equal(identity_service(identity, WORKLOADS_MAX - 1)->name, "last");
	identity_free(identity);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_systemd_service_is_named_by_its_unit),
		cmocka_unit_test(test_escapes_in_unit_names_are_undone_in_the_service_name),
		cmocka_unit_test(test_what_is_no_service_is_named_by_its_executable),
		cmocka_unit_test(test_unit_that_is_made_for_one_run_or_connection_is_no_name),
		cmocka_unit_test(test_container_is_named_by_twelve_digits_of_its_id),
		cmocka_unit_test(test_pod_and_its_container_are_known_by_their_cgroups),
		cmocka_unit_test(test_pod_names_its_service),
		cmocka_unit_test(test_labels_of_a_pod_come_out_of_the_key_as_they_went_in),
		cmocka_unit_test(test_number_is_named_when_its_pod_is_known),
		cmocka_unit_test(test_what_only_resembles_a_container_is_none),
		cmocka_unit_test(test_nearest_of_unit_and_container_decides),
		cmocka_unit_test(test_units_within_a_system_container_count),
		cmocka_unit_test(test_snaps_and_units_of_users),
		cmocka_unit_test(test_environment_comes_before_all_else),
		cmocka_unit_test(test_what_an_interpreter_executes_comes_before_its_own_name),
		cmocka_unit_test(test_words_of_sondes_own_are_marked),
		cmocka_unit_test(test_marking_makes_no_two_names_one),
		cmocka_unit_test(test_only_sonde_itself_is_sonde),
		cmocka_unit_test(test_long_names_are_whole),
		cmocka_unit_test(test_kernel_threads_are_one_service),
		cmocka_unit_test(test_names_become_valid_utf8_without_control_characters),
		cmocka_unit_test(test_unterminated_fields_are_cut),
		cmocka_unit_test(test_number_is_its_service_from_announcement_to_end),
		cmocka_unit_test(test_numbers_out_of_range_are_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which container a process is in, and what decides where there are units, too: the layouts that
 * real machines have. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "workload_cgroup.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container_is_named_by_twelve_digits_of_its_id),
		cmocka_unit_test(test_what_only_resembles_a_container_is_none),
		cmocka_unit_test(test_nearest_of_unit_and_container_decides),
		cmocka_unit_test(test_units_within_a_system_container_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a service gets its name: the rule of service.h, applied to the cgroup layouts that systemd,
 * Docker, containerd, CRI-O, Podman and Kubernetes make.
 */
#include "identity/service.h"

#include <stdbool.h>
#include <string.h>

#include "utf8.h"

/* What people know from `docker ps`. */
#define CONTAINER_ID_SHOWN 12

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* True when `text` ended with `suffix`, which is cut off. */
static bool cut_suffix(char *text, const char *suffix)
{
	size_t length = strlen(text), cut = strlen(suffix);

	if (length <= cut || strcmp(text + length - cut, suffix) != 0)
		return false;
	text[length - cut] = '\0';
	return true;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* systemd writes as `\x2d` what it cannot write plainly in a unit's name. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		int high = -1, low = -1;

		if (from[0] == '\\' && from[1] == 'x' && (high = hex_digit(from[2])) >= 0)
			low = hex_digit(from[3]);
		if (low >= 0 && (high || low)) {
			*to = (char)(high << 4 | low);
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/*
 * `nginx.service`. Slices only group; scopes are sessions, applications of a desktop and transient
 * jobs, whose executable says more; a user manager (`user@1000.service`) is nobody's service, and
 * what it runs outside of units of its own is named by executable too.
 */
static bool is_service_unit(const char *name)
{
	char unit[CGROUP_NAME_LEN];

	strcpy(unit, name);
	return cut_suffix(unit, ".service") && !starts_with(unit, "user@");
}

/*
 * The id in `docker-<id>.scope`, `cri-containerd-<id>.scope`, `crio-<id>.scope`,
 * `libpod-<id>.scope`, `libpod-payload-<id>` or a bare `<id>`; or NULL. A conmon watches over a
 * container from outside.
 */
static const char *find_container_id(const char *name)
{
	size_t length = strlen(name), prefix;
	const char *id;

	if (length > 6 && strcmp(name + length - 6, ".scope") == 0)
		length -= 6;
	if (length < CONTAINER_ID_LEN)
		return NULL;
	prefix = length - CONTAINER_ID_LEN;
	id = name + prefix;
	for (size_t i = 0; i < CONTAINER_ID_LEN; i++)
		if (hex_digit(id[i]) < 0)
			return NULL;
	if (prefix && id[-1] != '-')
		return NULL;
	if (prefix >= 7 && strncmp(id - 7, "conmon-", 7) == 0)
		return NULL;
	return id;
}

/*
 * From the leaf up. A unit inside a container (a container that runs systemd) is found first and
 * names the service, and the container around it is noted. A unit above a container is the engine's
 * (`docker.service`) and means nothing to the container, unless Podman was told to stay within the
 * unit that started it: then the container's cgroup is called `libpod-payload-<id>`.
 */
static void read_cgroups(struct service *service, const struct record_workload *workload)
{
	for (int level = 0; level < CGROUP_LEVELS; level++) {
		char name[CGROUP_NAME_LEN];
		const char *id, *unit = name;

		utf8_copy(name, sizeof(name), workload->cgroup[level], CGROUP_NAME_LEN);
		/* systemd puts this before names that the kernel uses: `_cpu.service`. */
		if (unit[0] == '_')
			unit++;
		id = find_container_id(name);
		if (id) {
			memcpy(service->container_id, id, CONTAINER_ID_LEN);
			if (!starts_with(name, "libpod-payload-"))
				return;
		} else if (!service->unit[0] && is_service_unit(unit)) {
			strcpy(service->unit, unit);
		}
	}
}

void service_from_workload(struct service *service, const struct record_workload *workload)
{
	memset(service, 0, sizeof(*service));
	utf8_copy(service->executable, EXECUTABLE_LEN, workload->executable, EXECUTABLE_LEN);
	read_cgroups(service, workload);

	if (utf8_copy(service->name, SERVICE_NAME_LEN, workload->service_name, SERVICE_NAME_LEN))
		return;
	if (service->unit[0]) {
		strcpy(service->name, service->unit);
		cut_suffix(service->name, ".service");
		unescape(service->name);
		utf8_copy(service->name, SERVICE_NAME_LEN, service->name, SERVICE_NAME_LEN);
	} else if (service->container_id[0]) {
		memcpy(service->name, service->container_id, CONTAINER_ID_SHOWN);
	} else if (service->executable[0]) {
		strcpy(service->name, service->executable);
	} else {
		strcpy(service->name, "kernel");
	}
}

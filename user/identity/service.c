/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a service gets its name: the rule of service.h, applied to the cgroup layouts that systemd,
 * Docker, containerd, CRI-O, Podman and Kubernetes make.
 */
#include "identity/service.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "core/resource.h"
#include "identity/container_cgroup.h"
#include "identity/reserved.h"
#include "kernel/process/process_command.h"

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

/* How many characters of `set` the text begins with; 0, too, when another one than `end` follows.
 */
static size_t span_to(const char *text, const char *set, char end)
{
	size_t length = strspn(text, set);

	return text[length] == end ? length : 0;
}

#define DIGITS "0123456789"
#define HEX    DIGITS "abcdef"

/* `run-u42`, `run-p1234-i5678`, `run-r` and an id: what systemd-run calls what has no name. */
static bool is_transient_unit(const char *name)
{
	size_t first;

	if (!starts_with(name, "run-"))
		return false;
	name += 4;
	switch (*name++) {
	case 'u': return span_to(name, DIGITS, '\0');
	case 'r': return span_to(name, HEX, '\0');
	case 'p':
		first = span_to(name, DIGITS, '-');
		return first && name[first + 1] == 'i' && span_to(name + first + 2, DIGITS, '\0');
	default: return false;
	}
}

/*
 * `sshd@5-10.0.0.1:22-10.0.0.2:41234`, or `@5-1234-1000` of a Unix socket: an instance for each
 * connection that a socket unit accepts, named by who connects. All of them are the template's.
 */
static void cut_connection(char *name)
{
	char *at = strchr(name, '@'), *rest;
	size_t number, process;

	if (!at || at == name || !(number = span_to(at + 1, DIGITS, '-')))
		return;
	rest = at + 1 + number + 1;
	process = span_to(rest, DIGITS, '-');
	if ((process && span_to(rest + process + 1, DIGITS, '\0')) ||
		(strchr(rest, ':') && strchr(strchr(rest, ':') + 1, ':')))
		*at = '\0';
}

/*
 * `nginx.service`: the service's name is in `unit` then. Slices only group; scopes are sessions,
 * applications of a desktop and transient jobs, whose executable says more, and so are services
 * without a name of their own; a user manager (`user@1000.service`) is nobody's service, and what
 * it runs outside of units of its own is named by executable too.
 */
static bool cut_service_unit(char *unit)
{
	if (!cut_suffix(unit, ".service") || starts_with(unit, "user@") || is_transient_unit(unit))
		return false;
	cut_connection(unit);
	return true;
}

/*
 * The container that the kubelet knows is the one right below a pod's cgroup, or in the same name;
 * what else a pod starts (Docker within a pod) is inside of it.
 */
static void note_pod(struct service *service, const char *name, const char *container)
{
	if (!service->pod_uid[0] && container_cgroup_pod(name, service->pod_uid))
		strcpy(service->pod_container_id, container);
}

/* True when it is a service's. */
static bool read_unit(struct service *service, char *unit)
{
	strcpy(service->unit, unit);
	if (cut_service_unit(unit)) {
		strcpy(service->name, unit);
		return true;
	}
	service->unit[0] = '\0';
	return false;
}

/*
 * From the leaf up. A unit inside a container (a container that runs systemd) is found first and
 * names the service, and the container around it is noted. A unit above a container is the engine's
 * (`docker.service`) and means nothing to the container, unless Podman was told to stay within the
 * unit that started it: then the container's cgroup is called `libpod-payload-<id>`.
 */
static void read_cgroups(struct service *service, const struct record_workload *workload)
{
	char container[CONTAINER_ID_LEN + 1] = ""; /* of the level below, or of this one */
	bool is_named = false;

	for (int level = 0; level < CGROUP_LEVELS; level++) {
		char name[NAME_LEN], *unit = name;
		const char *id;

		utf8_copy(name, sizeof(name), workload->cgroup[level], NAME_LEN);
		/* systemd puts this before names that the kernel uses: `_cpu.service`. */
		if (unit[0] == '_')
			unit++;
		id = container_cgroup_id(name);
		if (id)
			memcpy(container, id, CONTAINER_ID_LEN);
		note_pod(service, name, container);
		if (!id) {
			container[0] = '\0';
			is_named = is_named || read_unit(service, unit);
			continue;
		}
		if (!service->container_id[0])
			memcpy(service->container_id, id, CONTAINER_ID_LEN);
		is_named = is_named || !starts_with(name, "libpod-payload-");
	}
}

/* `orders-1.4.2.jar` → `orders`: a service keeps its name when it is renewed. */
static void cut_version(char *name)
{
	for (char *at = strchr(name, '-'); at; at = strchr(at + 1, '-')) {
		size_t number = span_to(at + 1, DIGITS, '.');

		if (at > name && number && strspn(at + 1 + number + 1, DIGITS)) {
			*at = '\0';
			return;
		}
	}
}

/* `python3.11` → `python`: it is renewed with the system, and its service is the same. */
static void cut_interpreter_version(char *name)
{
	if (process_command_has(name))
		name[strcspn(name, DIGITS)] = '\0';
}

/* `orders.py` → `orders`; modules and classes have points in their names, which stay. */
static void cut_extension(char *name)
{
	static const char *const archives[] = {".jar", ".war"};
	static const char *const scripts[] = {".py", ".pyc", ".pyz", ".pyw", ".js", ".mjs", ".cjs",
		".jsx", ".ts", ".mts", ".cts", ".tsx", ".rb", ".ru", ".pl", ".php", ".phar", ".sh",
		".bash", ".zsh", ".ksh", ".java", ".dll", ".exe", ".lua", ".tcl", ".exp", ".R",
		".r", ".jl", ".ini"};

	for (size_t i = 0; i < sizeof(archives) / sizeof(*archives); i++) {
		if (cut_suffix(name, archives[i])) {
			cut_version(name);
			return;
		}
	}
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		if (cut_suffix(name, scripts[i]))
			return;
	if (strchr(name, '@') > name) /* `orders@1.4.2`, which npx was told */
		*strchr(name, '@') = '\0';
}

/* The next of the texts that a RESOURCE_SEPARATOR is between; `*from` goes behind it. */
static bool text_take(char *to, size_t size, const char **from)
{
	const char *end = strchrnul(*from, RESOURCE_SEPARATOR);
	char text[SERVICE_NAME_LEN + 1] = "";
	size_t length = (size_t)(end - *from);

	memcpy(text, *from, length);
	while (length && text[length - 1] == ' ') /* as it may stand before the next comma */
		text[--length] = '\0';
	*from = *end ? end + 1 : end;
	return utf8_copy(to, size, text, sizeof(text));
}

/* What the environment says: true when it names the service. */
static bool read_environment(struct service *service, const char told[SERVICE_NAME_LEN])
{
	char all[SERVICE_NAME_LEN + 1] = "";
	const char *said = all;
	bool is_named;

	memcpy(all, told, strnlen(told, SERVICE_NAME_LEN));
	is_named = text_take(service->name, sizeof(service->name), &said);
	text_take(service->namespace, RESOURCE_PART_LEN, &said);
	text_take(service->version, RESOURCE_PART_LEN, &said);
	return is_named;
}

void service_from_workload(struct service *service, const struct record_workload *workload)
{
	char program[NAME_LEN], unit[SERVICE_NAME_LEN];

	memset(service, 0, sizeof(*service));
	utf8_copy(service->executable, NAME_LEN, workload->executable, NAME_LEN);
	utf8_copy(program, sizeof(program), workload->program, NAME_LEN);
	read_cgroups(service, workload);

	strcpy(unit, service->name);
	service->has_own_name = read_environment(service, workload->service_name);
	if (service->has_own_name) {
		/* it has said so itself */
	} else if (service->unit[0]) {
		service->has_own_name = true;
		unescape(unit);
		utf8_copy(service->name, SERVICE_NAME_LEN, unit, SERVICE_NAME_LEN);
	} else if (service->container_id[0]) {
		memcpy(service->name, service->container_id, CONTAINER_ID_SHOWN);
	} else if (program[0]) {
		cut_extension(program);
		strcpy(service->name, program);
	} else if (service->executable[0]) {
		strcpy(service->name, service->executable);
		cut_interpreter_version(service->name);
	} else {
		strcpy(service->name, NAME_KERNEL);
		return;
	}
	if (!workload->is_own || strcmp(service->name, NAME_OWN) != 0)
		name_mark(service->name, SERVICE_NAME_LEN);
	if (service->namespace[0])
		service_make_key(service);
}

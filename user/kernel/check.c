/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sonde check`: a table of the features that were tried (features.c), what each source needs of
 * them, and a verdict. Called by main.c.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/utsname.h>

#include "kernel/check.h"
#include "version.h"

#define BIT(FEATURE) (UINT64_C(1) << FEATURE_##FEATURE)
_Static_assert(FEATURES <= 64, "a set of features is one uint64_t");

/* A hook that serves one thing, which a source can do without. */
struct extra {
	uint64_t hook;
	const char *with;    /* what it serves */
	const char *without; /* what is told in its place */
};

/* What a source needs, as its probes in bpf/ are written. */
struct plan {
	const char *name;
	uint64_t hooks;             /* where it attaches */
	uint64_t uses;              /* what its probes use there */
	const struct extra *extras; /* the last one has no hook */
};

/* Everything that Sonde tells is told of a service, so this is the ground that the others need. */
static const struct plan ground = {
	.name = "services",
	.hooks = BIT(SCHED_PROCESS_FORK) | BIT(SCHED_PROCESS_EXEC) | BIT(CGROUP_ATTACH_TASK) |
		 BIT(ITER_TASK),
	.uses = BIT(BTF) | BIT(RING_BUFFER) | BIT(TASK_STORAGE) | BIT(QUEUE) |
		BIT(CURRENT_TASK_BTF) | BIT(PROBE_READ_USER) | BIT(PROBE_READ_KERNEL),
};

static const struct extra http_extras[] = {
	{BIT(TCP_SENDMSG_LOCKED), "begin of sends", "a send counts from its end"},
	{BIT(SK_DATA_READY), "arrivals", "how long a request waits to be read is not known"},
	{BIT(TCP_RCV_SPACE_ADJUST), "splices", "a splice counts late"},
	{BIT(IO_URING_SUBMIT_REQ), "io_uring", "requests of io_uring count as unreadable"},
	{0},
};

static const struct plan sources[] = {
	{
		.name = "system calls",
		.hooks = BIT(SYS_ENTER) | BIT(SYS_EXIT),
	},
	{
		.name = "TCP",
		.hooks = BIT(INET_SOCK_SET_STATE) | BIT(ITER_TCP) | BIT(ITER_TASK_FILE),
		.uses = BIT(SOCKET_STORAGE) | BIT(SKC_TO_TCP_SOCK) | BIT(SOCK_FROM_FILE) |
			BIT(SOCKET_COOKIE),
	},
	{
		.name = "HTTP/1",
		.hooks = BIT(SOCK_SEND_LENGTH) | BIT(SOCK_RECV_LENGTH) | BIT(INET_SOCK_SET_STATE) |
			 BIT(TCP_DESTROY_SOCK),
		.uses = BIT(SOCKET_STORAGE) | BIT(TASK_PT_REGS) | BIT(SKC_TO_TCP_SOCK) |
			BIT(SKC_TO_UNIX_SOCK) | BIT(SOCKET_COOKIE),
		.extras = http_extras,
	},
	{
		.name = "processes",
		.hooks =
			BIT(SCHED_PROCESS_FORK) | BIT(SCHED_PROCESS_EXEC) | BIT(SCHED_PROCESS_EXIT),
	},
};
#define SOURCE_COUNT (sizeof(sources) / sizeof(*sources))

static const char *const headings[FEATURE_GROUPS] = {
	[FEATURE_GROUP_PRIVILEGE] = "Capabilities",
	[FEATURE_GROUP_KERNEL] = "Kernel",
	[FEATURE_GROUP_MAP] = "Maps",
	[FEATURE_GROUP_ATTACH] = "Attach types",
	[FEATURE_GROUP_BTF_TRACEPOINT] = "Tracepoints (tp_btf)",
	[FEATURE_GROUP_HELPER] = "Helpers in tracing programs",
};

static const char *state_word(const struct feature *feature)
{
	bool privilege = feature->group == FEATURE_GROUP_PRIVILEGE;

	switch (feature->state) {
	case FEATURE_WORKS: return privilege ? "held" : "works";
	case FEATURE_OFF: return "off";
	case FEATURE_ABSENT: return privilege ? "missing" : "absent";
	case FEATURE_REFUSED: return "refused";
	}
	return "";
}

static void features_print(FILE *out, const struct features *features)
{
	int group = -1;

	for (int i = 0; i < FEATURES; i++) {
		const struct feature *feature = &features->list[i];

		if ((int)feature->group != group) {
			group = feature->group;
			fprintf(out, "%s\n", headings[group]);
		}
		fprintf(out, "  %-26s %s", feature->name, state_word(feature));
		if (*feature->reason)
			fprintf(out, ": %s", feature->reason);
		fputc('\n', out);
	}
}

/* Those features of a set that do not work here. */
static uint64_t missing_of(const struct features *features, uint64_t set)
{
	uint64_t missing = 0;

	for (int i = 0; i < FEATURES; i++)
		if (set >> i & 1 && features->list[i].state != FEATURE_WORKS)
			missing |= UINT64_C(1) << i;
	return missing;
}

static uint64_t plan_missing(const struct features *features, const struct plan *plan)
{
	return missing_of(features, plan->hooks | plan->uses | ground.hooks | ground.uses);
}

/* The means, as "iter/tcp, tp_btf sys_enter, sys_exit": tracepoints are the last in the order. */
static void hooks_print(FILE *out, const struct features *features, uint64_t hooks)
{
	enum feature_group group = FEATURE_GROUP_ATTACH;
	const char *separator = "";

	for (int i = 0; i < FEATURES; i++) {
		const struct feature *feature = &features->list[i];

		if (!(hooks >> i & 1))
			continue;
		fputs(separator, out);
		if (feature->group != group)
			fputs("tp_btf ", out);
		fputs(feature->name, out);
		group = feature->group;
		separator = ", ";
	}
}

/* The first of what is missing, which the features' order makes the cause of the others. */
static void missing_print(FILE *out, const struct features *features, uint64_t missing)
{
	const struct feature *first = &features->list[__builtin_ctzll(missing)];
	int others = __builtin_popcountll(missing) - 1;

	fprintf(out, "no %s%s: %s", first->group == FEATURE_GROUP_BTF_TRACEPOINT ? "tp_btf " : "",
		first->name, first->reason);
	if (others)
		fprintf(out, "; %d more above", others);
}

static void extra_print(FILE *out, const struct features *features, const struct extra *extra)
{
	bool missing = missing_of(features, extra->hook);

	fprintf(out, "; %s: ", missing ? extra->without : extra->with);
	if (missing)
		missing_print(out, features, extra->hook);
	else
		hooks_print(out, features, extra->hook);
}

static void plan_print(FILE *out, const struct features *features, const struct plan *plan)
{
	uint64_t missing = plan_missing(features, plan);

	fprintf(out, "  %-26s %s", plan->name, missing ? "cannot run: " : "runs by ");
	if (missing) {
		missing_print(out, features, missing);
	} else {
		hooks_print(out, features, plan->hooks);
		for (const struct extra *extra = plan->extras; extra && extra->hook; extra++)
			extra_print(out, features, extra);
	}
	fputc('\n', out);
}

static int verdict_print(FILE *out, const struct features *features, const char *blocker)
{
	size_t running = 0;

	for (size_t i = 0; i < SOURCE_COUNT; i++)
		running += !plan_missing(features, &sources[i]);
	if (!blocker && !running)
		blocker = "this kernel serves none of the sources; use Linux 5.12 or later, with "
			  "CONFIG_DEBUG_INFO_BTF=y and CONFIG_BPF_EVENTS=y";
	if (blocker) {
		fprintf(out, "Sonde cannot run here: %s\n", blocker);
		return 1;
	}
	fprintf(out, "Sonde can run here, %s",
		running < SOURCE_COUNT ? "without " : "with all sources");
	for (size_t i = 0, told = 0; i < SOURCE_COUNT; i++)
		if (plan_missing(features, &sources[i]))
			fprintf(out, "%s%s", told++ ? ", " : "", sources[i].name);
	fputc('\n', out);
	return 0;
}

int check_report(FILE *out, const struct features *features, const char *blocker)
{
	features_print(out, features);
	fputs("Sources\n", out);
	plan_print(out, features, &ground);
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		plan_print(out, features, &sources[i]);
	fputc('\n', out);
	return verdict_print(out, features, blocker);
}

int check_run(FILE *out)
{
	static struct features features;
	char blocker[FEATURES_ERROR_LEN];
	struct utsname kernel;

	uname(&kernel);
	fprintf(out, "Sonde %s on %s %s %s\n\n", SONDE_VERSION, kernel.sysname, kernel.release,
		kernel.machine);
	features_detect(&features);
	return check_report(out, &features, features_preflight(blocker) ? blocker : NULL);
}

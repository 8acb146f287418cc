/* SPDX-License-Identifier: Apache-2.0 */
/* See tls_command.h. */
#include "command/tls_command.h"

#include <inttypes.h>

#include "tls/probe_cost.h"
#include "tls/tls_library.h"

#define PLACE_LEN 32

static const char *price_word(enum probe_price price)
{
	switch (price) {
	case PROBE_EMULATED: return "emulated";
	case PROBE_STEPPED: return "stepped";
	case PROBE_RETURN: return "return";
	case PROBE_RETURN_STEPPED: return "return, stepped";
	case PROBE_NONE:
	default: return "none";
	}
}

static const char *place_text(const struct probe_point *point, char text[PLACE_LEN])
{
	if (point->price == PROBE_NONE)
		return "none";
	if (point->price == PROBE_RETURN || point->price == PROBE_RETURN_STEPPED)
		return price_word(point->price);
	snprintf(text, PLACE_LEN, "+0x%02" PRIx32 " %s", point->into, price_word(point->price));
	return text;
}

static void function_print(FILE *out, const struct tls_library *library, size_t number,
	const struct probe_costs *costs)
{
	const struct probe_plan *plan = &library->functions[number].plan;
	char arguments[PLACE_LEN], result[PLACE_LEN];

	fprintf(out, "  %-30s 0x%-10" PRIx64, tls_functions[number].name,
		library->functions[number].offset);
	if (plan->arguments.price == PROBE_NONE) {
		fputs("not to be probed: its code is not understood\n", out);
		return;
	}
	fprintf(out, "%-16s", place_text(&plan->arguments, arguments));
	fprintf(out, " %-16s",
		tls_functions[number].has_result ? place_text(&plan->results[0], result) : "");
	if (costs)
		fprintf(out, " %8" PRIu64, probe_plan_cost(costs, plan));
	for (unsigned i = 1; i < plan->result_count; i++)
		fprintf(out, "\n  %59s%s", "", place_text(&plan->results[i], result));
	fputc('\n', out);
}

static void interface_print(FILE *out, const struct tls_library *library,
	enum tls_interface interface, const struct probe_costs *costs)
{
	bool begun = false;

	for (size_t i = 0; i < tls_function_count; i++) {
		if (!library->functions[i].is_there || tls_functions[i].interface != interface)
			continue;
		if (!begun)
			fprintf(out, "  %-30s %-12s%-16s %-16s %8s\n",
				tls_interface_name(interface), "in the file", "arguments", "result",
				costs ? "ns a call" : "");
		begun = true;
		function_print(out, library, i, costs);
	}
}

static void library_print(FILE *out, const char *path, const struct tls_library *library,
	const struct probe_costs *costs)
{
	fprintf(out, "%s (%s)\n", path, library->machine == MACHINE_X86_64 ? "x86-64" : "arm64");
	for (int interface = 0; interface < TLS_INTERFACES; interface++)
		interface_print(out, library, interface, costs);
	for (size_t i = 0; i < tls_function_count; i++)
		if (library->functions[i].is_there)
			return;
	fputs("  no function is known here that reads or writes TLS\n", out);
}

int tls_command_run(FILE *out, int count, char *const *paths)
{
	struct probe_costs costs;
	bool measured = !probe_costs_measure(&costs);
	int status = 0;

	if (!measured)
		fputs("Without ns a call: probes cannot be tried here, which takes root.\n", out);
	for (int i = 0; i < count; i++) {
		static struct tls_library library;
		char error[ELF_FILE_ERROR_LEN];

		if (tls_library_read(&library, paths[i], error)) {
			fprintf(stderr, "sonde: %s: %s\n", paths[i], error);
			status = 1;
			continue;
		}
		library_print(out, paths[i], &library,
			measured && library.machine == probe_cost_machine() ? &costs : NULL);
	}
	return status;
}

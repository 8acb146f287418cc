/* SPDX-License-Identifier: Apache-2.0 */
/* See skeleton.h. */
#include "kernel/load/skeleton.h"

#include <errno.h>
#include <stdlib.h>

#include "sonde_tables.skel.h"

/*
 * The skeleton is that of the one object. It finds programs, maps and variables by their names,
 * which are the same in the other one, and so are the layouts of the variables' sections.
 */
_Static_assert(
	sizeof(struct sonde__rodata_settings) == sizeof(struct sonde_tables__rodata_settings) &&
		sizeof(struct sonde__data) == sizeof(struct sonde_tables__data) &&
		sizeof(struct sonde__bss) == sizeof(struct sonde_tables__bss),
	"both objects have the same variables");

struct sonde *skeleton_open(enum skeleton_kept kept)
{
	struct sonde *skeleton = calloc(1, sizeof(*skeleton));
	int result;

	if (!skeleton)
		return NULL;
	result = sonde__create_skeleton(skeleton);
	if (!result && kept == KEPT_IN_TABLES)
		skeleton->skeleton->data =
			(void *)sonde_tables__elf_bytes(&skeleton->skeleton->data_sz);
	if (!result)
		result = bpf_object__open_skeleton(skeleton->skeleton, NULL);
	if (!result)
		return skeleton;
	sonde__destroy(skeleton);
	errno = -result;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All probe families, as one object: each NAME.bpf.c in a folder below this one, as the Makefile
 * finds them. They are not linked from several, because the linker of Debian 12's bpftool cannot
 * link functions of the kernel that a program calls (kfuncs).
 */
#include "core/sonde.bpf.h" /* has the kernel's types, which all others need */

#include "probes.h"

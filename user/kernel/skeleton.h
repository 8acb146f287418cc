/* SPDX-License-Identifier: Apache-2.0 */
/* The generated skeleton; only user/kernel/ sees it. */
#ifndef SONDE_SKELETON_H
#define SONDE_SKELETON_H

#include <stdbool.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "sonde.skel.h"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this process is in the first pid namespace. In another one neither /proc nor the kernel's
 * iterators over tasks show who is outside, although the probes see them all.
 */
#ifndef SONDE_PID_NAMESPACE_H
#define SONDE_PID_NAMESPACE_H

#include <stdbool.h>

bool pid_namespace_is_first(void);

void pid_namespace_report(void); /* what is limited in another one, and what to do */

#endif

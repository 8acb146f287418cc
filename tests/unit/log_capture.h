/* SPDX-License-Identifier: Apache-2.0 */
/* What the log writes to standard error meanwhile, for tests. */
#ifndef SONDE_TEST_LOG_CAPTURE_H
#define SONDE_TEST_LOG_CAPTURE_H

void capture_log(void); /* from here on, as JSON */

/* To here: from the first line's "level" on, as when it was is no matter. "" when nothing was
 * logged. Valid until the next call. */
const char *captured_log(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* See inherited.h. */
#include "privilege/inherited.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privilege/capabilities.h"

void inherited_tidy(void)
{
	int fd;

	capabilities_raise(); /* what is missing then, is told by who needs it */
	do                    /* the lowest free one is taken */
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	closefrom(STDERR_FILENO + 1);
	umask(S_IRWXG | S_IRWXO);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The documents, for tests that hold them against the code. */
#ifndef SONDE_TEST_DOCUMENT_H
#define SONDE_TEST_DOCUMENT_H

/* The text of a file, which stays until the next one is read; it may be written to. */
char *document_read(const char *path);

#endif

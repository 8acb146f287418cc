/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Sonde inherits from whoever starts it. Called by main.c first of all: descriptors 0 to 2 are
 * there, or what is opened first would get what is logged; others are closed, as Sonde has no use
 * for them and lives for long; what it makes is its owner's;
 * capabilities that the file has, as that of the container image, are effective.
 */
#ifndef SONDE_INHERITED_H
#define SONDE_INHERITED_H

void inherited_tidy(void);

#endif

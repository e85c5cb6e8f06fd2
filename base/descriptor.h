/* SPDX-License-Identifier: MIT */
/*
 * Numbers of our own files in somebody else's process: so high that the program's own are what they
 * would be without us, and that it does not get ours when it closes them.
 *
 * Thread: any.
 */
#ifndef BASE_DESCRIPTOR_H
#define BASE_DESCRIPTOR_H

enum { DESCRIPTOR_MIN = 3 };	/* those of the standard streams are not ours, even closed */

/* Numbers from here on are ours; the program's own stay what they would be. */
int descriptor_least(void);

/*
 * Moves a descriptor that was just opened to such a number; the old one where there is none, -1 for
 * -1. errno is kept.
 */
int descriptor_lift(int descriptor);

#endif

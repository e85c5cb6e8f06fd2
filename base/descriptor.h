/* SPDX-License-Identifier: MIT */
/*
 * Numbers of our own files in somebody else's process: so high that the program's own are what they
 * would be without us, and that it does not get ours when it closes them. And what such a number
 * stood for, because a program may close it all the same and get it for a file of its own.
 *
 * Thread: any.
 */
#ifndef BASE_DESCRIPTOR_H
#define BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/types.h>

enum { DESCRIPTOR_MIN = 3 };	/* those of the standard streams are not ours, even closed */

/* Numbers from here on are ours; the program's own stay what they would be. */
int descriptor_least(void);

/*
 * Moves a descriptor that was just opened to such a number; the old one where there is none, -1 for
 * -1. errno is kept.
 */
int descriptor_lift(int descriptor);

/* Which file it is, whatever its names and numbers; all zero: none. */
struct file_identity {
	dev_t device;
	ino_t inode;
};

/* False and errno: there is no such file, or no such descriptor. */
bool file_identity_of_path(struct file_identity *identity, const char *path);
bool file_identity_of_descriptor(struct file_identity *identity, int descriptor);
bool file_identity_equals(const struct file_identity *a, const struct file_identity *b);

/* Whether the descriptor still stands for that file: only then it may be used, or closed. */
bool descriptor_is_of(int descriptor, const struct file_identity *identity);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The lexer of scenario files: one line into a verb and key=value words. Part of the rig, a test
 * double.
 * Thread: any; the line is changed in place and the words point into it.
 */
#ifndef RIG_WORDS_H
#define RIG_WORDS_H

#include <stdbool.h>
#include <stdint.h>

enum { RIG_WORDS_MAX = 40 };

struct rig_word {
	char *key;
	char *value;	/* NULL: a flag, or the verb */
};

/* Number of words, 0 for a blank line, -1 for a broken one. */
int rig_line_split(char *line, struct rig_word words[RIG_WORDS_MAX]);

/* Decimal or 0x, with an optional suffix k, M, G (1000s) or Ki, Mi, Gi; us, ms, s for
 * nanoseconds. */
bool rig_number_parse(const char *text, int64_t *number, const char **rest);

/* Reads a whole file; the caller frees. NULL if it cannot be read. */
char *rig_file_read(const char *path);

#endif

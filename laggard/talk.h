/* SPDX-License-Identifier: MIT */
/*
 * What the program says: results on stdout or into a file, talk on stderr, one line at a time.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_TALK_H
#define LAGGARD_TALK_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>

/*
 * Opens /dev/null in place of those of stdin, stdout, stderr that are closed, so that no file of
 * ours gets their numbers. Writing to such a stdout still fails. A program that is exec'ed finds
 * them closed again.
 */
void standard_files_guard(void);

/* "laggard: error: ..." and "laggard: ..." */
void talk_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void talk_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Writes all of `text` to the file `path`, or to stdout where it is NULL or "-". A reader that went
 * away
 * (`laggard analyze | head`) has had enough: that is no failure.
 */
bool result_write(const char *path, const struct text *text, struct error *error);

/* The same for one short line on stdout. */
bool result_write_line(const char *line, struct error *error);

/* Whether stdout is a pipe whose reader went away: for writers that are not result_write. */
bool stdout_reader_is_gone(void);

/* Whether a result on stdout may be coloured: a terminal that can, and nobody set NO_COLOR. */
bool stdout_wants_color(void);

/* `path` as a person can type it into a shell. */
void text_add_shell_word(struct text *text, const char *path);

#endif

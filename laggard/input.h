/* SPDX-License-Identifier: MIT */
/*
 * The traces that a command line names, opened: with a progress bar while foreign files are
 * imported, and one error line on stderr for each that cannot be read.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_INPUT_H
#define LAGGARD_INPUT_H

#include "base/error.h"
#include "base/options.h"
#include "tracedb/trace_set.h"

#include <stdbool.h>
#include <stddef.h>

/* All arguments of the line, or those given. Fails only if nothing could be read. */
bool input_open_paths(struct trace_set **set, const char *const *paths, size_t count,
		      struct error *error);
bool input_open(struct trace_set **set, const struct parsed_line *line, struct error *error);

/*
 * Says on stderr what could not be read, unless it is already known as the error of the command;
 * true where there was such an input, so that the exit status is EXIT_INPUT.
 */
bool input_say_broken(const struct trace_set *set);

/*
 * Fails with ERROR_USAGE where `output` is one of the named inputs: it would be lost. NULL and "-"
 * are fine.
 */
bool input_check_output(const struct parsed_line *line, const char *output, struct error *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Pages made from the command and option tables.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_HELP_H
#define LAGGARD_HELP_H

#include "base/text.h"
#include "laggard/command.h"

/* Prints what `laggard COMMAND --help` shows; NULL: what `laggard --help` shows. */
bool help_print(const struct command *command, struct error *error);

/* Manual pages as roff: laggard(1), laggard-<command>(1), laggard-trace(5). */
void program_add_manual(struct text *page);
void command_add_manual(struct text *page, const struct command *command);
void trace_add_manual(struct text *page);

/* Completions for a shell. */
void completion_add_bash(struct text *script);
void completion_add_zsh(struct text *script);
void completion_add_fish(struct text *script);

#endif

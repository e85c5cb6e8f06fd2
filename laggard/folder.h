/* SPDX-License-Identifier: MIT */
/*
 * Folders that commands write into.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_FOLDER_H
#define LAGGARD_FOLDER_H

#include "base/error.h"

#include <stdbool.h>

/*
 * Makes `path` and what is missing above it. An existing folder is fine; `*is_new` (may be NULL)
 * tells. Fails where something else has the name, or the folder cannot be written to.
 */
bool folder_make(const char *path, bool *is_new, struct error *error);

#endif

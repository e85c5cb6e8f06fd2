/* SPDX-License-Identifier: MIT */
/*
 * What an import cannot take over or must not pass over in silence: tables without a place in our
 * schema, what the recorder itself warns of, a schema newer than the known ones. All of it goes
 * into the database of the first process.
 *
 * Thread: the import's.
 */
#ifndef TRACEDB_IMPORT_NSYS_LOSS_H
#define TRACEDB_IMPORT_NSYS_LOSS_H

#include "tracedb/import_nsys_process.h"

bool nsys_losses_put(struct nsys_import *import, const char *schema_version, struct error *error);

#endif

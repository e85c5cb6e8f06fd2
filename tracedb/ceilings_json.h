/* SPDX-License-Identifier: MIT */
/*
 * Ceilings from the JSON that the measuring program (kernels/calibrate.cu) prints: one object,
 *
 *     { "format": "laggard-ceilings", "version": 1, "host": ..., "made_ns": ...,
 *       "gpus": [ { "gpu_id": 0, "uuid": ..., ... } ],
 *       "ceilings": [ { "kind": "h2d", "gpu_id": 0, "memory": "pinned", ... } ] }
 *
 * whose keys are the columns of ceilings.def. What it does not know it leaves out; unknown keys are
 * passed over. Instead of ceilings it may say { ..., "error": "no GPU" }.
 *
 * Thread: any; one call on one thread.
 */
#ifndef TRACEDB_CEILINGS_JSON_H
#define TRACEDB_CEILINGS_JSON_H

#include "base/error.h"
#include "tracedb/ceilings.h"

#include <stdbool.h>

/*
 * `ceilings` need not be begun; after a failure it holds nothing. Hostile input: any text gives a
 * checked set or one error that names the file and the place. A text with "error" fails with it.
 */
bool ceilings_read_json(struct ceilings *ceilings, const char *path, struct error *error);

#endif

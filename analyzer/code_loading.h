/* SPDX-License-Identifier: MIT */
/*
 * Code that is loaded or compiled inside of calls that are there for something else: a first launch
 * that loads its module lazily, or compiles PTX. Such calls load code (CALL_LOAD).
 *
 * Thread: the reader's thread, while calls are loaded.
 */
#ifndef ANALYZER_CODE_LOADING_H
#define ANALYZER_CODE_LOADING_H

#include "analyzer/host_calls.h"

/* Reads `overhead`; the calls are arranged, and their correlation ids still there. */
bool code_loading_mark(struct host_calls *calls, struct trace_reader *reader, struct error *error);

#endif

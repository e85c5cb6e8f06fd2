/* SPDX-License-Identifier: MIT */
/*
 * Joins the communication kernels of a timeline with the operations that the trace knows of:
 * communicator, operation, sequence, bytes. What no row tells stays as the kernel's name says.
 *
 * Thread: the reader's.
 */
#ifndef ANALYZER_COMM_JOIN_H
#define ANALYZER_COMM_JOIN_H

#include "analyzer/timeline.h"

/* Texts are borrowed from the reader, whose strings are loaded. */
bool comm_join(struct timeline *timeline, struct trace_reader *reader, struct error *error);

#endif

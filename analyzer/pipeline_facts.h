/* SPDX-License-Identifier: MIT */
/*
 * Is the job a pipeline? From the Sends of its ranks to each other in the window: stages in a
 * chain, how many micro-batches, and the time that such a schedule leaves idle beside what was
 * measured.
 *
 * Thread: one thread, over a measured job whose traces are still loaded.
 */
#ifndef ANALYZER_PIPELINE_FACTS_H
#define ANALYZER_PIPELINE_FACTS_H

#include "analyzer/report.h"

/* Fills report->pipeline; not being a pipeline is no failure. */
bool pipeline_find(struct report *report, struct error *error);

#endif

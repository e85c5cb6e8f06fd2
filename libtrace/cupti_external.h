/* SPDX-License-Identifier: MIT */
/*
 * The calling thread's place as CUPTI sees it: cupti_source_push_external and its sisters
 * (cupti_source.h) bracket launches and find streams; what CUPTI did not take is told here.
 *
 * Thread: the drain's.
 */
#ifndef LIBTRACE_CUPTI_EXTERNAL_H
#define LIBTRACE_CUPTI_EXTERNAL_H

#include "libtrace/cupti_source.h"

void cupti_external_take_losses(cupti_source_hear hear, void *context);

#endif

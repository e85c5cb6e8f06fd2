/* SPDX-License-Identifier: MIT */
/*
 * Another CUPTI client's calls by name (preload/cupti_names.c) once we are loaded. While we do not
 * record with the CUPTI that the client means, each call goes on to it unchanged.
 *
 * Thread: any; CUPTI's own rules apply. All keep errno.
 */
#ifndef LIBTRACE_CUPTI_ENTRY_H
#define LIBTRACE_CUPTI_ENTRY_H

#include "libtrace/preload/preload.h"

extern const struct cupti_entry cupti_entry;

#endif

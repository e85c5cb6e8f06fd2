/* SPDX-License-Identifier: MIT */
/*
 * Callback ids of the API functions that the rig knows, and their CUPTI names.
 * Thread: any, read-only.
 */
#ifndef RIG_CUPTI_NAMES_H
#define RIG_CUPTI_NAMES_H

#include <stdint.h>

enum { RIG_CBIDS_MAX = 1024 };

uint32_t rig_cbid_find(uint32_t domain, const char *name);	/* 0: not known */
const char *rig_cbid_name(uint32_t domain, uint32_t cbid); /* with the version suffix, or NULL */
const char *rig_result_name(int result);

#endif

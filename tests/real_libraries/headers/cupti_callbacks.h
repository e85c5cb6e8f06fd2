/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for CUPTI's header of the same name, found before it: the real one needs all of
 * CUDA's headers and declares no record.
 */
#ifndef STAND_IN_CUPTI_CALLBACKS_H
#define STAND_IN_CUPTI_CALLBACKS_H

#include <cuda.h>
#include <stdint.h>

typedef enum { CUPTI_STAND_IN_DOMAIN } CUpti_CallbackDomain;
typedef uint32_t CUpti_CallbackId;
typedef struct CUpti_CallbackData CUpti_CallbackData;

#endif

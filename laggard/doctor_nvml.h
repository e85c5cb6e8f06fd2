/* SPDX-License-Identifier: MIT */
/*
 * NVML for the doctor: opened once, its functions by name.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_DOCTOR_NVML_H
#define LAGGARD_DOCTOR_NVML_H

#include "libtrace/nvml_abi.h"

#include <stdbool.h>
#include <stddef.h>

/* NVML's answer to being started; NVML_LIBRARY_NOT_FOUND where there is none. */
int doctor_nvml_open(void);

bool doctor_nvml_find(void *function, size_t size, const char *name);
#define DOCTOR_NVML(function, name) doctor_nvml_find(&(function), sizeof(function), name)

#endif

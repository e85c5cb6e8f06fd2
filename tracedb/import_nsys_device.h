/* SPDX-License-Identifier: MIT */
/*
 * GPUs of a Nsight Systems export. TARGET_INFO_GPU lists those of the machine; a process counts its
 * own from 0, and TARGET_INFO_CUDA_DEVICE says which is which.
 *
 * Thread: the import's.
 */
#ifndef TRACEDB_IMPORT_NSYS_DEVICE_H
#define TRACEDB_IMPORT_NSYS_DEVICE_H

#include "tracedb/import_nsys_process.h"

struct nsys_devices;

bool nsys_devices_load(struct nsys_devices **out, struct nsys_file *file, struct error *error);
void nsys_devices_close(struct nsys_devices *devices);

/* A device row for each GPU that the process used. */
bool nsys_devices_put(const struct nsys_devices *devices, struct nsys_process *process,
		      struct error *error);

#endif

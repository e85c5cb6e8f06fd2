/* SPDX-License-Identifier: MIT */
/*
 * What there is to know about the host and the program without asking the GPU: names, ids, rank,
 * versions of the libraries that are mapped.
 *
 * Thread: ranks_read on the program's thread (it reads the environment); the rest on the drain
 * thread.
 */
#ifndef LIBTRACE_HOST_FACTS_H
#define LIBTRACE_HOST_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The process in its job as torchrun, Open MPI, MPICH or Slurm say it; -1 where they do not. */
struct ranks {
	int64_t rank, world_size, local_rank;
};

struct ranks ranks_read(void);

struct clock_triple {
	int64_t realtime_ns, monotonic_ns, boottime_ns;
};

/* The three clocks, read as close together as this moment allows. */
struct clock_triple clock_triple_read(void);

int64_t realtime_ns(void);
int64_t monotonic_ns(void);

enum { HOST_TEXT_MAX = 256, COMMAND_TEXT_MAX = 8192 };

void host_name_read(char text[HOST_TEXT_MAX]);
void boot_id_read(char text[HOST_TEXT_MAX]);
void command_read(char text[COMMAND_TEXT_MAX]);
bool thread_name_read(int64_t thread_id, char text[HOST_TEXT_MAX]);

/* Versions, '' if unknown. They look at what is mapped now, so later calls may know more. */
void driver_version_read(char text[HOST_TEXT_MAX]);
/* The same from the first line of /proc/driver/nvidia/version. Any thread. */
void driver_version_find(char text[HOST_TEXT_MAX], const char *line);
void cuda_driver_version_read(char text[HOST_TEXT_MAX]);
void cuda_runtime_version_read(char text[HOST_TEXT_MAX]);
void cudnn_version_read(char text[HOST_TEXT_MAX]);
void framework_read(char text[HOST_TEXT_MAX]);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The inside of the flight recorder, shared by its files: flight_recorder.c keeps and decides,
 * flight_dump.c writes.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_FLIGHT_PRIVATE_H
#define LIBTRACE_FLIGHT_PRIVATE_H

#include "libtrace/flight_opens.h"
#include "libtrace/flight_progress.h"
#include "libtrace/flight_recorder.h"
#include "libtrace/flight_ring.h"
#include "libtrace/flight_steps.h"
#include "libtrace/output_path.h"

enum {
	FLIGHT_LOSSES_MAX = 128, FLIGHT_NAMES_MAX = 1024, FLIGHT_KERNEL_SLOTS = 1024,
	FLIGHT_TRIGGER_BYTES = 256,
};

enum flight_item_kind { FLIGHT_BUFFER = 1, FLIGHT_NVTX, FLIGHT_NCCL, FLIGHT_ROW };

/* Summed since the start; every dump tells all of it. */
struct flight_loss {
	char source[16], reason[128];
	int64_t count, first_ns, last_ns;
};

/* Is a kernel NCCL's? CUPTI's name pointers stay for ever, so they are asked once. */
struct flight_kernel_slot {
	const char *name;
	bool is_nccl;
};

struct flight {
	struct flight_plan plan;
	int64_t window_ns;
	struct flight_ring *ring;
	struct flight_opens opens;
	struct flight_progress progress;
	struct flight_steps steps;
	struct flight_loss losses[FLIGHT_LOSSES_MAX];
	size_t loss_count;
	char *names[FLIGHT_NAMES_MAX];
	size_t name_count;
	struct flight_kernel_slot kernels[FLIGHT_KERNEL_SLOTS];
	int64_t time_ns;		/* of the newest item: never goes back */
	int64_t squeezed_ns; /* the newest record that left too early came then; 0: none */
	uint64_t correlation_last;
	bool has_correlation, has_api_records;
	int64_t thread_last;
	char slow_step[FLIGHT_TRIGGER_BYTES];	/* '' if there is none to tell */
	int64_t second_due_ns;		/* CLOCK_MONOTONIC */
	bool is_hang_told;
	int64_t gap_count;		/* of the capture window, when it was last looked at */
	int64_t dumps, automatic_due_ns;
	int64_t name_number;		/* of the newest dump's file */
	bool is_replaying;
};

/* Writes what is kept. False: nothing was written, and `error` says why. */
bool flight_dump_write(struct flight *flight, const char *trigger, char path[OUTPUT_PATH_MAX],
		       struct error *error);

#endif

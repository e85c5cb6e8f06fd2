/* SPDX-License-Identifier: MIT */
/*
 * Names by which programs tell their iterations apart: ranges such as "ProfilerStep#12", "step 3",
 * "iteration7", "[pl][profile]run_training_batch"; and kernels of optimisers.
 *
 * Thread: pure functions.
 */
#ifndef TRACEDB_STEP_NAMES_H
#define TRACEDB_STEP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

enum { STEP_FAMILY_MAX = 64 };

/*
 * Is a range of this name a step? Its words (without the number) must be a word for a step and
 * nothing else than what goes with one: "Optimizer.step" is not. `family` becomes the words in
 * lower case, joined by '_' ("profiler_step"); `number` the last number of the name, -1 without.
 */
bool step_name_parse(const char *name, char family[STEP_FAMILY_MAX], int64_t *number);

/* PyTorch's own step range: even one of them is worth believing. */
bool step_family_is_profiler(const char *family);

/* Kernels that only an optimiser runs, as far as a name can tell. */
bool kernel_is_of_optimizer(const char *name);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What CUPTI is asked to record, as the settings say: the kinds of records, and what is set before
 * they are switched on.
 *
 * Thread: inside InitializeInjection; cupti_unified_memory_enable also in the callback of a context
 * that was created.
 */
#ifndef LIBTRACE_CUPTI_KINDS_H
#define LIBTRACE_CUPTI_KINDS_H

#include "libtrace/cupti_library.h"
#include "libtrace/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct cupti_kind_choice {
	uint32_t kind;
	bool is_wanted, is_vital;
	bool is_switched;	/* off while the capture window is closed */
	bool is_newer;		/* than the oldest CUPTI that we know */
};

enum { CUPTI_KIND_CHOICES = 20 };

void cupti_kinds_choose(const struct settings *settings, uint32_t version,
			struct cupti_kind_choice choices[CUPTI_KIND_CHOICES]);

/* Attributes and switches; `refused` hears what the library does not let us have. */
typedef void (*cupti_hear_refused)(const char *what, uint32_t kind, uint32_t result);
void cupti_options_set(const struct cupti_library *library, const struct settings *settings,
		       cupti_hear_refused refused);

/*
 * Migrations and page faults of managed memory. CUPTI starts a thread for them, and refuses them
 * on several GPUs without peer access.
 */
uint32_t cupti_unified_memory_enable(const struct cupti_library *library);

#endif

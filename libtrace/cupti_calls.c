/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_calls.h"
#include "libtrace/api_filter.h"
#include "libtrace/cupti_session.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

enum { CBIDS_MAX = 2048 };

static atomic_bool are_left_out;

/* "cudaProfilerStart_v4000" is the call; "cudaProfilerStartX" would be another. */
static bool is_call(const char *name, const char *call)
{
	size_t length = strlen(call);
	return strncmp(name, call, length) == 0 && (name[length] == 0 || name[length] == '_');
}

/* Callbacks on the calls that start and stop the profiler, found by their names. */
bool cupti_calls_find_profiler(const struct cupti_library *library, cupti_profiler_calls found)
{
	static const struct { uint32_t domain; const char *start, *stop; } calls[] = {
		{ CUPTI_DOMAIN_RUNTIME, "cudaProfilerStart", "cudaProfilerStop" },
		{ CUPTI_DOMAIN_DRIVER, "cuProfilerStart", "cuProfilerStop" },
	};
	bool has_found = false;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		for (uint32_t cbid = 1; cbid < CBIDS_MAX; cbid++) {
			const char *name = NULL;
			if (library->get_callback_name == NULL ||
			    library->get_callback_name(calls[i].domain, cbid, &name) != CUPTI_OK ||
			    name == NULL)
				continue;
			bool is_start = is_call(name, calls[i].start);
			if (!is_start && !is_call(name, calls[i].stop))
				continue;
			found[calls[i].domain][is_start] = cbid;
			if (cupti_session_enable_callback(library, calls[i].domain, cbid) ==
			    CUPTI_OK)
				has_found = true;
		}
	}
	return has_found;
}

static void call_choose(const struct cupti_library *library, const struct settings *settings,
			uint32_t domain, uint32_t cbid, bool is_enabled)
{
	const struct api_filter filter = { .skip = settings->api_skip };
	const char *name = NULL;
	if (library->get_callback_name(domain, cbid, &name) == CUPTI_OK && name != NULL &&
	    api_filter_skips(&filter, name))
		cupti_session_choose_api(library, domain, cbid, is_enabled);
}

/*
 * Where CUPTI can leave out single calls it does so itself; elsewhere they are dropped when
 * decoding.
 */
void cupti_calls_enable_noisy(const struct cupti_library *library, const struct settings *settings,
			      bool is_enabled)
{
	if (settings->api == API_CHOICE_OFF || library->get_callback_name == NULL ||
	    atomic_exchange(&are_left_out, !is_enabled) == !is_enabled)
		return;
	for (uint32_t cbid = 1; cbid < CBIDS_MAX; cbid++) {
		call_choose(library, settings, CUPTI_DOMAIN_RUNTIME, cbid, is_enabled);
		call_choose(library, settings, CUPTI_DOMAIN_DRIVER, cbid, is_enabled);
	}
}

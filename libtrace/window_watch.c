/* SPDX-License-Identifier: MIT */
#include "libtrace/window_watch.h"
#include "libtrace/capture_window.h"
#include "libtrace/nvtx_definitions.h"
#include "libtrace/thread_state.h"

#include <stdatomic.h>
#include <string.h>

enum { NAME_BYTES_MAX = 2 * SETTING_TEXT_MAX };	/* longer than any pattern */

static struct {
	const struct settings *settings;
	_Atomic int64_t step;		/* the last that began */
	atomic_uint depth;		/* of steps within steps */
	atomic_uintptr_t step_thread;	/* whose steps count: the address of its own mark */
} watch = { .step = -1 };

bool window_pattern_matches(const char *pattern, size_t pattern_length, const char *name,
			    size_t name_length)
{
	if (pattern_length > 0 && pattern[pattern_length - 1] == '*')
		return name_length >= pattern_length - 1 &&
		       memcmp(pattern, name, pattern_length - 1) == 0;
	return name_length == pattern_length && memcmp(pattern, name, name_length) == 0;
}

void window_watch_begin(const struct settings *settings)
{
	watch.settings = settings;
}

/* The text of the range as UTF-8: its own, a registered string, or a copy of a wide one. */
static const char *name_of(const struct nvtx_event_source *source, char copy[NAME_BYTES_MAX],
			   size_t *length)
{
	if (source->head.string != 0) {
		const struct nvtx_name *name =
			nvtx_name_at(source->head.string, NVTX_DEFINED_STRING);
		*length = name == NULL ? 0 : name->length;
		return name == NULL ? "" : name->text;
	}
	*length = source->text.length;
	if (source->text.units == NULL)
		return "";
	if (source->text.width == NVTX_TEXT_NARROW)
		return source->text.units;
	struct nvtx_text text = nvtx_text_measure(source->text.units, source->text.width,
						  source->text.unit_count, NAME_BYTES_MAX);
	nvtx_text_write(&text, copy);
	*length = text.length;
	return copy;
}

/* "name" is of any domain, "domain@name" of that one; the default domain has an empty name. */
static bool range_matches(const struct nvtx_event_source *source, const char *name, size_t length)
{
	const char *pattern = watch.settings->range;
	const char *at = strchr(pattern, '@');
	if (*pattern == 0)
		return false;
	if (at != NULL) {
		const struct nvtx_name *domain =
			nvtx_name_at(source->head.domain, NVTX_DEFINED_DOMAIN);
		size_t domain_length = domain == NULL ? 0 : domain->length;
		if (!window_pattern_matches(pattern, (size_t)(at - pattern),
					    domain == NULL ? "" : domain->text, domain_length))
			return false;
		pattern = at + 1;
	}
	return window_pattern_matches(pattern, strlen(pattern), name, length);
}

static bool step_matches(const char *name, size_t length)
{
	const char *pattern = watch.settings->step_range;
	while (watch.settings->steps.is_given && *pattern != 0) {
		size_t size = strcspn(pattern, ",");
		if (size > 0 && window_pattern_matches(pattern, size, name, length))
			return true;
		pattern += size + (pattern[size] == ',');
	}
	return false;
}

/* True if it is a step that counts, or one within such a step. */
static bool step_begin(void)
{
	uintptr_t nobody = 0, own = (uintptr_t)&laggard_thread.mark;
	if (!atomic_compare_exchange_strong_explicit(&watch.step_thread, &nobody, own,
						     memory_order_relaxed, memory_order_relaxed) &&
	    nobody != own)
		return false;
	if (atomic_fetch_add_explicit(&watch.depth, 1, memory_order_relaxed) > 0)
		return true;
	int64_t step = atomic_fetch_add_explicit(&watch.step, 1, memory_order_relaxed) + 1;
	if (step == watch.settings->steps.first)
		capture_window_meet(WINDOW_STEPS, true);
	return true;
}

/*
 * On any thread: start/end ranges may end elsewhere. A program may end what it never began, with
 * any number: the depth stays at 0 then.
 */
static void step_end(void)
{
	unsigned depth = atomic_load_explicit(&watch.depth, memory_order_relaxed);
	do {
		if (depth == 0)
			return;
	} while (!atomic_compare_exchange_weak_explicit(&watch.depth, &depth, depth - 1,
							memory_order_relaxed,
							memory_order_relaxed));
	if (depth > 1)
		return;
	if (atomic_load_explicit(&watch.step, memory_order_relaxed) >= watch.settings->steps.last)
		capture_window_meet(WINDOW_STEPS, false);
}

unsigned window_watch_open(const struct nvtx_event_source *source)
{
	char copy[NAME_BYTES_MAX];
	size_t length;
	unsigned watched = 0;
	const char *name = name_of(source, copy, &length);
	if (range_matches(source, name, length)) {
		watched |= WATCHED_RANGE;
		capture_window_count_range(1);
	}
	if (step_matches(name, length) && step_begin())
		watched |= WATCHED_STEP;
	return watched;
}

void window_watch_close(unsigned watched)
{
	if (watch.settings == NULL)
		return;
	if ((watched & WATCHED_RANGE) != 0)
		capture_window_count_range(-1);
	if ((watched & WATCHED_STEP) != 0)
		step_end();
}

int64_t window_watch_step(void)
{
	return atomic_load_explicit(&watch.step, memory_order_relaxed);
}

/* SPDX-License-Identifier: MIT */
/*
 * How we stand with CUPTI: as its only subscriber, with the calls that every version has, or, where
 * it knows them (CUDA 13.3), as one of several, with calls that take a subscriber. CUPTI refuses to
 * mix the two ways in a process, so whoever else is here decides: cupti_move.h changes the way.
 *
 * Thread: opened and closed by one thread at a time; the other functions: any. No lock.
 */
#ifndef LIBTRACE_CUPTI_SESSION_H
#define LIBTRACE_CUPTI_SESSION_H

#include "base/error.h"
#include "libtrace/cupti_library.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cupti_way { CUPTI_WAY_NONE, CUPTI_WAY_ALONE, CUPTI_WAY_SEVERAL };

enum { SUBSCRIBER_NAME_MAX = 256, SUBSCRIBER_REASON_MAX = SUBSCRIBER_NAME_MAX + 64 };

/* The library has all calls that one of several subscribers needs. */
bool cupti_session_can_be_several(const struct cupti_library *library);

/* Subscribes. CUPTI's result; `other` becomes the name of who is there already, where it is told.
 */
uint32_t cupti_session_open(const struct cupti_library *library, enum cupti_way way,
			    cupti_callback callback, char other[SUBSCRIBER_NAME_MAX]);

/*
 * The first session of the process: this way, or the other where somebody stands that way already.
 * False: `error` is the line to print, and `taken` says by whom CUPTI is taken, if it is.
 */
bool cupti_session_start(const struct cupti_library *library, enum cupti_way way,
			 cupti_callback callback, char taken[SUBSCRIBER_REASON_MAX],
			 struct error *error);
void cupti_session_close(const struct cupti_library *library);

enum cupti_way cupti_session_way(void);

/* Counts the sessions of this process: what was pushed in an earlier one is not in this one. */
uint32_t cupti_session_number(void);

/* CUPTI's calls of the same names. The buffer callbacks are those of either way. */
struct cupti_buffer_callbacks {
	cupti_requested requested;
	cupti_completed completed;
	cupti_requested_v2 requested_v2;
	cupti_completed_v2 completed_v2;
};
uint32_t cupti_session_register(const struct cupti_library *library,
				const struct cupti_buffer_callbacks *callbacks);
uint32_t cupti_session_enable(const struct cupti_library *library, uint32_t kind);
uint32_t cupti_session_disable(const struct cupti_library *library, uint32_t kind);
uint32_t cupti_session_enable_callback(const struct cupti_library *library, uint32_t domain,
				       uint32_t cbid);
void cupti_session_set_attribute(const struct cupti_library *library,
				 enum cupti_attribute attribute, void *value, size_t size);
size_t cupti_session_take_dropped(const struct cupti_library *library);
void cupti_session_choose_api(const struct cupti_library *library, uint32_t domain, uint32_t cbid,
			      bool is_enabled);
bool cupti_session_has_external(const struct cupti_library *library);
uint32_t cupti_session_push(const struct cupti_library *library, uint32_t kind, uint64_t id);
uint32_t cupti_session_pop(const struct cupti_library *library, uint32_t kind);

#endif

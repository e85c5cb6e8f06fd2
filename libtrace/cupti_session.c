/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_session.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char own_name[] = "laggard libtrace";

static struct {
	void *_Atomic subscriber;
	_Atomic uint32_t way;
	_Atomic uint32_t number;
} session;

static bool is_several(void)
{
	return atomic_load_explicit(&session.way, memory_order_acquire) == CUPTI_WAY_SEVERAL;
}

static void *subscriber_get(void)
{
	return atomic_load_explicit(&session.subscriber, memory_order_acquire);
}

bool cupti_session_can_be_several(const struct cupti_library *library)
{
	return library->subscribe_v2 != NULL && library->enable_v2 != NULL &&
		library->disable_v2 != NULL && library->register_callbacks_v2 != NULL &&
		library->unsubscribe != NULL;
}

/*
 * Up to CUDA 13.1 the new call only tells more: who is there. Later it would forbid the old ones,
 * which we use where nobody else is, to everybody.
 */
static bool has_telling_subscribe(const struct cupti_library *library)
{
	return library->subscribe_v2 != NULL && library->enable_v2 == NULL;
}

static uint32_t subscribe_new(const struct cupti_library *library, bool allows_others,
			      void **subscriber, cupti_callback callback, char *other)
{
	struct cupti_subscriber_params params = {
		.size = allows_others ? sizeof params : CUPTI_SUBSCRIBER_PARAMS_FIRST_BYTES,
		.name = own_name, .old_name = other, .old_name_size = SUBSCRIBER_NAME_MAX,
		.allows_others = allows_others,
	};
	return library->subscribe_v2(subscriber, callback, NULL, &params);
}

uint32_t cupti_session_open(const struct cupti_library *library, enum cupti_way way,
			    cupti_callback callback, char other[SUBSCRIBER_NAME_MAX])
{
	void *subscriber = NULL;
	uint32_t result;
	other[0] = 0;
	if (way == CUPTI_WAY_SEVERAL || has_telling_subscribe(library))
		result = subscribe_new(library, way == CUPTI_WAY_SEVERAL, &subscriber, callback,
				       other);
	else
		result = library->subscribe(&subscriber, callback, NULL);
	other[SUBSCRIBER_NAME_MAX - 1] = 0;
	if (result != CUPTI_OK)
		return result;
	atomic_store_explicit(&session.subscriber, subscriber, memory_order_release);
	atomic_fetch_add_explicit(&session.number, 1, memory_order_acq_rel);
	atomic_store_explicit(&session.way, (uint32_t)way, memory_order_release);
	return CUPTI_OK;
}

bool cupti_session_start(const struct cupti_library *library, enum cupti_way way,
			 cupti_callback callback, char taken[SUBSCRIBER_REASON_MAX],
			 struct error *error)
{
	char other[SUBSCRIBER_NAME_MAX] = "", first[SUBSCRIBER_NAME_MAX], number[32];
	if (!cupti_session_can_be_several(library))
		way = CUPTI_WAY_ALONE;
	uint32_t result = cupti_session_open(library, way, callback, first);
	if (result == CUPTI_OK)
		return true;
	/* Whoever is there already may stand the other way. */
	if (cupti_session_can_be_several(library) &&
	    cupti_session_open(library,
			       way == CUPTI_WAY_ALONE ? CUPTI_WAY_SEVERAL : CUPTI_WAY_ALONE,
			       callback, other) == CUPTI_OK)
		return true;
	if (result != CUPTI_MULTIPLE_SUBSCRIBERS)
		return fail(error, ERROR_SYSTEM,
			    "CUPTI (%s) refuses to trace: %s; the GPU is not recorded",
			    library->path, cupti_result_text(library, result, number));
	if (first[0] != 0)
		memcpy(other, first, sizeof other);
	(void)snprintf(taken, SUBSCRIBER_REASON_MAX, "disabled: CUPTI is taken by %s",
		       other[0] != 0 ? other : "another tool");
	if (other[0] != 0)
		return fail(error, ERROR_SYSTEM,
			    "CUPTI is already taken by '%s': the GPU is not recorded; "
			    "run without that tool",
			    other);
	return fail(error, ERROR_SYSTEM,
		    "CUPTI is already taken by another tool (a profiler, debugger or "
		    "sanitizer): the GPU is not recorded; run without it");
}

void cupti_session_close(const struct cupti_library *library)
{
	void *subscriber = subscriber_get();
	atomic_store_explicit(&session.way, CUPTI_WAY_NONE, memory_order_release);
	atomic_store_explicit(&session.subscriber, NULL, memory_order_release);
	if (library->unsubscribe != NULL && subscriber != NULL)
		(void)library->unsubscribe(subscriber);
}

enum cupti_way cupti_session_way(void)
{
	return (enum cupti_way)atomic_load_explicit(&session.way, memory_order_acquire);
}

uint32_t cupti_session_number(void)
{
	return atomic_load_explicit(&session.number, memory_order_acquire);
}

uint32_t cupti_session_register(const struct cupti_library *library,
				const struct cupti_buffer_callbacks *callbacks)
{
	return is_several()
		? library->register_callbacks_v2(subscriber_get(), callbacks->requested_v2,
						 callbacks->completed_v2)
		: library->register_callbacks(callbacks->requested, callbacks->completed);
}

uint32_t cupti_session_enable(const struct cupti_library *library, uint32_t kind)
{
	/* Without a choice of fields the records are those of the old calls. */
	return is_several() ? library->enable_v2(subscriber_get(), kind, NULL)
			    : library->enable(kind);
}

uint32_t cupti_session_disable(const struct cupti_library *library, uint32_t kind)
{
	return is_several() ? library->disable_v2(subscriber_get(), kind, NULL)
			    : library->disable(kind);
}

uint32_t cupti_session_enable_callback(const struct cupti_library *library, uint32_t domain,
				       uint32_t cbid)
{
	return library->enable_callback(1, subscriber_get(), domain, cbid);
}

void cupti_session_set_attribute(const struct cupti_library *library,
				 enum cupti_attribute attribute, void *value, size_t size)
{
	if (!is_several() && library->set_attribute != NULL)
		(void)library->set_attribute(attribute, &size, value);
	else if (is_several() && library->set_attribute_v2 != NULL)
		(void)library->set_attribute_v2(subscriber_get(), attribute, &size, value);
}

size_t cupti_session_take_dropped(const struct cupti_library *library)
{
	size_t dropped = 0;
	uint32_t result = CUPTI_OK;
	if (is_several()) {
		/* The old call would count what others lost. */
		if (library->get_dropped_v2 != NULL)
			result = library->get_dropped_v2(subscriber_get(), NULL, 0, &dropped);
	} else if (library->get_dropped != NULL) {
		result = library->get_dropped(NULL, 0, &dropped);
	}
	return result == CUPTI_OK ? dropped : 0;
}

void cupti_session_choose_api(const struct cupti_library *library, uint32_t domain, uint32_t cbid,
			      bool is_enabled)
{
	bool is_runtime = domain == CUPTI_DOMAIN_RUNTIME;
	if (is_several()) {
		uint32_t (*choose)(void *, uint32_t, uint8_t) =
			is_runtime ? library->enable_runtime_api_v2 : library->enable_driver_api_v2;
		if (choose != NULL)
			(void)choose(subscriber_get(), cbid, is_enabled);
		return;
	}
	uint32_t (*choose)(uint32_t, uint8_t) =
		is_runtime ? library->enable_runtime_api : library->enable_driver_api;
	if (choose != NULL)
		(void)choose(cbid, is_enabled);
}

bool cupti_session_has_external(const struct cupti_library *library)
{
	switch (cupti_session_way()) {
	case CUPTI_WAY_ALONE:
		return library->push_external != NULL && library->pop_external != NULL;
	case CUPTI_WAY_SEVERAL:
		return library->push_external_v2 != NULL && library->pop_external_v2 != NULL;
	case CUPTI_WAY_NONE:
		break;
	}
	return false;
}

uint32_t cupti_session_push(const struct cupti_library *library, uint32_t kind, uint64_t id)
{
	return is_several() ? library->push_external_v2(subscriber_get(), kind, id)
			    : library->push_external(kind, id);
}

uint32_t cupti_session_pop(const struct cupti_library *library, uint32_t kind)
{
	uint64_t last;
	return is_several() ? library->pop_external_v2(subscriber_get(), kind, &last)
			    : library->pop_external(kind, &last);
}

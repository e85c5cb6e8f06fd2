/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_entry.h"
#include "libtrace/cupti_client.h"
#include "libtrace/cupti_move.h"
#include "libtrace/cupti_source.h"

#include <dlfcn.h>
#include <string.h>

static bool is_same_object(const void *a, const void *b)
{
	Dl_info of_a, of_b;
	return dladdr(a, &of_a) != 0 && dladdr(b, &of_b) != 0 &&
		of_a.dli_fbase == of_b.dli_fbase;
}

/* Whether we record with the CUPTI that this function belongs to. */
static bool is_of_our_cupti(const void *function)
{
	const struct cupti_library *library = cupti_source_library();
	const void *ours = NULL;
	if (library != NULL)
		memcpy(&ours, &library->register_callbacks, sizeof ours);
	return ours != NULL && function != NULL && is_same_object(function, ours);
}

/* And with the calls without a subscriber, so that the caller's change what we get. */
static bool is_shared_with_us(const void *function)
{
	return cupti_session_way() == CUPTI_WAY_ALONE && is_of_our_cupti(function);
}

/* `next` becomes the function behind ours, with its own type. */
#define TAKE_NEXT(types) \
	uint32_t (*next) types; \
	memcpy(&next, &found, sizeof next)

static uint32_t subscribe_v2(const void *found, void **subscriber, cupti_callback callback,
			     void *user, struct cupti_subscriber_params *params)
{
	TAKE_NEXT((void **, cupti_callback, void *, struct cupti_subscriber_params *));
	uint32_t result = next(subscriber, callback, user, params);
	/* A client of the old calls that is at work would be in its way as well. */
	if (result == CUPTI_MULTIPLE_SUBSCRIBERS && is_of_our_cupti(found) &&
	    !cupti_client_is_at_work() && cupti_move_leave(CUPTI_WAY_SEVERAL)) {
		result = next(subscriber, callback, user, params);
		cupti_move_return(result == CUPTI_OK ? CUPTI_WAY_SEVERAL : CUPTI_WAY_ALONE);
	}
	if (result == CUPTI_OK && is_of_our_cupti(found))
		cupti_move_count_client(1);
	return result;
}

static uint32_t unsubscribe(const void *found, void *subscriber)
{
	TAKE_NEXT((void *));
	uint32_t result = next(subscriber);
	if (result == CUPTI_OK && is_of_our_cupti(found)) {
		cupti_move_count_client(-1);
		cupti_move_retry();
	}
	return result;
}

static uint32_t register_callbacks(const void *found, cupti_requested requested,
				   cupti_completed completed)
{
	TAKE_NEXT((cupti_requested, cupti_completed));
	uint32_t result = CUPTI_OK;
	if (requested == NULL || completed == NULL)
		return next(requested, completed);
	if (!is_shared_with_us(found)) {
		result = next(requested, completed);
		if (result == CUPTI_MULTIPLE_SUBSCRIBERS && is_of_our_cupti(found) &&
		    cupti_move_leave(CUPTI_WAY_ALONE)) {
			cupti_move_return(CUPTI_WAY_ALONE);
			result = next(requested, completed);
		}
		/* It may have begun with CUDA just now, and we inside of it. */
		if (result != CUPTI_OK || !is_shared_with_us(found))
			return result;
		cupti_source_take_back();
	}
	if (!cupti_client_register(requested, completed))
		return next(requested, completed);
	cupti_source_client_came();
	return result;
}

static uint32_t register_clock(const void *found, uint64_t (*clock)(void))
{
	TAKE_NEXT((uint64_t (*)(void)));
	if (!is_shared_with_us(found))
		return next(clock);
	/* Our stamps stay CLOCK_REALTIME; the copies are converted. */
	cupti_client_set_clock(clock);
	return CUPTI_OK;
}

static uint32_t client_enabled(const void *found, uint32_t kind, uint32_t result)
{
	if (result == CUPTI_OK && is_shared_with_us(found)) {
		cupti_client_want(kind, true);
		cupti_client_request();
	}
	return result;
}

static uint32_t enable(const void *found, uint32_t kind)
{
	TAKE_NEXT((uint32_t));
	return client_enabled(found, kind, next(kind));
}

static uint32_t enable_context(const void *found, void *context, uint32_t kind)
{
	TAKE_NEXT((void *, uint32_t));
	return client_enabled(found, kind, next(context, kind));
}

/* True: CUPTI must not hear of it, because we want these records. */
static bool client_disabled(const void *found, uint32_t kind)
{
	bool is_shared = is_shared_with_us(found);
	if (is_shared)
		cupti_client_want(kind, false);
	return is_shared && cupti_source_wants(kind);
}

static uint32_t disable(const void *found, uint32_t kind)
{
	TAKE_NEXT((uint32_t));
	return client_disabled(found, kind) ? CUPTI_OK : next(kind);
}

static uint32_t disable_context(const void *found, void *context, uint32_t kind)
{
	TAKE_NEXT((void *, uint32_t));
	return client_disabled(found, kind) ? CUPTI_OK : next(context, kind);
}

static uint32_t flush_all(const void *found, uint32_t flag)
{
	TAKE_NEXT((uint32_t));
	uint32_t result = next(flag);
	if (is_shared_with_us(found))
		cupti_client_flush();
	return result;
}

/* The client is done; CUPTI goes on for us. */
static uint32_t finalize(const void *found)
{
	TAKE_NEXT((void));
	if (!is_shared_with_us(found))
		return next();
	const struct cupti_library *library = cupti_source_library();
	for (uint32_t kind = 1; library != NULL && kind < CUPTI_KIND_LIMIT; kind++)
		if (cupti_client_wants(kind) && !client_disabled(found, kind))
			(void)library->disable(kind);
	cupti_client_set_clock(NULL);
	return CUPTI_OK;
}

const struct cupti_entry cupti_entry = {
	.subscribe_v2 = subscribe_v2,
	.unsubscribe = unsubscribe,
	.register_callbacks = register_callbacks,
	.register_clock = register_clock,
	.enable = enable,
	.disable = disable,
	.enable_context = enable_context,
	.disable_context = disable_context,
	.flush_all = flush_all,
	.finalize = finalize,
};

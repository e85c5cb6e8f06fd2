/* SPDX-License-Identifier: MIT */
/*
 * CUPTI functions that we export (exports.map), so that another CUPTI client's calls by name pass
 * through a preloaded libtrace: the ones by which a second client would take our records away, or
 * CUPTI itself. While we do not record with the CUPTI that the caller means, each call goes on to
 * it unchanged. Clients that fetch the functions with dlsym from the library itself, or have a
 * CUPTI of their own built in, do not come here (cupti_source.c watches for those).
 *
 * Thread: any; CUPTI's own rules apply.
 */
#include "libtrace/cupti_client.h"
#include "libtrace/cupti_move.h"
#include "libtrace/cupti_source.h"
#include "libtrace/mapped_objects.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

enum { CUPTI_NOT_INITIALIZED = 15 };

EXPORTED uint32_t cuptiSubscribe_v2(void **subscriber, cupti_callback callback, void *user,
				    struct cupti_subscriber_params *params);
EXPORTED uint32_t cuptiUnsubscribe(void *subscriber);
EXPORTED uint32_t cuptiActivityRegisterCallbacks(cupti_requested requested,
						 cupti_completed completed);
EXPORTED uint32_t cuptiActivityRegisterTimestampCallback(uint64_t (*clock)(void));
EXPORTED uint32_t cuptiActivityEnable(uint32_t kind);
EXPORTED uint32_t cuptiActivityDisable(uint32_t kind);
EXPORTED uint32_t cuptiActivityEnableContext(void *context, uint32_t kind);
EXPORTED uint32_t cuptiActivityDisableContext(void *context, uint32_t kind);
EXPORTED uint32_t cuptiActivityFlushAll(uint32_t flag);
EXPORTED uint32_t cuptiFinalize(void);

static const char own_place;	/* of this library */

static bool is_same_object(const void *a, const void *b)
{
	Dl_info of_a, of_b;
	return dladdr(a, &of_a) != 0 && dladdr(b, &of_b) != 0 &&
		of_a.dli_fbase == of_b.dli_fbase;
}

static bool is_own(const void *symbol)
{
	return is_same_object(symbol, &own_place);
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

static void *symbol_in(const char *path, const char *name)
{
	void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
	if (handle == NULL)
		return NULL;
	void *symbol = dlsym(handle, name);
	(void)dlclose(handle);
	return symbol == NULL || is_own(symbol) ? NULL : symbol;
}

/*
 * The function that the caller would have reached without us: that of the CUPTI which its own
 * object needs, else the next one in the global scope, else that of whichever CUPTI is mapped.
 */
static void *function_find(const char *name, const void *caller)
{
	char path[MAPPED_PATH_MAX];
	Dl_info info;
	void *symbol = NULL;
	if (dladdr(caller, &info) != 0 && info.dli_fname != NULL)
		symbol = symbol_in(info.dli_fname, name);
	if (symbol == NULL)
		symbol = dlsym(RTLD_NEXT, name);
	if (symbol != NULL && is_own(symbol))
		symbol = NULL;
	if (symbol == NULL && mapped_object_find("libcupti.so", path))
		symbol = symbol_in(path, name);
	return symbol;
}

/*
 * `next` becomes the function behind ours, `is_shared` says whether we record with the CUPTI that
 * it belongs to.
 */
#define FIND_NEXT_OR(name, arguments, otherwise) \
	uint32_t (*next) arguments = NULL; \
	int errno_before = errno; \
	void *found = function_find(#name, __builtin_return_address(0)); \
	const bool is_shared = is_shared_with_us(found); \
	(void)is_shared; \
	errno = errno_before; \
	memcpy(&next, &found, sizeof next); \
	if (next == NULL) \
		return (otherwise)

#define FIND_NEXT(name, arguments) FIND_NEXT_OR(name, arguments, CUPTI_NOT_INITIALIZED)

/*
 * Where CUPTI has no such function a client that asked whether there is one was told so because of
 * us: the old one does the same for it.
 */
static uint32_t subscribe_old(void **subscriber, cupti_callback callback, void *user)
{
	FIND_NEXT(cuptiSubscribe, (void **, cupti_callback, void *));
	return next(subscriber, callback, user);
}

uint32_t cuptiSubscribe_v2(void **subscriber, cupti_callback callback, void *user,
			   struct cupti_subscriber_params *params)
{
	FIND_NEXT_OR(cuptiSubscribe_v2,
		     (void **, cupti_callback, void *, struct cupti_subscriber_params *),
		     subscribe_old(subscriber, callback, user));
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

uint32_t cuptiUnsubscribe(void *subscriber)
{
	FIND_NEXT(cuptiUnsubscribe, (void *));
	uint32_t result = next(subscriber);
	if (result == CUPTI_OK && is_of_our_cupti(found)) {
		cupti_move_count_client(-1);
		cupti_move_retry();
	}
	return result;
}

uint32_t cuptiActivityRegisterCallbacks(cupti_requested requested, cupti_completed completed)
{
	FIND_NEXT(cuptiActivityRegisterCallbacks, (cupti_requested, cupti_completed));
	uint32_t result = CUPTI_OK;
	if (requested == NULL || completed == NULL)
		return next(requested, completed);
	if (!is_shared) {
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

uint32_t cuptiActivityRegisterTimestampCallback(uint64_t (*clock)(void))
{
	FIND_NEXT(cuptiActivityRegisterTimestampCallback, (uint64_t (*)(void)));
	if (!is_shared)
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

uint32_t cuptiActivityEnable(uint32_t kind)
{
	FIND_NEXT(cuptiActivityEnable, (uint32_t));
	return client_enabled(found, kind, next(kind));
}

uint32_t cuptiActivityEnableContext(void *context, uint32_t kind)
{
	FIND_NEXT(cuptiActivityEnableContext, (void *, uint32_t));
	return client_enabled(found, kind, next(context, kind));
}

/* True: CUPTI must not hear of it, because we want these records. */
static bool client_disabled(bool is_shared, uint32_t kind)
{
	if (is_shared)
		cupti_client_want(kind, false);
	return is_shared && cupti_source_wants(kind);
}

uint32_t cuptiActivityDisable(uint32_t kind)
{
	FIND_NEXT(cuptiActivityDisable, (uint32_t));
	return client_disabled(is_shared, kind) ? CUPTI_OK : next(kind);
}

uint32_t cuptiActivityDisableContext(void *context, uint32_t kind)
{
	FIND_NEXT(cuptiActivityDisableContext, (void *, uint32_t));
	return client_disabled(is_shared, kind) ? CUPTI_OK : next(context, kind);
}

uint32_t cuptiActivityFlushAll(uint32_t flag)
{
	FIND_NEXT(cuptiActivityFlushAll, (uint32_t));
	uint32_t result = next(flag);
	if (is_shared)
		cupti_client_flush();
	return result;
}

/* The client is done; CUPTI goes on for us. */
uint32_t cuptiFinalize(void)
{
	FIND_NEXT(cuptiFinalize, (void));
	if (!is_shared)
		return next();
	const struct cupti_library *library = cupti_source_library();
	for (uint32_t kind = 1; library != NULL && kind < CUPTI_KIND_LIMIT; kind++)
		if (cupti_client_wants(kind) && !client_disabled(true, kind))
			(void)library->disable(kind);
	cupti_client_set_clock(NULL);
	return CUPTI_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * CUPTI functions that we export (exports.map), so that another CUPTI client's calls by name pass
 * through a preloaded libtrace: the ones by which a second client would take our records away, or
 * CUPTI itself. Before anything is recorded each call goes on to CUPTI unchanged; then
 * cupti_entry.c has its say. Clients that fetch the functions with dlsym from the library itself,
 * or have a CUPTI of their own built in, do not come here (cupti_source.c watches for those).
 *
 * Thread: any; CUPTI's own rules apply.
 */
#include "libtrace/mapped_objects.h"
#include "libtrace/preload/capture_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

enum { CUPTI_NOT_INITIALIZED = 15 };

static const char own_place;	/* of this library */

static bool is_own(const void *symbol)
{
	Dl_info of_symbol, of_us;
	return dladdr(symbol, &of_symbol) != 0 && dladdr(&own_place, &of_us) != 0 &&
		of_symbol.dli_fbase == of_us.dli_fbase;
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
	int errno_before = errno;
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
	errno = errno_before;
	return symbol;
}

/*
 * Where CUPTI has no such function a client that asked whether there is one was told so because of
 * us: the old one does the same for it.
 */
static uint32_t subscribe_old(const void *caller, void **subscriber, cupti_callback callback,
			      void *user)
{
	uint32_t (*next)(void **, cupti_callback, void *);
	void *found = function_find("cuptiSubscribe", caller);
	if (found == NULL)
		return CUPTI_NOT_INITIALIZED;
	memcpy(&next, &found, sizeof next);
	return next(subscriber, callback, user);
}

LIBTRACE_SHARED uint32_t cuptiSubscribe_v2(void **subscriber, cupti_callback callback, void *user,
					   struct cupti_subscriber_params *params);

uint32_t cuptiSubscribe_v2(void **subscriber, cupti_callback callback, void *user,
			   struct cupti_subscriber_params *params)
{
	uint32_t (*next)(void **, cupti_callback, void *, struct cupti_subscriber_params *);
	const void *caller = __builtin_return_address(0);
	void *found = function_find("cuptiSubscribe_v2", caller);
	if (found == NULL)
		return subscribe_old(caller, subscriber, callback, user);
	const struct capture_entry *capture = capture_library_loaded();
	if (capture != NULL)
		return capture->cupti->subscribe_v2(found, subscriber, callback, user, params);
	memcpy(&next, &found, sizeof next);
	return next(subscriber, callback, user, params);
}

/* `arguments` with what was found before them, and as they are. */
#define FUNCTION(name, entry, get, types, parameters, found_arguments, arguments) \
	LIBTRACE_SHARED uint32_t name types; \
	uint32_t name parameters \
	{ \
		uint32_t (*next) types; \
		void *found = function_find(#name, __builtin_return_address(0)); \
		if (found == NULL) \
			return CUPTI_NOT_INITIALIZED; \
		const struct capture_entry *capture = get(); \
		if (capture != NULL) \
			return capture->cupti->entry found_arguments; \
		memcpy(&next, &found, sizeof next); \
		return next arguments; \
	}

/* Whoever registers has something recorded: ours must not come second. */
FUNCTION(cuptiActivityRegisterCallbacks, register_callbacks, capture_library_load,
	 (cupti_requested, cupti_completed),
	 (cupti_requested requested, cupti_completed completed),
	 (found, requested, completed), (requested, completed))
FUNCTION(cuptiActivityRegisterTimestampCallback, register_clock, capture_library_loaded,
	 (uint64_t (*)(void)), (uint64_t (*clock)(void)), (found, clock), (clock))
FUNCTION(cuptiActivityEnable, enable, capture_library_loaded, (uint32_t), (uint32_t kind),
	 (found, kind), (kind))
FUNCTION(cuptiActivityDisable, disable, capture_library_loaded, (uint32_t), (uint32_t kind),
	 (found, kind), (kind))
FUNCTION(cuptiActivityEnableContext, enable_context, capture_library_loaded, (void *, uint32_t),
	 (void *context, uint32_t kind), (found, context, kind), (context, kind))
FUNCTION(cuptiActivityDisableContext, disable_context, capture_library_loaded, (void *, uint32_t),
	 (void *context, uint32_t kind), (found, context, kind), (context, kind))
FUNCTION(cuptiActivityFlushAll, flush_all, capture_library_loaded, (uint32_t), (uint32_t flag),
	 (found, flag), (flag))
FUNCTION(cuptiUnsubscribe, unsubscribe, capture_library_loaded, (void *), (void *subscriber),
	 (found, subscriber), (subscriber))
FUNCTION(cuptiFinalize, finalize, capture_library_loaded, (void), (void), (found), ())

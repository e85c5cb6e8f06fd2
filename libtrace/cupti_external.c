/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_external.h"
#include "libtrace/cupti_client.h"
#include "libtrace/cupti_library.h"
#include "libtrace/cupti_session.h"
#include "libtrace/mapped_objects.h"
#include "libtrace/thread_state.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static _Atomic int64_t lost;	/* operations that CUPTI did not take */
static atomic_bool is_broken;	/* it takes no more */
static _Atomic uint32_t told;	/* why, until somebody heard it */

/*
 * CUPTI's stack is another one when we subscribed anew, so nothing of the former one may be taken
 * from it. The stack of the old calls comes back with them: what was left there goes first.
 */
static void session_look(const struct cupti_library *library)
{
	uint32_t number = cupti_session_number();
	if (number == laggard_thread.cupti.session)
		return;
	if (laggard_thread.cupti.is_alone)
		laggard_thread.cupti.left +=
			(uint32_t)__builtin_popcountll(laggard_thread.cupti.brackets);
	laggard_thread.cupti.brackets = 0;
	laggard_thread.cupti.session = number;
	laggard_thread.cupti.is_alone = cupti_session_way() == CUPTI_WAY_ALONE;
	if (!laggard_thread.cupti.is_alone)
		return;
	for (; laggard_thread.cupti.left != 0; laggard_thread.cupti.left--)
		(void)cupti_session_pop(library, CUPTI_EXTERNAL_OURS);
}

void cupti_source_push_external(uint64_t id)
{
	bool is_taken = false;
	const struct cupti_library *library = cupti_source_library();
	if (library != NULL && cupti_session_has_external(library) &&
	    !cupti_source_is_discarding() &&
	    !atomic_load_explicit(&is_broken, memory_order_relaxed)) {
		session_look(library);
		is_taken = cupti_session_push(library, CUPTI_EXTERNAL_OURS, id) == CUPTI_OK;
		if (!is_taken)
			atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
	}
	laggard_thread.cupti.brackets = laggard_thread.cupti.brackets << 1 | is_taken;
}

void cupti_source_pop_external(void)
{
	const struct cupti_library *library = cupti_source_library();
	bool has_calls = library != NULL && cupti_session_has_external(library);
	if (has_calls)
		session_look(library);
	bool is_taken = (laggard_thread.cupti.brackets & 1) != 0;
	laggard_thread.cupti.brackets >>= 1;
	if (!is_taken || !has_calls || cupti_session_pop(library, CUPTI_EXTERNAL_OURS) == CUPTI_OK)
		return;
	uint32_t result = cupti_session_pop(library, CUPTI_EXTERNAL_OURS);
	if (result == CUPTI_OK || cupti_session_number() != laggard_thread.cupti.session)
		return;
	/* It would stand at every later launch of this thread: none is better than a wrong one. */
	atomic_store_explicit(&is_broken, true, memory_order_relaxed);
	atomic_store_explicit(&told, result, memory_order_relaxed);
	if (!cupti_client_wants(CUPTI_KIND_EXTERNAL_CORRELATION))
		(void)cupti_session_disable(library, CUPTI_KIND_EXTERNAL_CORRELATION);
}

void cupti_external_take_losses(cupti_source_hear hear, void *context)
{
	char reason[192], number[32];
	const struct cupti_library *library = cupti_source_library();
	int64_t count = atomic_exchange_explicit(&lost, 0, memory_order_relaxed);
	uint32_t result = atomic_exchange_explicit(&told, 0, memory_order_relaxed);
	if (count != 0)
		hear(context, "operations that CUPTI did not take: their kernels are found by time "
			      "only", count);
	if (result == CUPTI_OK || library == NULL)
		return;
	(void)snprintf(reason, sizeof reason, "disabled: operations of kernels: %s",
		       cupti_result_text(library, result, number));
	hear(context, reason, 0);
}

/* The driver may be loaded where only its own handle sees it. */
static void *current_context(void)
{
	typedef int (*get_current_function)(void **context);
	get_current_function get_current;
	char path[MAPPED_PATH_MAX];
	void *context = NULL;
	void *symbol = mapped_object_find("libcuda.so", path) ?
		       mapped_object_symbol(path, "cuCtxGetCurrent") : NULL;
	if (symbol == NULL)
		return NULL;
	memcpy(&get_current, &symbol, sizeof get_current);
	return get_current(&context) == 0 ? context : NULL;
}

bool cupti_source_find_stream(void *stream, uint32_t *context_id, uint32_t *number)
{
	const struct cupti_library *library = cupti_source_library();
	if (library == NULL || library->get_stream_id == NULL || library->get_context_id == NULL)
		return false;
	int errno_before = errno;
	void *context = current_context();
	bool ok = context != NULL && library->get_context_id(context, context_id) == 0 &&
		  library->get_stream_id(context, stream, 0, number) == 0;
	errno = errno_before;
	return ok;
}

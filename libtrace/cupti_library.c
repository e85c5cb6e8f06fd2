/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_library.h"
#include "libtrace/cupti_search.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { PROBE_BYTES = 4096, STRIDE_MAX = 1024 };

struct attempt {
	struct cupti_library *library;
	char reason[512];	/* why the last candidate was not taken */
};

/* dlsym gives an object pointer; POSIX says that its bits are the function's. */
static void symbol_get(void *handle, const char *name, void *function)
{
	void *symbol = dlsym(handle, name);
	memcpy(function, &symbol, sizeof symbol);
}

static const char *functions_get(struct cupti_library *library)
{
	const char *missing = NULL;
#define FUNCTION(required, member, name, arguments) \
	symbol_get(library->handle, name, &library->member); \
	if ((required) && library->member == NULL && missing == NULL) \
		missing = name;
	CUPTI_FUNCTIONS(FUNCTION)
#undef FUNCTION
	return missing;
}

uint16_t cupti_library_probe(const struct cupti_library *library, uint32_t kind)
{
	/*
	 * The kind at every place where a record may begin: the walk meets it whatever the stride
	 * is.
	 */
	_Alignas(8) uint8_t bytes[PROBE_BYTES] = { 0 };
	for (size_t at = 0; at + sizeof kind <= sizeof bytes; at += 8)
		memcpy(bytes + at, &kind, sizeof kind);
	void *first = NULL;
	if (library->get_next_record(bytes, sizeof bytes, &first) != CUPTI_OK || first == NULL)
		return 0;
	void *second = first;
	if (library->get_next_record(bytes, sizeof bytes, &second) != CUPTI_OK || second == NULL)
		return 0;
	ptrdiff_t stride = (uint8_t *)second - (uint8_t *)first;
	return stride >= 8 && stride <= STRIDE_MAX && stride % 8 == 0 ? (uint16_t)stride : 0;
}

static bool library_try(void *context, const char *candidate)
{
	struct attempt *attempt = context;
	struct cupti_library *library = attempt->library;
	memset(library, 0, sizeof *library);
	library->handle = dlopen(candidate, RTLD_NOW | RTLD_LOCAL);
	if (library->handle == NULL) {
		const char *why = dlerror();
		(void)snprintf(attempt->reason, sizeof attempt->reason, "%s",
			       why == NULL ? "cannot be loaded" : why);
		return false;
	}
	const char *missing = functions_get(library);
	for (uint32_t kind = 1; missing == NULL && kind < CUPTI_KIND_LIMIT; kind++)
		library->strides[kind] = cupti_library_probe(library, kind);
	if (missing == NULL && library->strides[CUPTI_KIND_CONCURRENT_KERNEL] == 0)
		missing = "readable kernel records";
	if (missing != NULL) {
		(void)snprintf(attempt->reason, sizeof attempt->reason, "%s has no %s", candidate,
			       missing);
		(void)dlclose(library->handle);
		return false;
	}
	(void)library->get_version(&library->version);
	(void)snprintf(library->path, sizeof library->path, "%s", candidate);
	return true;
}

bool cupti_library_open(struct cupti_library *library, const char *wanted, struct error *error)
{
	return cupti_library_open_near(library, wanted, &cupti_surroundings_own, error);
}

bool cupti_library_open_near(struct cupti_library *library, const char *wanted,
			     const struct cupti_surroundings *surroundings, struct error *error)
{
	struct attempt attempt = { .library = library };
	if (cupti_search(wanted, surroundings, library_try, &attempt))
		return true;
	if (*wanted != 0)
		return fail(error, ERROR_SYSTEM, "cannot use LAGGARD_CUPTI '%s': %s", wanted,
			    attempt.reason[0] == 0 ? "there is no libcupti in it" : attempt.reason);
	return fail(error, ERROR_SYSTEM,
		    "no libcupti found beside the CUDA runtime or framework, in LD_LIBRARY_PATH, "
		    "CONDA_PREFIX, CUDA_HOME, /usr/local/cuda* or the loader's path: the GPU is "
		    "not recorded; "
		    "install CUPTI (pip install nvidia-cuda-cupti-cu12, or the CUDA toolkit) or "
		    "set LAGGARD_CUPTI to it");
}

const char *cupti_result_text(const struct cupti_library *library, uint32_t result, char number[32])
{
	const char *text = NULL;
	if (library->get_result_string != NULL &&
	    library->get_result_string(result, &text) == CUPTI_OK && text != NULL)
		return text;
	(void)snprintf(number, 32, "error %u", result);
	return number;
}

/* SPDX-License-Identifier: MIT */
#include "laggard/http_library.h"

#ifdef LAGGARD_HAS_MICROHTTPD

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

struct http_library http_library;

static const struct { const char *name; size_t offset; } functions[] = {
#define ROW(name) { "MHD_" #name, offsetof(struct http_library, name) },
	HTTP_LIBRARY_FUNCTIONS(ROW)
#undef ROW
};

bool http_library_open(struct error *error)
{
	/* The version whose header it was built with; it stays open until the program ends. */
	void *library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return fail(error, ERROR_SYSTEM, "cannot serve without libmicrohttpd, which is not "
						 "installed here (Debian: libmicrohttpd12)");
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
		void *function = dlsym(library, functions[i].name);
		if (function == NULL)
			return fail(error, ERROR_SYSTEM, "libmicrohttpd has no '%s': too old",
				    functions[i].name);
		memcpy((char *)&http_library + functions[i].offset, &function, sizeof function);
	}
	return true;
}

#else

bool http_library_open(struct error *error)
{
	return fail(error, ERROR_SYSTEM,
		    "this laggard was built without libmicrohttpd and cannot serve; install "
		    "libmicrohttpd-dev and build it again");
}

#endif

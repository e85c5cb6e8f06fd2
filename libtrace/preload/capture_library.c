/* SPDX-License-Identifier: MIT */
#include "libtrace/preload/capture_library.h"
#include "libtrace/notice.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>

static const char file_name[] = "libtrace-capture.so";

static char path[PATH_MAX];	/* '': nothing is recorded */
static const struct capture_entry *_Atomic loaded;
static atomic_bool has_failed;

bool capture_library_place(const char *own_path)
{
	const char *slash = strrchr(own_path, '/');
	size_t folder_bytes = slash == NULL ? 0 : (size_t)(slash - own_path) + 1;
	if (folder_bytes + sizeof file_name > sizeof path)
		return false;
	memcpy(path, own_path, folder_bytes);
	memcpy(path + folder_bytes, file_name, sizeof file_name);
	return true;
}

const struct capture_entry *capture_library_loaded(void)
{
	/* Acquire pairs with the release below: what its constructor wrote is seen. */
	return atomic_load_explicit(&loaded, memory_order_acquire);
}

static const struct capture_entry *library_open(void)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	const struct capture_entry *entry =
		handle == NULL ? NULL : dlsym(handle, "laggard_capture_entry");
	if (entry != NULL && entry->preload_bytes == sizeof(struct preload))
		return entry;
	const char *reason = entry == NULL ? dlerror() : "it is of another version";
	if (!atomic_exchange(&has_failed, true))
		notice("cannot load %s: %s; nothing is recorded", path,
		       reason == NULL ? "it has no entry" : reason);
	return NULL;
}

const struct capture_entry *capture_library_load(void)
{
	const struct capture_entry *entry = capture_library_loaded();
	if (entry != NULL || path[0] == 0 || atomic_load(&has_failed))
		return entry;
	entry = library_open();
	if (entry != NULL)
		atomic_store_explicit(&loaded, entry, memory_order_release);
	return entry;
}

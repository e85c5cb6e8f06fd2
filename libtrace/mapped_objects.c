/* SPDX-License-Identifier: MIT */
#include "libtrace/mapped_objects.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

struct search {
	const char *prefix;
	size_t length;
	char *path;
	bool is_found;
};

static int object_match(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	struct search *search = context;
	if (info->dlpi_name == NULL)
		return 0;
	const char *slash = strrchr(info->dlpi_name, '/');
	const char *name = slash == NULL ? info->dlpi_name : slash + 1;
	size_t length = strlen(info->dlpi_name);
	if (strncmp(name, search->prefix, search->length) != 0 || length >= MAPPED_PATH_MAX)
		return 0;
	memcpy(search->path, info->dlpi_name, length + 1);
	search->is_found = true;
	return 1;
}

bool mapped_object_find(const char *prefix, char path[MAPPED_PATH_MAX])
{
	struct search search = { .prefix = prefix, .length = strlen(prefix), .path = path };
	(void)dl_iterate_phdr(object_match, &search);
	return search.is_found;
}

void *mapped_object_symbol(const char *path, const char *symbol)
{
	void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
	if (handle == NULL)
		return NULL;
	void *address = dlsym(handle, symbol);
	(void)dlclose(handle);	/* gives back our reference only */
	return address;
}

/* SPDX-License-Identifier: MIT */
/*
 * Preloaded before libtrace.so by fault_test.py: of the calls that libtrace.so makes (its SQLite
 * included), for memory or for files, the one numbered FAULT_AT fails, or all from it on
 * (FAULT_LASTS). The program's own calls are left alone. At the end the number of calls is written
 * to the file FAULT_COUNT.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

enum kind { KIND_NONE, KIND_MEMORY, KIND_FILES };

static struct {
	struct {
		uintptr_t low, high;
	} places[2]; /* where libtrace.so and its other half lie */
	int place_count;
	enum kind kind;
	long at;
	bool does_last;
	atomic_long calls;
} faulter;

static bool is_ours(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL && (strcmp(slash, "/libtrace.so") == 0 ||
				 strcmp(slash, "/libtrace-capture.so") == 0);
}

static int object_look(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	if (!is_ours(info->dlpi_name))
		return 0;
	for (int i = 0; i < info->dlpi_phnum && faulter.place_count < 2; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
			continue;
		int place = faulter.place_count++;
		faulter.places[place].low = info->dlpi_addr + part->p_vaddr;
		faulter.places[place].high = faulter.places[place].low + part->p_memsz;
	}
	return 0;
}

/* What libtrace.so loads later must be in its place before calls are counted. */
static int capture_path_make(struct dl_phdr_info *info, size_t size, void *data)
{
	char *path = data;
	(void)size;
	const char *slash = strrchr(info->dlpi_name, '/');
	if (slash == NULL || strcmp(slash, "/libtrace.so") != 0)
		return 0;
	(void)snprintf(path, PATH_MAX, "%.*s/libtrace-capture.so",
		       (int)(slash - info->dlpi_name), info->dlpi_name);
	return 1;
}

__attribute__((constructor)) static void begin(void)
{
	const char *kind = getenv("FAULT_KIND"), *at = getenv("FAULT_AT");
	char path[PATH_MAX] = "";
	if (dl_iterate_phdr(capture_path_make, path) != 0 && dlopen(path, RTLD_NOW) == NULL)
		abort();
	dl_iterate_phdr(object_look, NULL);
	faulter.at = at == NULL ? 0 : strtol(at, NULL, 10);
	faulter.does_last = getenv("FAULT_LASTS") != NULL;
	if (kind != NULL)
		faulter.kind = strcmp(kind, "memory") == 0 ? KIND_MEMORY : KIND_FILES;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAULT_COUNT");
	char number[32];
	int file = -1;
	if (path != NULL)
		file = (int)syscall(SYS_open, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int length = snprintf(number, sizeof number, "%ld\n", atomic_load(&faulter.calls));
	if (file >= 0 && syscall(SYS_write, file, number, (size_t)length) > 0)
		syscall(SYS_close, file);
}

/* Whether this call is the one. */
static bool fails(enum kind kind, const void *caller, int number)
{
	uintptr_t address = (uintptr_t)caller;
	bool is_guest = false;
	for (int i = 0; i < faulter.place_count; i++)
		is_guest |= address >= faulter.places[i].low && address < faulter.places[i].high;
	if (kind != faulter.kind || !is_guest)
		return false;
	long call = atomic_fetch_add(&faulter.calls, 1) + 1;
	if (faulter.at == 0 || (faulter.does_last ? call < faulter.at : call != faulter.at))
		return false;
	errno = number;
	return true;
}

#define CALLER __builtin_return_address(0)
#define MEMORY_FAILS fails(KIND_MEMORY, CALLER, ENOMEM)
#define FILE_FAILS(number) fails(KIND_FILES, CALLER, number)
#define NEXT(name) next(#name)

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

void *malloc(size_t size)
{
	return MEMORY_FAILS ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return MEMORY_FAILS ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
	return MEMORY_FAILS ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return MEMORY_FAILS ? NULL : __libc_memalign(alignment, size);
}

static char *text_copy(const char *text, size_t length)
{
	char *copy = __libc_malloc(length + 1);
	if (copy != NULL) {
		memcpy(copy, text, length);
		copy[length] = 0;
	}
	return copy;
}

char *strdup(const char *text)
{
	return MEMORY_FAILS ? NULL : text_copy(text, strlen(text));
}

char *strndup(const char *text, size_t size)
{
	return MEMORY_FAILS ? NULL : text_copy(text, strnlen(text, size));
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
	if (MEMORY_FAILS)
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
	if (MEMORY_FAILS)
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
		   void *argument)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		(int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))
		NEXT(pthread_create);
	return MEMORY_FAILS ? EAGAIN : real(thread, attributes, run, argument);
}

static int file_open(const char *path, int flags, mode_t mode)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return FILE_FAILS(EMFILE) ? -1 : file_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return FILE_FAILS(EMFILE) ? -1 : file_open(path, flags, mode);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at)
{
	return FILE_FAILS(ENOSPC) ? -1 : syscall(SYS_pwrite64, file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t at)
{
	return FILE_FAILS(ENOSPC) ? -1 : syscall(SYS_pwrite64, file, bytes, size, at);
}

ssize_t pread(int file, void *bytes, size_t size, off_t at)
{
	return FILE_FAILS(EIO) ? -1 : syscall(SYS_pread64, file, bytes, size, at);
}

ssize_t pread64(int file, void *bytes, size_t size, off_t at)
{
	return FILE_FAILS(EIO) ? -1 : syscall(SYS_pread64, file, bytes, size, at);
}

ssize_t read(int file, void *bytes, size_t size)
{
	return FILE_FAILS(EIO) ? -1 : syscall(SYS_read, file, bytes, size);
}

int ftruncate(int file, off_t size)
{
	return FILE_FAILS(ENOSPC) ? -1 : (int)syscall(SYS_ftruncate, file, size);
}

int ftruncate64(int file, off_t size)
{
	return FILE_FAILS(ENOSPC) ? -1 : (int)syscall(SYS_ftruncate, file, size);
}

int fstat(int file, struct stat *status)
{
	return FILE_FAILS(EIO) ? -1 : (int)syscall(SYS_newfstatat, file, "", status, AT_EMPTY_PATH);
}

int fstat64(int file, struct stat64 *status)
{
	return FILE_FAILS(EIO) ? -1 : (int)syscall(SYS_newfstatat, file, "", status, AT_EMPTY_PATH);
}

int stat(const char *path, struct stat *status)
{
	return FILE_FAILS(EIO) ? -1 : (int)syscall(SYS_newfstatat, AT_FDCWD, path, status, 0);
}

int unlink(const char *path)
{
	return FILE_FAILS(EACCES) ? -1 : (int)syscall(SYS_unlink, path);
}

int mkdir(const char *path, mode_t mode)
{
	return FILE_FAILS(EACCES) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int access(const char *path, int mode)
{
	return FILE_FAILS(EACCES) ? -1 : (int)syscall(SYS_access, path, mode);
}

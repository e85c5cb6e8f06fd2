/* SPDX-License-Identifier: MIT */
#include "tests/torture/faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>
#include <zlib.h>

/* What the linker calls the real ones, and what it puts in their place. */
#define WRAP(result, name, ...) \
	result __real_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__)

static atomic_int armed_kind = -1;
static atomic_llong call_count;
static int64_t fail_number;
static bool fail_is_lasting;
static int paused_kind = -1;

void faults_arm(enum fault_kind kind, int64_t number, bool is_lasting)
{
	fail_number = number;
	fail_is_lasting = is_lasting;
	atomic_store(&call_count, 0);
	atomic_store(&armed_kind, (int)kind);
}

int64_t faults_disarm(void)
{
	atomic_store(&armed_kind, -1);
	return atomic_load(&call_count);
}

void faults_pause(void)
{
	paused_kind = atomic_exchange(&armed_kind, -1);
}

void faults_resume(void)
{
	atomic_store(&armed_kind, paused_kind);
}

static bool is_struck(enum fault_kind kind, int reason)
{
	if (atomic_load(&armed_kind) != (int)kind)
		return false;
	int64_t number = atomic_fetch_add(&call_count, 1) + 1;
	if (fail_number == 0 || number < fail_number || (number > fail_number && !fail_is_lasting))
		return false;
	errno = reason;
	return true;
}

/* Addresses in use, in an open table: what libc took by itself and we give back is not in it. */
enum { BLOCKS_ROOM = 1 << 20 };
static void *blocks[BLOCKS_ROOM];
static size_t block_count;
static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t block_slot(const void *block)
{
	return (size_t)(((uintptr_t)block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) % BLOCKS_ROOM;
}

static void *block_note(void *block)
{
	if (block == NULL)
		return NULL;
	(void)pthread_mutex_lock(&blocks_lock);
	size_t at = block_slot(block);
	while (blocks[at] != NULL && block_count < BLOCKS_ROOM / 2)
		at = (at + 1) % BLOCKS_ROOM;
	blocks[at] = block;
	block_count++;
	(void)pthread_mutex_unlock(&blocks_lock);
	return block;
}

/* Later entries of the same chain move up, so that no mark is left. */
static void block_forget(const void *block)
{
	(void)pthread_mutex_lock(&blocks_lock);
	size_t at = block_slot(block);
	while (blocks[at] != NULL && blocks[at] != block)
		at = (at + 1) % BLOCKS_ROOM;
	if (block != NULL && blocks[at] == block) {
		blocks[at] = NULL;
		block_count--;
		for (size_t next = (at + 1) % BLOCKS_ROOM; blocks[next] != NULL;
		     next = (next + 1) % BLOCKS_ROOM) {
			size_t home = block_slot(blocks[next]);
			bool stays =
				at <= next ? at < home && home <= next : at < home || home <= next;
			if (stays)
				continue;
			blocks[at] = blocks[next];
			blocks[next] = NULL;
			at = next;
		}
	}
	(void)pthread_mutex_unlock(&blocks_lock);
}

size_t blocks_in_use(void)
{
	(void)pthread_mutex_lock(&blocks_lock);
	size_t count = block_count;
	(void)pthread_mutex_unlock(&blocks_lock);
	return count;
}

WRAP(void *, malloc, size_t size)
{
	return is_struck(FAULT_MEMORY, ENOMEM) ? NULL : block_note(__real_malloc(size));
}

WRAP(void *, calloc, size_t count, size_t size)
{
	return is_struck(FAULT_MEMORY, ENOMEM) ? NULL : block_note(__real_calloc(count, size));
}

WRAP(void *, realloc, void *old, size_t size)
{
	if (is_struck(FAULT_MEMORY, ENOMEM))
		return NULL;
	/* Before the call: another thread may get the old address as soon as it is free. */
	block_forget(old);
	void *block = __real_realloc(old, size);
	return block == NULL && size != 0 ? (void)block_note(old), NULL : block_note(block);
}

WRAP(void, free, void *block)
{
	block_forget(block);
	__real_free(block);
}

WRAP(char *, strdup, const char *text)
{
	return is_struck(FAULT_MEMORY, ENOMEM) ? NULL : block_note(__real_strdup(text));
}

WRAP(char *, strndup, const char *text, size_t length)
{
	return is_struck(FAULT_MEMORY, ENOMEM) ? NULL : block_note(__real_strndup(text, length));
}

WRAP(char *, realpath, const char *path, char *resolved)
{
	return is_struck(FAULT_MEMORY, ENOMEM) ? NULL : __real_realpath(path, resolved);
}

WRAP(int, scandir, const char *folder, struct dirent ***names, int (*filter)(const struct dirent *),
     int (*compare)(const struct dirent **, const struct dirent **))
{
	return is_struck(FAULT_MEMORY, ENOMEM) ? -1
					       : __real_scandir(folder, names, filter, compare);
}

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
     void *context)
{
	return is_struck(FAULT_MEMORY, EAGAIN)
		       ? EAGAIN
		       : __real_pthread_create(thread, attributes, run, context);
}

WRAP(yajl_handle, yajl_alloc, const yajl_callbacks *callbacks, yajl_alloc_funcs *functions,
     void *context)
{
	return is_struck(FAULT_MEMORY, ENOMEM) ? NULL
					       : __real_yajl_alloc(callbacks, functions, context);
}

WRAP(gzFile, gzdopen, int file, const char *mode)
{
	return is_struck(FAULT_MEMORY, ENOMEM) ? NULL : __real_gzdopen(file, mode);
}

WRAP(int, deflateInit2_, z_streamp stream, int level, int method, int window, int memory,
     int strategy, const char *version, int size)
{
	return is_struck(FAULT_MEMORY, ENOMEM)
		       ? Z_MEM_ERROR
		       : __real_deflateInit2_(stream, level, method, window, memory, strategy,
					      version, size);
}

static bool is_open_struck(int flags)
{
	return (flags & O_CREAT) != 0 ? is_struck(FAULT_WRITE, ENOSPC) : is_struck(FAULT_READ, EIO);
}

static mode_t mode_of(int flags, va_list *arguments)
{
	return (flags & O_CREAT) != 0 ? (mode_t)va_arg(*arguments, unsigned) : 0;
}

WRAP(int, open, const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = mode_of(flags, &arguments);
	va_end(arguments);
	return is_open_struck(flags) ? -1 : __real_open(path, flags, mode);
}

WRAP(int, open64, const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = mode_of(flags, &arguments);
	va_end(arguments);
	return is_open_struck(flags) ? -1 : __real_open64(path, flags, mode);
}

WRAP(FILE *, fopen, const char *path, const char *mode)
{
	bool is_failed = strchr(mode, 'w') != NULL ? is_struck(FAULT_WRITE, ENOSPC) :
						      is_struck(FAULT_READ, EIO);
	return is_failed ? NULL : __real_fopen(path, mode);
}

/* A disk that fills up takes a part first. */
WRAP(ssize_t, write, int file, const void *bytes, size_t size)
{
	return is_struck(FAULT_WRITE, ENOSPC) ? -1 : __real_write(file, bytes, size);
}

WRAP(ssize_t, pwrite64, int file, const void *bytes, size_t size, off64_t at)
{
	if (!is_struck(FAULT_WRITE, ENOSPC))
		return __real_pwrite64(file, bytes, size, at);
	if (size > 1)
		(void)__real_pwrite64(file, bytes, size / 2, at);
	errno = ENOSPC;
	return -1;
}

WRAP(int, ftruncate64, int file, off64_t size)
{
	return is_struck(FAULT_WRITE, ENOSPC) ? -1 : __real_ftruncate64(file, size);
}

WRAP(int, fsync, int file)
{
	return is_struck(FAULT_WRITE, EIO) ? -1 : __real_fsync(file);
}

WRAP(int, fdatasync, int file)
{
	return is_struck(FAULT_WRITE, EIO) ? -1 : __real_fdatasync(file);
}

/* The file is closed all the same: so does Linux. */
WRAP(int, close, int file)
{
	int result = __real_close(file);
	return is_struck(FAULT_WRITE, ENOSPC) ? -1 : result;
}

WRAP(char *, mkdtemp, char *path)
{
	return is_struck(FAULT_WRITE, ENOSPC) ? NULL : __real_mkdtemp(path);
}

WRAP(int, mkstemp, char *path)
{
	return is_struck(FAULT_WRITE, ENOSPC) ? -1 : __real_mkstemp(path);
}

WRAP(int, rename, const char *from, const char *to)
{
	return is_struck(FAULT_WRITE, ENOSPC) ? -1 : __real_rename(from, to);
}

WRAP(int, linkat, int from_folder, const char *from, int to_folder, const char *to, int flags)
{
	return is_struck(FAULT_WRITE, ENOSPC)
		       ? -1
		       : __real_linkat(from_folder, from, to_folder, to, flags);
}

WRAP(size_t, fwrite, const void *bytes, size_t size, size_t count, FILE *file)
{
	if (!is_struck(FAULT_WRITE, ENOSPC))
		return __real_fwrite(bytes, size, count, file);
	file->_flags |= _IO_ERR_SEEN;	/* what ferror() looks at */
	return 0;
}

WRAP(int, fflush, FILE *file)
{
	return is_struck(FAULT_WRITE, ENOSPC) ? EOF : __real_fflush(file);
}

WRAP(ssize_t, read, int file, void *bytes, size_t size)
{
	return is_struck(FAULT_READ, EIO) ? -1 : __real_read(file, bytes, size);
}

WRAP(ssize_t, pread64, int file, void *bytes, size_t size, off64_t at)
{
	return is_struck(FAULT_READ, EIO) ? -1 : __real_pread64(file, bytes, size, at);
}

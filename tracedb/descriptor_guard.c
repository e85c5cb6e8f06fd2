/* SPDX-License-Identifier: MIT */
#include "tracedb/descriptor_guard.h"
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	FILES_MAX = 32,
	LOCKS_MAX = 24,
	HANDLE_FIRST = 1 << 30,		/* no process has a descriptor of that number */
	TRIES = 16,			/* while the program closes what was just opened */
};

/* Part of a file that SQLite has locked. */
struct lock {
	off_t start, end;	/* end: 0 is the end of the file */
	short type;
};

struct guarded_file {
	char *path;		/* NULL: not in use */
	int descriptor;
	int flags;		/* for another open */
	struct file_identity identity;
	struct lock locks[LOCKS_MAX];
	size_t lock_count;
};

static struct guarded_file files[FILES_MAX];
static int64_t reopened_count;
static bool has_no_locks;

static struct guarded_file *file_of(int handle)
{
	int index = handle - HANDLE_FIRST;
	if (index < 0 || index >= FILES_MAX || files[index].path == NULL)
		return NULL;
	return &files[index];
}

static bool is_still_open(const struct guarded_file *file)
{
	return descriptor_is_of(file->descriptor, &file->identity);
}

/*
 * Moves a descriptor of `file` to a number that the program will not get. At any moment the program
 * may close the old one and open its own file there: that is neither used nor closed. False: that
 * has happened.
 */
static bool descriptor_raise(struct guarded_file *file, int descriptor)
{
	int least = descriptor_least();
	file->descriptor = descriptor;
	if (descriptor < least) {
		int raised = fcntl(descriptor, F_DUPFD_CLOEXEC, least);
		if (raised < 0 && descriptor < DESCRIPTOR_MIN)
			return false;
		if (raised >= 0) {
			if (is_still_open(file))
				(void)close(descriptor);
			file->descriptor = raised;
			if (!is_still_open(file))
				(void)close(raised);	/* a copy of one of the program's */
		}
	}
	return is_still_open(file);
}

/* What the path names becomes the file; false and errno if it cannot be opened. */
static bool file_open(struct guarded_file *file, const char *path, int flags, mode_t mode)
{
	for (int i = 0; i < TRIES; i++) {
		int descriptor = open(path, flags | O_CLOEXEC, mode);
		if (descriptor < 0 || !file_identity_of_path(&file->identity, path))
			return false;
		if (descriptor_raise(file, descriptor))
			return true;
	}
	errno = EMFILE;
	return false;
}

static void locks_take_again(const struct guarded_file *file)
{
	for (size_t i = 0; i < file->lock_count; i++) {
		const struct lock *lock = &file->locks[i];
		struct flock wanted = {
			.l_type = lock->type, .l_whence = SEEK_SET, .l_start = lock->start,
			.l_len = lock->end == 0 ? 0 : lock->end - lock->start,
		};
		(void)fcntl(file->descriptor, F_SETLK, &wanted);
	}
}

/* Whoever has the old number now keeps it: nothing is closed. */
static bool file_reopen(struct guarded_file *file)
{
	struct guarded_file again = *file;
	struct file_identity named;
	file->descriptor = -1;
	if (!file_identity_of_path(&named, file->path) ||
	    !file_identity_equals(&named, &file->identity) ||
	    !file_open(&again, file->path, file->flags, 0) ||
	    !file_identity_equals(&named, &again.identity))
		return false;
	file->descriptor = again.descriptor;
	reopened_count++;
	locks_take_again(file);
	return true;
}

/* The file, its descriptor checked; NULL and EBADF if it is gone. */
static struct guarded_file *file_use(int handle)
{
	struct guarded_file *file = file_of(handle);
	if (file != NULL && (is_still_open(file) || file_reopen(file)))
		return file;
	errno = EBADF;
	return NULL;
}

static int descriptor_of(int handle)
{
	const struct guarded_file *file = file_use(handle);
	return file == NULL ? -1 : file->descriptor;
}

static int guard_open(const char *path, int flags, int mode)
{
	int index = 0;
	while (index < FILES_MAX && files[index].path != NULL)
		index++;
	if (index == FILES_MAX) {
		errno = EMFILE;
		return -1;
	}
	struct guarded_file file = { .flags = flags & ~(O_CREAT | O_EXCL | O_TRUNC) };
	if (!file_open(&file, path, flags, (mode_t)mode))
		return -1;
	file.path = strdup(path);
	if (file.path == NULL) {
		if (is_still_open(&file))
			(void)close(file.descriptor);
		errno = ENOMEM;
		return -1;
	}
	files[index] = file;
	return HANDLE_FIRST + index;
}

static int guard_close(int handle)
{
	struct guarded_file *file = file_of(handle);
	if (file == NULL) {
		errno = EBADF;
		return -1;
	}
	if (is_still_open(file))
		(void)close(file->descriptor);
	free(file->path);
	*file = (struct guarded_file){ 0 };
	return 0;
}

/*
 * The program may close a descriptor between the look at it and its use: then the call says EBADF,
 * and is made again with the file that was opened anew.
 */
#define GUARD_CALL(type, handle, failed, call)                                \
	do {                                                                  \
		type result_ = (failed);                                      \
		for (int i = 0; i < TRIES; i++) {                             \
			int descriptor = descriptor_of(handle);               \
			if (descriptor < 0)                                   \
				break;                                        \
			result_ = (call);                                     \
			if (result_ != (failed) || errno != EBADF)            \
				break;                                        \
		}                                                             \
		return result_;                                               \
	} while (0)

static int guard_fstat(int handle, struct stat *status)
{
	GUARD_CALL(int, handle, -1, fstat(descriptor, status));
}

static int guard_ftruncate(int handle, off_t size)
{
	GUARD_CALL(int, handle, -1, ftruncate(descriptor, size));
}

static ssize_t guard_pread(int handle, void *bytes, size_t size, off_t at)
{
	GUARD_CALL(ssize_t, handle, -1, pread(descriptor, bytes, size, at));
}

static ssize_t guard_pwrite(int handle, const void *bytes, size_t size, off_t at)
{
	GUARD_CALL(ssize_t, handle, -1, pwrite(descriptor, bytes, size, at));
}

static ssize_t guard_read(int handle, void *bytes, size_t size)
{
	GUARD_CALL(ssize_t, handle, -1, read(descriptor, bytes, size));
}

static ssize_t guard_write(int handle, const void *bytes, size_t size)
{
	GUARD_CALL(ssize_t, handle, -1, write(descriptor, bytes, size));
}

static int guard_fchmod(int handle, mode_t mode)
{
	GUARD_CALL(int, handle, -1, fchmod(descriptor, mode));
}

static int guard_fchown(int handle, uid_t user, gid_t group)
{
	GUARD_CALL(int, handle, -1, fchown(descriptor, user, group));
}

/* Says its error by its result. */
static int guard_fallocate(int handle, off_t at, off_t size)
{
	int result = EBADF;
	for (int i = 0; i < TRIES && result == EBADF; i++) {
		int descriptor = descriptor_of(handle);
		if (descriptor < 0)
			return errno;
		result = posix_fallocate(descriptor, at, size);
	}
	return result;
}

static void *guard_mmap(void *at, size_t size, int protection, int flags, int handle, off_t offset)
{
	if (handle < 0)
		return mmap(at, size, protection, flags, handle, offset);
	GUARD_CALL(void *, handle, MAP_FAILED,
		   mmap(at, size, protection, flags, descriptor, offset));
}

static void lock_add(struct guarded_file *file, struct lock lock)
{
	if (lock.type != F_UNLCK && file->lock_count < LOCKS_MAX &&
	    (lock.end == 0 || lock.start < lock.end))
		file->locks[file->lock_count++] = lock;
}

/* As the system does: the new lock replaces whatever part of older ones it covers. */
static void lock_note(struct guarded_file *file, const struct flock *wanted)
{
	struct lock before[LOCKS_MAX];
	size_t count = file->lock_count;
	const struct lock lock = {
		.start = wanted->l_start, .type = wanted->l_type,
		.end = wanted->l_len == 0 ? 0 : wanted->l_start + wanted->l_len,
	};
	memcpy(before, file->locks, sizeof before);
	file->lock_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct lock head = before[i], tail = before[i];
		bool is_apart = (head.end != 0 && head.end <= lock.start) ||
			(lock.end != 0 && head.start >= lock.end);
		if (is_apart) {
			lock_add(file, head);
			continue;
		}
		head.end = lock.start;
		tail.start = lock.end;
		if (before[i].start < lock.start)
			lock_add(file, head);
		if (lock.end != 0 && (tail.end == 0 || tail.end > lock.end))
			lock_add(file, tail);
	}
	lock_add(file, lock);
}

/* Network file systems without a lock service answer so. */
static bool is_no_lock(int number)
{
	return number == ENOLCK || number == EOPNOTSUPP || number == ENOSYS;
}

static int guard_lock(struct guarded_file *file, int command, struct flock *lock)
{
	int result = fcntl(file->descriptor, command, lock);
	if (result < 0 && is_no_lock(errno)) {
		has_no_locks = true;
		if (command == F_GETLK)
			lock->l_type = F_UNLCK;
		result = 0;
	}
	if (result == 0 && command == F_SETLK)
		lock_note(file, lock);
	return result;
}

/* SQLite passes a struct flock, an int, or nothing. */
static int guard_fcntl(int handle, int command, ...)
{
	bool is_lock = command == F_SETLK || command == F_GETLK;
	bool has_number = !is_lock && command != F_GETFD && command != F_GETFL;
	va_list arguments;
	va_start(arguments, command);
	struct flock *lock = is_lock ? va_arg(arguments, struct flock *) : NULL;
	int number = has_number ? va_arg(arguments, int) : 0;
	va_end(arguments);
	int result = -1;
	for (int i = 0; i < TRIES; i++) {
		struct guarded_file *file = file_use(handle);
		if (file == NULL)
			return -1;
		result = is_lock ? guard_lock(file, command, lock)
				 : fcntl(file->descriptor, command, number);
		if (result != -1 || errno != EBADF)
			break;
	}
	return result;
}

typedef void (*plain_function)(void);

static const struct {
	const char *name;
	plain_function function;
} calls[] = {
	{ "open", (plain_function)guard_open },
	{ "close", (plain_function)guard_close },
	{ "fstat", (plain_function)guard_fstat },
	{ "ftruncate", (plain_function)guard_ftruncate },
	{ "fcntl", (plain_function)guard_fcntl },
	{ "read", (plain_function)guard_read },
	{ "pread", (plain_function)guard_pread },
	{ "pread64", (plain_function)guard_pread },
	{ "write", (plain_function)guard_write },
	{ "pwrite", (plain_function)guard_pwrite },
	{ "pwrite64", (plain_function)guard_pwrite },
	{ "fchmod", (plain_function)guard_fchmod },
	{ "fchown", (plain_function)guard_fchown },
	{ "fallocate", (plain_function)guard_fallocate },
	{ "mmap", (plain_function)guard_mmap },
};

_Static_assert(sizeof(off_t) == 8, "pread and pread64 are one");

bool descriptor_guard_install(void)
{
	static bool is_installed;
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	if (is_installed)
		return true;
	/* The others are calls that this SQLite was built without: they stay so. */
	if (vfs == NULL || vfs->iVersion < 3 || vfs->xSetSystemCall == NULL ||
	    (vfs->xGetSystemCall(vfs, "pread") == NULL &&
	     vfs->xGetSystemCall(vfs, "pread64") == NULL))
		return false;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (vfs->xGetSystemCall(vfs, calls[i].name) != NULL)
			(void)vfs->xSetSystemCall(vfs, calls[i].name,
						  (sqlite3_syscall_ptr)calls[i].function);
	is_installed = true;
	return true;
}

int64_t descriptor_guard_reopened(void)
{
	return reopened_count;
}

bool descriptor_guard_lacks_locks(void)
{
	return has_no_locks;
}

/* SPDX-License-Identifier: MIT */
#include "viewer-export/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
	PACKED_BYTES = 256 * 1024,
	GZIP_WINDOW = 15 + 16,	/* zlib: 32 KiB, with a gzip header, which then has no time in it */
	GZIP_LEVEL = 6,
	GZIP_MEMORY = 8,
};

struct output {
	int file;
	bool is_standard;	/* standard output: not ours to close */
	char *path;		/* final name; of a symbolic link, what it points to */
	char *temporary; /* name until it is complete; NULL: has none, or is written directly */
	bool is_unnamed;	/* gone by itself should the program be killed */
	bool is_nowhere;	/* nothing is kept */
	bool is_packed;
	z_stream packer;
	unsigned char *packed;
	int64_t byte_count;
};

static bool ends_with(const char *text, const char *ending)
{
	size_t length = strlen(text), tail = strlen(ending);
	return length > tail && strcmp(text + length - tail, ending) == 0;
}

/* A file without a name in the folder of the final one: links work only within a file system. */
static int folder_open_unnamed(const char *path, int access_mode)
{
	char *folder = strdup(path);
	if (folder == NULL)
		return -1;
	char *slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder] = 0;
	int file = open(slash == NULL ? "." : folder, O_TMPFILE | access_mode | O_CLOEXEC, 0600);
	free(folder);
	return file;
}

static bool temporary_create(struct output *output, struct error *error)
{
	size_t size = strlen(output->path) + sizeof ".XXXXXX";
	output->temporary = malloc(size);
	if (output->temporary == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to write '%s'", output->path);
	(void)snprintf(output->temporary, size, "%s.XXXXXX", output->path);
	output->file = -1;
	if (access("/proc/self/fd", X_OK) == 0)
		output->file = folder_open_unnamed(output->path, O_WRONLY);
	output->is_unnamed = output->file >= 0;
	/* Not every file system has files without a name. */
	if (!output->is_unnamed)
		output->file = mkstemp(output->temporary);
	if (output->file < 0) {
		int reason = errno;
		free(output->temporary);
		output->temporary = NULL;
		return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", output->path,
			    strerror(reason));
	}
	mode_t mask = umask(0);
	(void)umask(mask);
	(void)fchmod(output->file, 0666 & ~mask);
	(void)fcntl(output->file, F_SETFD, FD_CLOEXEC);
	return true;
}

static bool output_open_file(struct output *output, const char *path, struct error *error)
{
	struct stat status;
	bool exists = stat(path, &status) == 0;
	if (exists && S_ISDIR(status.st_mode))
		return fail(error, ERROR_SYSTEM, "cannot write '%s': it is a folder", path);
	output->path = exists ? realpath(path, NULL) : strdup(path);
	if (output->path == NULL)
		return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", path, strerror(errno));
	if (!exists || S_ISREG(status.st_mode))
		return temporary_create(output, error);
	output->file = open(path, O_WRONLY | O_CLOEXEC);
	if (output->file < 0)
		return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", path, strerror(errno));
	return true;
}

bool output_open(struct output **out, const char *path, struct error *error)
{
	*out = NULL;
	struct output *output = calloc(1, sizeof *output);
	if (output == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to write '%s'", path);
	output->file = -1;
	if (strcmp(path, "-") == 0) {
		output->is_standard = true;
		output->file = STDOUT_FILENO;
		output->path = strdup("standard output");
		if (output->path == NULL) {
			output_abandon(output);
			return fail(error, ERROR_SYSTEM, "no memory to write");
		}
	} else if (!output_open_file(output, path, error)) {
		output_abandon(output);
		return false;
	}
	if (ends_with(path, ".gz")) {
		output->packed = malloc(PACKED_BYTES);
		if (output->packed == NULL ||
		    deflateInit2(&output->packer, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
				 Z_DEFAULT_STRATEGY) != Z_OK) {
			output_abandon(output);
			return fail(error, ERROR_SYSTEM, "no memory to compress '%s'", path);
		}
		output->is_packed = true;
	}
	*out = output;
	return true;
}

bool output_open_nowhere(struct output **out, struct error *error)
{
	struct output *output = calloc(1, sizeof *output);
	*out = output;
	if (output == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to write");
	output->file = -1;
	output->is_nowhere = true;
	return true;
}

static bool file_write(struct output *output, const void *bytes, size_t size, struct error *error)
{
	const char *at = bytes;
	while (size > 0) {
		ssize_t written = write(output->file, at, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", output->path,
				    strerror(written < 0 ? errno : ENOSPC));
		at += written;
		size -= (size_t)written;
	}
	return true;
}

static bool packer_run(struct output *output, int flush, struct error *error)
{
	int state;
	do {
		output->packer.next_out = output->packed;
		output->packer.avail_out = PACKED_BYTES;
		state = deflate(&output->packer, flush);
		size_t size = PACKED_BYTES - output->packer.avail_out;
		if (!file_write(output, output->packed, size, error))
			return false;
	} while (output->packer.avail_out == 0 || (flush == Z_FINISH && state != Z_STREAM_END));
	return true;
}

static int aside_open(const struct output *beside)
{
	const char *folder = getenv("TMPDIR");
	char name[4096];
	int file = beside->temporary != NULL ? folder_open_unnamed(beside->path, O_RDWR) : -1;
	if (file >= 0)
		return file;
	folder = folder != NULL && folder[0] != 0 ? folder : "/tmp";
	if ((size_t)snprintf(name, sizeof name, "%s/laggard.XXXXXX", folder) >= sizeof name) {
		errno = ENAMETOOLONG;
		return -1;
	}
	file = mkstemp(name);
	if (file >= 0)
		(void)unlink(name);
	if (file >= 0)
		(void)fcntl(file, F_SETFD, FD_CLOEXEC);
	return file;
}

bool output_open_aside(struct output **out, const struct output *beside, struct error *error)
{
	if (!output_open_nowhere(out, error) || beside->is_nowhere)
		return *out != NULL;
	struct output *output = *out;
	output->is_nowhere = false;
	output->path = strdup(beside->path);
	output->file = output->path != NULL ? aside_open(beside) : -1;
	if (output->file >= 0)
		return true;
	*out = NULL;
	output_abandon(output);
	return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", beside->path, strerror(errno));
}

bool output_append(struct output *output, struct output *aside, struct error *error)
{
	if (aside->is_nowhere) {
		output->byte_count += aside->byte_count;
		return true;
	}
	char *bytes = malloc(PACKED_BYTES);
	if (bytes == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to write");
	ssize_t size = 0;
	bool ok = true;
	for (off_t at = 0; ok && at < aside->byte_count; at += size) {
		do
			size = pread(aside->file, bytes, PACKED_BYTES, at);
		while (size < 0 && errno == EINTR);
		ok = size > 0 ? output_write(output, bytes, (size_t)size, error) :
		     fail(error, ERROR_SYSTEM, "cannot read back '%s': %s", output->path,
			  strerror(size < 0 ? errno : EIO));
	}
	free(bytes);
	return ok;
}

bool output_write(struct output *output, const char *bytes, size_t size, struct error *error)
{
	output->byte_count += (int64_t)size;
	if (output->is_nowhere)
		return true;
	if (!output->is_packed)
		return file_write(output, bytes, size, error);
	while (size > 0) {
		size_t part = size < UINT_MAX / 2 ? size : UINT_MAX / 2;
		/* zlib only reads it: its prototype is older than const. */
		output->packer.next_in = (Bytef *)(uintptr_t)bytes;
		output->packer.avail_in = (uInt)part;
		if (!packer_run(output, Z_NO_FLUSH, error))
			return false;
		bytes += part;
		size -= part;
	}
	return true;
}

int64_t output_bytes(const struct output *output)
{
	return output->byte_count;
}

/* Gives the file its temporary name: a link cannot take the place of an older file, a rename can.
 */
static bool output_name(struct output *output, struct error *error)
{
	char source[64];
	(void)snprintf(source, sizeof source, "/proc/self/fd/%d", output->file);
	int probe = mkstemp(output->temporary);
	/* The name is free once more; whoever takes it in between makes the link fail. */
	if (probe >= 0)
		(void)close(probe);
	if (probe >= 0 && unlink(output->temporary) == 0 &&
	    linkat(AT_FDCWD, source, AT_FDCWD, output->temporary, AT_SYMLINK_FOLLOW) == 0) {
		output->is_unnamed = false;
		return true;
	}
	return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", output->path, strerror(errno));
}

bool output_commit(struct output *output, struct error *error)
{
	bool ok = !output->is_packed || packer_run(output, Z_FINISH, error);
	if (ok && output->is_unnamed)
		ok = output_name(output, error);
	if (ok && !output->is_standard) {
		int file = output->file;
		output->file = -1;
		/* A full disk or a quota may be told only here. */
		if (close(file) != 0)
			ok = fail(error, ERROR_SYSTEM, "cannot write '%s': %s", output->path,
				  strerror(errno));
	}
	if (ok && output->temporary != NULL) {
		if (rename(output->temporary, output->path) != 0) {
			ok = fail(error, ERROR_SYSTEM, "cannot write '%s': %s", output->path,
				  strerror(errno));
		} else {
			free(output->temporary);
			output->temporary = NULL;
		}
	}
	output_abandon(output);
	return ok;
}

void output_abandon(struct output *output)
{
	if (output == NULL)
		return;
	if (output->is_packed)
		(void)deflateEnd(&output->packer);
	if (output->file >= 0 && !output->is_standard)
		(void)close(output->file);
	if (output->temporary != NULL && !output->is_unnamed)
		(void)unlink(output->temporary);
	free(output->packed);
	free(output->temporary);
	free(output->path);
	free(output);
}

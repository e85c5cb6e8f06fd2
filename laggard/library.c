/* SPDX-License-Identifier: MIT */
#include "laggard/library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Folder of the libraries, absolute or as seen from the program's folder; the makefile knows. */
#ifndef LAGGARD_LIBDIR
#define LAGGARD_LIBDIR "../lib"
#endif

static const char LIBRARY[] = "libtrace.so";
static const char CALIBRATE[] = "laggard-calibrate";

/* The dynamic loader splits LD_PRELOAD at blanks and colons, and replaces $ORIGIN and the like. */
static bool library_check(const char *path, struct error *error)
{
	if (path[strcspn(path, " \t\n:$")] == 0)
		return true;
	return fail(error, ERROR_SYSTEM,
		    "cannot preload '%s': the dynamic loader takes no path with "
		    "blanks, colons or dollar signs; put it elsewhere and set LAGGARD_LIBTRACE",
		    path);
}

static bool program_folder(char folder[PATH_MAX], struct error *error)
{
	ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	if (length < 0)
		return fail(error, ERROR_SYSTEM,
			    "cannot read '/proc/self/exe': %s", strerror(errno));
	folder[length] = 0;
	char *slash = strrchr(folder, '/');
	if (slash != NULL)
		*slash = 0;
	return true;
}

static bool library_try(char path[PATH_MAX], const char *program, const char *folder,
			const char *name)
{
	char candidate[PATH_MAX * 2 + 64];
	int length = folder[0] == '/' ?
		snprintf(candidate, sizeof candidate, "%s/%s", folder, name) :
		snprintf(candidate, sizeof candidate, "%s/%s/%s", program, folder, name);
	return length > 0 && (size_t)length < sizeof candidate &&
	       realpath(candidate, path) != NULL && access(path, R_OK) == 0;
}

bool library_find(char path[PATH_MAX], struct error *error)
{
	static const char *const folders[] = { LAGGARD_LIBDIR, "../lib", "../lib64", "." };
	const char *named = getenv("LAGGARD_LIBTRACE");
	if (named != NULL && named[0] != 0) {
		if (realpath(named, path) == NULL)
			return fail(error, ERROR_INPUT, "cannot find '%s' (LAGGARD_LIBTRACE): %s",
				    named, strerror(errno));
		return library_check(path, error);
	}
	char program[PATH_MAX];
	if (!program_folder(program, error))
		return false;
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if (library_try(path, program, folders[i], LIBRARY))
			return library_check(path, error);
	return fail(error, ERROR_SYSTEM,
		    "cannot find '%s' in '%s%s%s'; set LAGGARD_LIBTRACE to its path", LIBRARY,
		    folders[0][0] == '/' ? "" : program, folders[0][0] == '/' ? "" : "/",
		    folders[0]);
}

bool library_find_calibrate(char path[PATH_MAX], struct error *error)
{
	static const struct {
		const char *folder, *name;
	} places[] = {
		{ LAGGARD_LIBDIR, CALIBRATE },
		{ "../lib", CALIBRATE },
		{ "../lib64", CALIBRATE },
		{ "../kernels", "calibrate" },	/* as built by `make kernels` */
	};
	char program[PATH_MAX];
	if (!program_folder(program, error))
		return false;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (library_try(path, program, places[i].folder, places[i].name))
			return true;
	return fail(error, ERROR_SYSTEM,
		    "cannot find the measuring program '%s' in '%s%s%s': it is built and installed "
		    "where nvcc is ('make kernels install'); name it with --program",
		    CALIBRATE, places[0].folder[0] == '/' ? "" : program,
		    places[0].folder[0] == '/' ? "" : "/", places[0].folder);
}

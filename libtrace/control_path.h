/* SPDX-License-Identifier: MIT */
/*
 * Where a recorded process can be spoken to: a socket in a folder that only its user can enter,
 * $XDG_RUNTIME_DIR/laggard or /tmp/laggard-<uid>, named by the process id and the time when that
 * process started, so that an id that comes back means nobody else. Both sides use this file:
 * libtrace, which makes the socket, and `laggard ctl`, which finds it.
 *
 * Thread: any; touches the file system where said.
 */
#ifndef LIBTRACE_CONTROL_PATH_H
#define LIBTRACE_CONTROL_PATH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What fits into the address of a socket, with its terminator. */
enum { CONTROL_PATH_MAX = 108, CONTROL_FOLDERS = 2 };

/*
 * The folders where a socket may be, the preferred one first; false: none of that number. `runtime`
 * is XDG_RUNTIME_DIR, or NULL: the drain must not read an environment that the program changes.
 */
bool control_folder_name(char folder[CONTROL_PATH_MAX], int number, const char *runtime,
			 uid_t user);

/*
 * A real folder, not a link, of this user and closed to all others? Anything else could be somebody
 * else's trap.
 */
bool control_folder_is_safe(const char *folder, uid_t user, struct error *error);

/* Makes the first folder that can be made, and is safe. */
bool control_folder_make(char folder[CONTROL_PATH_MAX], const char *runtime, uid_t user,
			 struct error *error);

/* False: it does not fit. */
bool control_socket_name(char path[CONTROL_PATH_MAX], const char *folder, int64_t pid,
			 int64_t started);

/* The process and start time that a file name of the folder means; false: it is none of ours. */
bool control_socket_parse(const char *name, int64_t *pid, int64_t *started);

/* When the process started, in clock ticks since the boot; -1: there is no such process. */
int64_t process_started(int64_t pid);

/*
 * Removes sockets whose processes are gone, which nobody listens at either (in another container a
 * process may live that is not seen from here); looks at a bounded number of them.
 */
void control_folder_clean(const char *folder);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What of a command line is nobody's business: a trace is shown to others, so values whose names
 * say that they are secret become "***".
 *
 * Thread: any; pure.
 */
#ifndef LIBTRACE_COMMAND_MASK_H
#define LIBTRACE_COMMAND_MASK_H

#include <stddef.h>

/*
 * `arguments` as /proc/self/cmdline has them, each ended by NUL; `text` becomes one line, cut at
 * `size`. Masked are: what follows the = or : of a secret name (token, password, secret, key,
 * credential, auth ... as a word of it), the argument after an option of such a name, user and
 * password in a URL, and arguments that begin like the keys of well-known services.
 */
void command_mask(char *text, size_t size, const char *arguments, size_t length);

#endif

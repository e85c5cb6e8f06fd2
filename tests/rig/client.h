/* SPDX-License-Identifier: MIT */
/*
 * Another CUPTI client in the training program, as torch.profiler's Kineto is one: its callbacks,
 * 4 MB buffers (33 at most), its kinds; at the end a forced flush, the kinds off, and cuptiFinalize
 * where asked. A test double: it keeps what it got and writes it as text.
 * Thread: start and stop on one thread at a time.
 */
#ifndef RIG_CLIENT_H
#define RIG_CLIENT_H

/*
 * `how`: comma list: "dlsym": fetch the functions from the library itself, past any preload;
 * "finalize"; "several": the calls of CUPTI 13.3 by one of several subscribers, "sole": which wants
 * to be the only one. NULL-safe.
 */
void rig_client_start(const char *how);
void rig_client_stop(const char *how, const char *path);

#endif

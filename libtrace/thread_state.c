/* SPDX-License-Identifier: MIT */
#include "libtrace/thread_state.h"

_Thread_local struct thread_state laggard_thread;

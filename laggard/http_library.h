/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd, opened when a server is started and not before: what it brings along takes longer
 * to load than most commands run, and laggard runs where it is not installed. Only its header is
 * needed to build; without that LAGGARD_HAS_MICROHTTPD is not defined, and nothing can be served.
 *
 * Thread: opening is the main thread's; the table is constant afterwards.
 */
#ifndef LAGGARD_HTTP_LIBRARY_H
#define LAGGARD_HTTP_LIBRARY_H

#include "base/error.h"

#include <stdbool.h>

#ifdef LAGGARD_HAS_MICROHTTPD

#include <microhttpd.h>

#define HTTP_LIBRARY_FUNCTIONS(F) \
	F(start_daemon) F(stop_daemon) F(get_daemon_info) F(get_connection_values_n) \
	F(lookup_connection_value) F(create_response_from_buffer) F(create_response_from_fd64) \
	F(add_response_header) F(queue_response) F(destroy_response)

struct http_library {
#define MEMBER(name) __typeof__(&MHD_##name) name;
	HTTP_LIBRARY_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* Filled by http_library_open. */
extern struct http_library http_library;

#endif

/* The error says what to install. */
bool http_library_open(struct error *error);

#endif

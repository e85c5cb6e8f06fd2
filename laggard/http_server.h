/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP server for this machine's own browser: it listens on the loopback addresses only,
 * answers GET and HEAD only, and only to those who name it by a loopback address (a page that made
 * its own name point here is refused) and know the token in the path, so that neither other users
 * of the machine nor pages of other origins can read anything. What the paths mean is its caller's.
 *
 * Thread: starting and stopping is one thread's; the handler is called by several at once.
 */
#ifndef LAGGARD_HTTP_SERVER_H
#define LAGGARD_HTTP_SERVER_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct http_server;
struct http_request;

enum { HTTP_OK = 200, HTTP_BAD = 400, HTTP_UNKNOWN = 404, HTTP_BROKEN = 500 };

struct http_reply {
	int status;
	const char *type;	/* of the content; a literal */
	struct text body;	/* begun */
	const char *bytes;	/* instead of the body, if not NULL: constant data */
	size_t size;
	const char *file_path;	/* instead of both: a file of ours */
	const char *reader_origin;	/* the one other origin that may read it; NULL: none */
};

/* `path` follows the token and its slash: "" is the page. */
typedef void (*http_handler)(void *context, const char *path, const struct http_request *request,
			     struct http_reply *reply);

struct http_server_options {
	int port;		/* 0: any that is free */
	http_handler handler;
	void *context;
};

/* After http_library_open. */
bool http_server_start(struct http_server **out, const struct http_server_options *options,
		       struct error *error);

/* Open connections are closed, running handlers waited for. NULL is fine. */
void http_server_stop(struct http_server *server);

int http_server_port(const struct http_server *server);
const char *http_server_token(const struct http_server *server);

/* The parameters of a request; a name that is given twice has no value that can be trusted. */
struct http_parameter {
	const char *name;
	const char *value;	/* decoded; NULL without '=' */
};

enum { HTTP_PARAMETERS_MAX = 16 };

/* How many there are, at most HTTP_PARAMETERS_MAX are filled in; -1: one holds a zero byte. */
int http_request_parameters(const struct http_request *request,
			    struct http_parameter list[HTTP_PARAMETERS_MAX]);

#endif

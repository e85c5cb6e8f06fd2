/* SPDX-License-Identifier: MIT */
#include "laggard/http_server.h"

#include "laggard/http_library.h"

#ifdef LAGGARD_HAS_MICROHTTPD

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	THREADS = 4,
	CONNECTIONS_MAX = 128,
	CONNECTION_SECONDS = 30,	/* that one may say nothing */
	REQUEST_BYTES_MAX = 32 * 1024,
	TOKEN_BYTES = 16,
	BODY_BYTES_MAX = 512 << 20,
};

struct http_server {
	struct MHD_Daemon *daemon;
	struct MHD_Daemon *daemon_6;	/* on ::1; NULL where there is none */
	struct http_server_options options;
	atomic_int port;	/* known only when its threads already run; 0 until then */
	char token[2 * TOKEN_BYTES + 1];
};

struct http_request {
	struct MHD_Connection *connection;
};

/*
 * Nobody embeds, frames, sniffs or keeps what is served, and the page may load nothing from
 * elsewhere.
 */
static const char *const headers[][2] = {
	{ "Cache-Control", "no-store" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Embedder-Policy", "require-corp" },
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; "
	  "connect-src 'self'; img-src data:; "
	  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
};

static enum MHD_Result parameter_keep(void *context, enum MHD_ValueKind kind, const char *key,
				      size_t key_size, const char *value, size_t value_size)
{
	struct { struct http_parameter *list; int count; } *found = context;
	(void)kind;
	if (strlen(key) != key_size || (value != NULL && strlen(value) != value_size)) {
		found->count = -1;
		return MHD_NO;
	}
	if (found->count < HTTP_PARAMETERS_MAX)
		found->list[found->count] = (struct http_parameter){ key, value };
	found->count++;
	return MHD_YES;
}

int http_request_parameters(const struct http_request *request,
			    struct http_parameter list[HTTP_PARAMETERS_MAX])
{
	struct { struct http_parameter *list; int count; } found = { list, 0 };
	(void)http_library.get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND,
					  parameter_keep, &found);
	return found.count;
}

/* A page elsewhere whose name was made to point to this machine says that name. */
static bool host_is_ours(const struct http_server *server, struct MHD_Connection *connection)
{
	static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };
	const char *host = http_library.lookup_connection_value(connection, MHD_HEADER_KIND,
								MHD_HTTP_HEADER_HOST);
	for (size_t i = 0; host != NULL && i < sizeof names / sizeof names[0]; i++) {
		char expected[32];
		(void)snprintf(expected, sizeof expected, "%s:%d", names[i],
			       atomic_load(&server->port));
		if (strcasecmp(host, expected) == 0)
			return true;
	}
	return false;
}

/* What follows "/<token>/", or NULL. */
static const char *path_inside(const struct http_server *server, const char *url)
{
	size_t length = strlen(server->token);
	if (url[0] != '/' || strncmp(url + 1, server->token, length) != 0 || url[length + 1] != '/')
		return NULL;
	return url + length + 2;
}

static struct MHD_Response *response_of_file(const char *path)
{
	struct stat file;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	struct MHD_Response *response = NULL;
	if (fstat(fd, &file) == 0)
		response = http_library.create_response_from_fd64((uint64_t)file.st_size, fd);
	if (response == NULL)
		(void)close(fd);
	return response;
}

/* Takes the memory of the body. */
static struct MHD_Response *response_make(struct http_reply *reply)
{
	void *constant = (void *)(uintptr_t)reply->bytes;
	if (reply->file_path != NULL)
		return response_of_file(reply->file_path);
	if (constant != NULL || reply->body.bytes == NULL)
		return http_library.create_response_from_buffer(
			constant == NULL ? 0 : reply->size, constant, MHD_RESPMEM_PERSISTENT);
	struct MHD_Response *response = http_library.create_response_from_buffer(
		reply->body.length, reply->body.bytes, MHD_RESPMEM_MUST_FREE);
	if (response != NULL)
		text_begin(&reply->body, BODY_BYTES_MAX);
	return response;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	(void)http_library.add_response_header(response, name, value);
}

static enum MHD_Result reply_send(struct MHD_Connection *connection, struct http_reply *reply)
{
	struct MHD_Response *response = response_make(reply);
	if (response == NULL)
		return MHD_NO;
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		add_header(response, headers[i][0], headers[i][1]);
	add_header(response, "Cross-Origin-Resource-Policy",
		   reply->reader_origin != NULL ? "cross-origin" : "same-origin");
	if (reply->reader_origin != NULL)
		add_header(response, "Access-Control-Allow-Origin", reply->reader_origin);
	add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
	if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		add_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result result =
		http_library.queue_response(connection, (unsigned)reply->status, response);
	http_library.destroy_response(response);
	return result;
}

static void reply_refuse(struct http_reply *reply, int status, const char *why)
{
	reply->status = status;
	text_add(&reply->body, why);
	text_add_char(&reply->body, '\n');
}

/* None of our paths is escaped, and an escaped zero byte would end one early. */
static char path_plain, path_odd;

static void *path_look_at(void *context, const char *uri, struct MHD_Connection *connection)
{
	const char *end = strchr(uri, '?'), *percent = strchr(uri, '%');
	(void)context;
	(void)connection;
	return percent != NULL && (end == NULL || percent < end) ? &path_odd : &path_plain;
}

static enum MHD_Result request_answer(void *context, struct MHD_Connection *connection,
				      const char *url, const char *method, const char *version,
				      const char *upload, size_t *upload_size, void **state)
{
	struct http_server *server = context;
	struct http_request request = { .connection = connection };
	struct http_reply reply = { .status = HTTP_OK, .type = "text/plain; charset=utf-8" };
	(void)version;
	(void)upload;
	(void)upload_size;
	bool is_plain = *state != &path_odd;
	/* Answered at the second call, when the whole head was read, a connection can be kept. */
	if (*state == &path_plain && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)) {
		*state = server;
		return MHD_YES;
	}
	text_begin(&reply.body, BODY_BYTES_MAX);
	const char *path = is_plain ? path_inside(server, url) : NULL;
	if (!host_is_ours(server, connection))
		reply_refuse(&reply, MHD_HTTP_FORBIDDEN, "this is a loopback server");
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		reply_refuse(&reply, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
	else if (path == NULL)
		reply_refuse(&reply, HTTP_UNKNOWN, "nothing here");
	else
		server->options.handler(server->options.context, path, &request, &reply);
	enum MHD_Result result = reply_send(connection, &reply);
	text_end(&reply.body);
	return result;
}

/* Its complaints about clients are nobody's business. */
static void log_nothing(void *context, const char *format, va_list arguments)
{
	(void)context;
	(void)format;
	(void)arguments;
}

static struct MHD_Daemon *daemon_start(struct http_server *server, const struct sockaddr *address,
				       unsigned flags)
{
	return http_library.start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | flags |
					MHD_USE_ERROR_LOG,
				0, NULL, NULL, request_answer, server, MHD_OPTION_EXTERNAL_LOGGER,
				log_nothing, NULL, MHD_OPTION_URI_LOG_CALLBACK, path_look_at,
				NULL, MHD_OPTION_SOCK_ADDR, address,
				MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_SECONDS,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES_MAX,
				MHD_OPTION_END);
}

static bool token_make(struct http_server *server, struct error *error)
{
	unsigned char bytes[TOKEN_BYTES];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return fail(error, ERROR_SYSTEM, "cannot get random bytes: %s", strerror(errno));
	for (size_t i = 0; i < sizeof bytes; i++)
		(void)snprintf(server->token + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

static bool listen_start(struct http_server *server, struct error *error)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)server->options.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	errno = 0;
	server->daemon = daemon_start(server, (const struct sockaddr *)&address, 0);
	if (server->daemon == NULL)
		return fail(error, ERROR_SYSTEM, "cannot listen on 127.0.0.1:%d: %s",
			    server->options.port, errno != 0 ? strerror(errno) : "refused");
	const union MHD_DaemonInfo *info =
		http_library.get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
	atomic_store(&server->port, info == NULL ? server->options.port : info->port);
	/* The same port of the other loopback address, where it can be had. */
	struct sockaddr_in6 address_6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)http_server_port(server)),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	server->daemon_6 =
		daemon_start(server, (const struct sockaddr *)&address_6, MHD_USE_IPv6);
	return true;
}

bool http_server_start(struct http_server **out, const struct http_server_options *options,
		       struct error *error)
{
	struct http_server *server = calloc(1, sizeof *server);
	*out = server;
	if (server == NULL)
		return fail(error, ERROR_SYSTEM, "no memory for a server");
	server->options = *options;
	if (token_make(server, error) && listen_start(server, error))
		return true;
	http_server_stop(server);
	*out = NULL;
	return false;
}

void http_server_stop(struct http_server *server)
{
	if (server == NULL)
		return;
	if (server->daemon != NULL)
		http_library.stop_daemon(server->daemon);
	if (server->daemon_6 != NULL)
		http_library.stop_daemon(server->daemon_6);
	free(server);
}

int http_server_port(const struct http_server *server)
{
	return atomic_load(&server->port);
}

const char *http_server_token(const struct http_server *server)
{
	return server->token;
}

#else

bool http_server_start(struct http_server **out, const struct http_server_options *options,
		       struct error *error)
{
	(void)options;
	*out = NULL;
	return http_library_open(error);
}

void http_server_stop(struct http_server *server)
{
	(void)server;
}

int http_server_port(const struct http_server *server)
{
	(void)server;
	return 0;
}

const char *http_server_token(const struct http_server *server)
{
	(void)server;
	return "";
}

int http_request_parameters(const struct http_request *request,
			    struct http_parameter list[HTTP_PARAMETERS_MAX])
{
	(void)request;
	(void)list;
	return 0;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "libtrace/control.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "libtrace/capture.h"
#include "libtrace/control_path.h"
#include "libtrace/drain_source.h"
#include "libtrace/flight_recorder.h"
#include "libtrace/host_facts.h"
#include "libtrace/settings.h"
#include "libtrace/window_source.h"
#include "libtrace/window_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LOOK_MS = 250,
	CLIENTS_MAX = 4,	/* that are waited for */
	ACCEPTED_MAX = 64,	/* in one look */
	BACKLOG = 64,
	REQUEST_BYTES_MAX = 128,
	ANSWER_BYTES_MAX = 16 * 1024,	/* fits the socket's own buffer */
	CLIENT_MS_MAX = 2000,
	DUMP_PATH_MAX = 4096,
	SETTINGS_BYTES_MAX = 64 * 1024,
};
#define NS_PER_MS INT64_C(1000000)

/*
 * A descriptor and what it was when it was ours: programs that close all descriptors there are do
 * so with ours, too, and may have the number for something of their own then.
 */
struct own_file {
	int file;
	struct file_identity identity;
};

struct client {
	struct own_file socket;
	int64_t deadline_ns;	/* CLOCK_MONOTONIC */
	size_t size;
	char request[REQUEST_BYTES_MAX];
};

static struct {
	bool is_open;
	const struct settings *settings;
	struct own_file listener;
	char path[CONTROL_PATH_MAX];
	struct client clients[CLIENTS_MAX];
	size_t client_count;
} control;

static bool own_file_note(struct own_file *own, int file)
{
	own->file = file;
	return file_identity_of_descriptor(&own->identity, file);
}

static bool own_file_is_ours(const struct own_file *own)
{
	return descriptor_is_of(own->file, &own->identity);
}

static void own_file_close(const struct own_file *own)
{
	if (own_file_is_ours(own))
		(void)close(own->file);
}

static bool socket_listen(int file, const char *path, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	memcpy(address.sun_path, path, strlen(path));
	if (bind(file, (const struct sockaddr *)&address, sizeof address) != 0)
		return fail(error, ERROR_SYSTEM, "cannot make '%s': %s", path, strerror(errno));
	/* The folder is closed to others already; the mask of the process is not ours to change. */
	if (chmod(path, S_IRUSR | S_IWUSR) == 0 && listen(file, BACKLOG) == 0 &&
	    own_file_note(&control.listener, file))
		return true;
	(void)fail(error, ERROR_SYSTEM, "cannot listen at '%s': %s", path, strerror(errno));
	(void)unlink(path);
	return false;
}

static bool control_make(const struct drain_plan *plan, struct error *error)
{
	char folder[CONTROL_PATH_MAX];
	if (!control_folder_make(folder, plan->runtime_folder, geteuid(), error))
		return false;
	control_folder_clean(folder);
	if (!control_socket_name(control.path, folder, plan->pid, process_started(plan->pid)))
		return fail(error, ERROR_SYSTEM, "the name of '%s' is too long", folder);
	int file = descriptor_lift(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (file < 0)
		return fail(error, ERROR_SYSTEM, "cannot make a socket: %s", strerror(errno));
	if (socket_listen(file, control.path, error))
		return true;
	(void)close(file);
	return false;
}

static void control_open(struct drain *drain, const struct drain_plan *plan)
{
	struct error error = { 0 };
	char reason[ERROR_MESSAGE_MAX + 32];
	if (!plan->settings->control)
		return;
	control.settings = plan->settings;
	control.is_open = control_make(plan, &error);
	if (control.is_open)
		return;
	(void)snprintf(reason, sizeof reason, "no answer to laggard ctl: %s", error.message);
	drain_loss(drain, "control", reason, 0);
}

static int64_t control_due(struct drain *drain)
{
	(void)drain;
	return control.is_open ? LOOK_MS * NS_PER_MS : INT64_MAX;
}

static void value_add(struct text *answer, const char *name, const char *value)
{
	text_add_format(answer, "\t%s=", name);
	for (const char *at = value; *at != 0; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f || *at == '%')
			text_add_format(answer, "%%%02X", (unsigned char)*at);
		else
			text_add_char(answer, *at);
	}
}

static void number_add(struct text *answer, const char *name, int64_t value)
{
	text_add_format(answer, "\t%s=%lld", name, (long long)value);
}

/* The settings that open and close the window, as they are given: "LAGGARD_STEPS=3-7". */
static void window_add(struct text *answer, const struct settings *settings)
{
	static const char *const names[] = {	/* each begins a line */
		"\nLAGGARD_START=", "\nLAGGARD_DELAY_MS=", "\nLAGGARD_DURATION_MS=",
		"\nLAGGARD_CUDA_PROFILER=", "\nLAGGARD_RANGE=", "\nLAGGARD_STEPS=",
	};
	const bool are_given[] = {
		!settings->start, settings->delay_ms > 0, settings->duration_ms > 0,
		settings->cuda_profiler, settings->range[0] != 0, settings->steps.is_given,
	};
	struct text all, window;
	text_begin(&all, SETTINGS_BYTES_MAX);
	text_begin(&window, ANSWER_BYTES_MAX / 2);
	settings_add_text(settings, &all);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *line = are_given[i] ? strstr(text_string(&all), names[i]) : NULL;
		if (line == NULL)
			continue;
		text_add(&window, window.length == 0 ? "" : " ");
		text_add_bytes(&window, line + 1, strcspn(line + 1, "\n"));
	}
	value_add(answer, "window", text_string(&window));
	text_end(&window);
	text_end(&all);
}

static void status_add(struct text *answer, struct drain *drain)
{
	struct drain_status status = drain_status_read(drain);
	struct window_status window = window_source_status();
	struct text reason;
	text_begin(&reason, ANSWER_BYTES_MAX);
	window_source_add_reason(&reason, window.unmet);
	value_add(answer, "state", window.unmet == 0 ? "recording" : "paused");
	value_add(answer, "reason", text_string(&reason));
	value_add(answer, "path", status.path);
	/* A flight recorder makes names for its dumps of it; else the file may have been removed.
	 */
	value_add(answer, "file", status.dumps >= 0 ? "dumps"
		  : access(status.path, F_OK) == 0 ? "written" : "not there");
	if (status.dumps >= 0)
		number_add(answer, "dumps", status.dumps);
	window_add(answer, control.settings);
	number_add(answer, "begun_ns", status.epoch_ns);
	number_add(answer, "since_ns", window.since_ns);
	number_add(answer, "now_ns", realtime_ns());
	number_add(answer, "rows", status.rows);
	number_add(answer, "lost", status.losses);
	number_add(answer, "gaps", window.gap_count);
	number_add(answer, "gap_ns", window.gap_ns);
	number_add(answer, "step", window_watch_step());
	text_end(&reason);
}

/* False, and why: there is nothing to write out. */
static bool dump_make(char path[DUMP_PATH_MAX], const char **reason)
{
	path[0] = 0;
	*reason = capture_settings()->flight_s == 0 ?
		"no flight recorder (LAGGARD_FLIGHT_S is not set)" :
		"no dump was made: its stderr says why, or there are LAGGARD_FLIGHT_DUMPS";
	return flight_dump_ask("laggard ctl", path, DUMP_PATH_MAX);
}

static void command_run(struct text *answer, struct drain *drain, const char *command)
{
	char path[DUMP_PATH_MAX];
	const char *reason = NULL;
	if (strcmp(command, "start") == 0) {
		window_source_start();
	} else if (strcmp(command, "stop") == 0) {
		window_source_stop();
	} else if (strcmp(command, "dump") == 0) {
		if (!dump_make(path, &reason)) {
			text_add(answer, "error");
			value_add(answer, "text", reason);
			return;
		}
		text_add(answer, "ok");
		value_add(answer, "dump", path);
		return;
	} else if (strcmp(command, "status") != 0) {
		text_add(answer, "error");
		value_add(answer, "text", "unknown command");
		return;
	}
	window_source_take(drain);
	text_add(answer, "ok");
	status_add(answer, drain);
}

static void request_answer(struct drain *drain, struct client *client)
{
	static const char greeting[] = "laggard 1 ";
	struct text answer;
	text_begin(&answer, ANSWER_BYTES_MAX);
	text_add(&answer, greeting);
	if (strncmp(client->request, greeting, sizeof greeting - 1) == 0) {
		command_run(&answer, drain, client->request + sizeof greeting - 1);
	} else {
		text_add(&answer, "error");
		value_add(&answer, "text", "not a request of version 1");
	}
	text_add_char(&answer, '\n');
	/* All of it fits, or the client is none of ours. */
	(void)send(client->socket.file, text_string(&answer), answer.length,
		   MSG_NOSIGNAL | MSG_DONTWAIT);
	text_end(&answer);
}

/* Reads what has come; true: there is nothing more to do for this client. */
static bool client_serve(struct drain *drain, struct client *client)
{
	if (!own_file_is_ours(&client->socket))
		return true;
	ssize_t got = recv(client->socket.file, client->request + client->size,
			   sizeof client->request - 1 - client->size, MSG_DONTWAIT);
	if (got < 0)
		return errno != EAGAIN && errno != EINTR;
	if (got == 0)
		return true;
	client->size += (size_t)got;
	client->request[client->size] = 0;
	char *end = memchr(client->request, '\n', client->size);
	if (end == NULL && client->size < sizeof client->request - 1)
		return false;
	if (end != NULL)
		*end = 0;
	request_answer(drain, client);
	return true;
}

static bool is_same_user(int file)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	return getsockopt(file, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

/* Who has not asked yet is looked at again; the one that was silent for longest makes room. */
static void client_keep(const struct client *client)
{
	if (control.client_count == CLIENTS_MAX) {
		own_file_close(&control.clients[0].socket);
		memmove(&control.clients[0], &control.clients[1],
			(CLIENTS_MAX - 1) * sizeof control.clients[0]);
		control.client_count--;
	}
	control.clients[control.client_count++] = *client;
}

static void clients_accept(struct drain *drain)
{
	for (int i = 0; i < ACCEPTED_MAX; i++) {
		int file = accept4(control.listener.file, NULL, NULL,
				   SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (file < 0)
			return;
		file = descriptor_lift(file);
		struct client client = {
			.deadline_ns = monotonic_ns() + CLIENT_MS_MAX * NS_PER_MS,
		};
		if (!is_same_user(file) || !own_file_note(&client.socket, file) ||
		    client_serve(drain, &client))
			(void)close(file);
		else
			client_keep(&client);
	}
}

static void control_pass(struct drain *drain, const struct drain_pass *pass)
{
	(void)pass;
	if (!control.is_open)
		return;
	/* Closed by the program: the number may be its own now. */
	if (!own_file_is_ours(&control.listener)) {
		control.is_open = false;
		(void)unlink(control.path);
		drain_loss(drain, "control", "no answer to laggard ctl: the program closed the "
			   "socket", 0);
		return;
	}
	clients_accept(drain);
	int64_t now_ns = monotonic_ns();
	for (size_t i = control.client_count; i > 0; i--) {
		struct client *client = &control.clients[i - 1];
		if (!client_serve(drain, client) && now_ns < client->deadline_ns)
			continue;
		own_file_close(&client->socket);
		control.client_count--;
		memmove(client, client + 1, (control.client_count - (i - 1)) * sizeof *client);
	}
}

static void files_close(void)
{
	own_file_close(&control.listener);
	for (size_t i = 0; i < control.client_count; i++)
		own_file_close(&control.clients[i].socket);
	control.client_count = 0;
	control.is_open = false;
}

static void control_close(void)
{
	if (!control.is_open)
		return;
	(void)unlink(control.path);
	files_close();
}

void control_forget(void)
{
	if (control.is_open)
		files_close();
}

const struct drain_source drain_source_control = {
	.name = "control", .begin = control_open, .pass = control_pass, .due = control_due,
	.close = control_close,
};

/* SPDX-License-Identifier: MIT */
#include "analyzer/sidecar.h"
#include "laggard/analysis_file.h"
#include "laggard/command.h"
#include "laggard/http_library.h"
#include "laggard/http_server.h"
#include "laggard/input.h"
#include "laggard/talk.h"
#include "laggard/version.h"
#include "laggard/view_api.h"
#include "tracedb/private_copy.h"
#include "viewer-export/export.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VIEW_PORT, VIEW_OPEN, VIEW_PERFETTO, VIEW_FORMAT, VIEW_OPTION_COUNT };

enum { OPEN_AUTO, OPEN_ALWAYS, OPEN_NEVER };

/* The one port of this machine that the policy of ui.perfetto.dev lets it read from. */
enum { PERFETTO_PORT = 9001 };
static const char *const PERFETTO_ORIGIN = "https://ui.perfetto.dev";

static bool format_at(size_t index, struct option_choice *choice)
{
	for (size_t i = 0; export_formats[i] != NULL; i++)
		if (export_formats[i]->is_for_perfetto && index-- == 0) {
			*choice = (struct option_choice){ export_formats[i]->name,
							  export_formats[i]->summary };
			return true;
		}
	return false;
}

static const struct option_choice open_choices[] = {
	[OPEN_AUTO] = { "auto", "where there is a desktop session" },
	[OPEN_ALWAYS] = { "always", "in any case" },
	[OPEN_NEVER] = { "never", "only print the address" },
	{ NULL, NULL },
};

static const struct option options[VIEW_OPTION_COUNT] = {
	[VIEW_PORT] = {
		.name = "port", .letter = 'p', .kind = OPTION_INTEGER, .value = "N",
		.minimum = 0, .maximum = 65535, .fallback = "0",
		.text = "port to listen on; 0 is any that is free, and 9001 with --perfetto",
	},
	[VIEW_OPEN] = {
		.name = "open", .kind = OPTION_CHOICE, .choices = open_choices,
		.fallback = "auto", .text = "show the address in a browser; never as root",
	},
	[VIEW_PERFETTO] = {
		.name = "perfetto", .kind = OPTION_FLAG,
		.text =
			"export the traces and serve that one file for https://ui.perfetto.dev, "
			"instead of a page of our own",
	},
	[VIEW_FORMAT] = {
		.name = "format", .letter = 'f', .kind = OPTION_CHOICE, .choice_at = format_at,
		.text = "what --perfetto exports", .fallback = "chrome",
	},
};

static const struct option_example examples[] = {
	{ "laggard view traces", "prints an address for the browser; Ctrl-C ends" },
	{ "laggard view --port 8000 rank0.db rank1.db", "through 'ssh -L 8000:localhost:8000'" },
	{ "laggard view --perfetto traces", "in the Perfetto viewer, without an upload" },
	{ NULL, NULL },
};

const struct option_table view_table = {
	.name = "view",
	.summary = "look at a timeline in the browser",
	.arguments = "FILE-OR-FOLDER...",
	.description =
		"Serves the traces to a browser on this machine, at once however large they are: "
		"the page asks for the part that it shows, and the databases are read for that "
		"part only. What is not yet exact is marked until it is. Prints the address, "
		"listens on 127.0.0.1 only, and ends with Ctrl-C.",
	.options = options,
	.option_count = VIEW_OPTION_COUNT,
	.examples = examples,
	.arguments_min = 1,
	.arguments_max = (size_t)-1,
};

/* What --perfetto serves. */
struct exported {
	char *folder;		/* private; goes in the end */
	char path[PATH_MAX];
	const char *name;	/* in it */
};

static void exported_answer(void *context, const char *path, const struct http_request *request,
			    struct http_reply *reply)
{
	const struct exported *exported = context;
	(void)request;
	if (strcmp(path, exported->name) != 0) {
		reply->status = HTTP_UNKNOWN;
		text_add(&reply->body, "nothing here\n");
		return;
	}
	reply->type = "application/octet-stream";
	reply->file_path = exported->path;
	reply->reader_origin = PERFETTO_ORIGIN;
}

static bool export_file(const struct parsed_line *line, struct trace_set *set,
			struct exported *exported, struct error *error)
{
	const struct export_format *format;
	struct analysis_file analysis;
	struct export_options export = {
		.format = parsed_text(line, VIEW_FORMAT),
		.output = exported->path,
		.tool_version = laggard_version,
	};
	if (!export_format_find(&format, export.format, error) ||
	    !private_folder_make(&exported->folder, error))
		return false;
	const char *dot = format->extension[0] == '.' ? "" : ".";
	int size = snprintf(exported->path, sizeof exported->path, "%s/laggard%s%s",
			    exported->folder, dot, format->extension);
	if (size <= 0 || size >= (int)sizeof exported->path)
		return fail(error, ERROR_SYSTEM, "the name of the folder for temporary files is "
						 "too long");
	exported->name = exported->path + strlen(exported->folder) + 1;
	bool ok = analysis_file_take(&analysis, line, set, "auto", error);
	export.analysis_path = analysis_file_path(&analysis);
	ok = ok && export_traces(set, &export, NULL, error);
	analysis_file_give(&analysis);
	return ok;
}

static bool wants_browser(const struct parsed_line *line)
{
	int choice = parsed_choice(line, VIEW_OPEN);
	const char *x11 = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
	bool has_desktop = (x11 != NULL && x11[0] != 0) || (wayland != NULL && wayland[0] != 0);
	return geteuid() != 0 && (choice == OPEN_ALWAYS || (choice == OPEN_AUTO && has_desktop));
}

/* Not waited for, and silent: the address is printed in any case. */
static void browser_open(const char *address)
{
	char *const arguments[] = { (char *)(uintptr_t) "xdg-open", (char *)(uintptr_t)address,
				    NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	pid_t child;
	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attributes);
	for (int fd = 0; fd < 3; fd++)
		(void)posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	/* Ctrl-C is for us, and a browser expects its signals unblocked. */
	(void)posix_spawnattr_setflags(&attributes,
				       POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	if (posix_spawnp(&child, "xdg-open", &actions, &attributes, arguments, environ) != 0)
		talk_note("cannot start xdg-open; open the address in a browser");
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
}

static bool address_say(const struct parsed_line *line, const struct http_server *server,
			const struct exported *exported, struct error *error)
{
	char address[PATH_MAX];
	char here[128];
	(void)snprintf(here, sizeof here, "http://127.0.0.1:%d/%s/", http_server_port(server),
		       http_server_token(server));
	if (exported == NULL)
		(void)snprintf(address, sizeof address, "%s", here);
	else
		(void)snprintf(address, sizeof address, "%s/#!/?url=%s%s", PERFETTO_ORIGIN, here,
			       exported->name);
	if (!result_write_line(address, error))
		return false;
	if (wants_browser(line))
		browser_open(address);
	return true;
}

static sigset_t ending_signals(void)
{
	sigset_t signals;
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	return signals;
}

/* Until somebody ends it. The signals are blocked: they wait for sigwait, in whichever thread. */
static bool serve(const struct parsed_line *line, struct http_server_options *serving,
		  const struct exported *exported, struct error *error)
{
	struct http_server *server = NULL;
	sigset_t signals = ending_signals();
	int signal_number;
	serving->port = (int)parsed_integer(line, VIEW_PORT);
	if (exported != NULL)
		serving->port = PERFETTO_PORT;
	bool ok = http_server_start(&server, serving, error) &&
		  address_say(line, server, exported, error);
	while (ok && sigwait(&signals, &signal_number) != 0)
		continue;
	http_server_stop(server);
	return ok;
}

static bool serve_export(const struct parsed_line *line, struct trace_set *set, struct error *error)
{
	struct exported exported = { .folder = NULL };
	struct http_server_options serving = { .handler = exported_answer, .context = &exported };
	bool ok = export_file(line, set, &exported, error) &&
		  serve(line, &serving, &exported, error);
	private_folder_remove(exported.folder);
	return ok;
}

static bool serve_tiles(const struct parsed_line *line, struct trace_set *set, struct error *error)
{
	struct tiles *tiles = NULL;
	struct text analysis;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	text_begin(&analysis, PATH_MAX);
	if (line->argument_count == 1)
		sidecar_add_path(&analysis, line->arguments[0]);
	struct tiles_options showing = {
		.scan_threads = cores > 1 ? (size_t)cores : 1,
		.analysis_path = access(text_string(&analysis), R_OK) == 0 ?
					 text_string(&analysis) : NULL,
	};
	bool ok = tiles_open(&tiles, set, &showing, error);
	struct http_server_options serving = { .handler = view_api_answer, .context = tiles };
	ok = ok && serve(line, &serving, NULL, error);
	tiles_close(tiles);
	text_end(&analysis);
	return ok;
}

bool view_command(const struct parsed_line *line, const char *typed, int *status,
		  struct error *error)
{
	struct trace_set *set = NULL;
	int64_t port = parsed_integer(line, VIEW_PORT);
	bool is_perfetto = parsed_flag(line, VIEW_PERFETTO);
	sigset_t signals = ending_signals(), before;
	(void)typed;
	if (is_perfetto && port != 0 && port != PERFETTO_PORT)
		return fail(error, ERROR_USAGE, "ui.perfetto.dev reads from port %d only",
			    PERFETTO_PORT);
	if (!is_perfetto && line->options[VIEW_FORMAT].count > 0)
		return fail(error, ERROR_USAGE, "'--format' is for '--perfetto'");
	/* Before anything is read. */
	if (!http_library_open(error) || !input_open(&set, line, error))
		return false;
	(void)sigprocmask(SIG_BLOCK, &signals, &before);
	bool ok = is_perfetto ? serve_export(line, set, error) : serve_tiles(line, set, error);
	if (ok && input_say_broken(set))
		*status = EXIT_INPUT;
	trace_set_close(set);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return ok;
}

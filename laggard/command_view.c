/* SPDX-License-Identifier: MIT */
#include "analyzer/sidecar.h"
#include "laggard/analysis_file.h"
#include "laggard/background.h"
#include "laggard/command.h"
#include "laggard/ending.h"
#include "laggard/http_library.h"
#include "laggard/http_server.h"
#include "laggard/input.h"
#include "laggard/launch.h"
#include "laggard/talk.h"
#include "laggard/version.h"
#include "laggard/view_api.h"
#include "viewer-export/export.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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
		"part only. What is not yet exact is marked until it is. An analysis that is "
		"missing or out of date is made meanwhile, beside the traces of a folder. Prints "
		"the address, listens on 127.0.0.1 only, and ends with Ctrl-C.",
	.options = options,
	.option_count = VIEW_OPTION_COUNT,
	.examples = examples,
	.arguments_min = 1,
	.arguments_max = (size_t)-1,
};

/* What --perfetto serves. */
struct exported {
	const struct parsed_line *line;
	char path[PATH_MAX];
	char name[64];		/* of the file, in the private folder */
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

static bool export_set(const struct exported *exported, const char *path, struct trace_set *set,
		       struct error *error)
{
	struct analysis_file analysis;
	struct export_options export = {
		.format = parsed_text(exported->line, VIEW_FORMAT),
		.output = path,
		.tool_version = laggard_version,
	};
	bool ok = analysis_file_take(&analysis, exported->line, set, "auto", error);
	export.analysis_path = analysis_file_path(&analysis);
	ok = ok && export_traces(set, &export, NULL, error);
	analysis_file_give(&analysis);
	return ok;
}

/* In the child: it says itself what is wrong. */
static int export_file(void *context, const char *folder)
{
	const struct exported *exported = context;
	struct trace_set *set = NULL;
	struct error error = { 0 };
	char path[PATH_MAX];
	int size = snprintf(path, sizeof path, "%s/%s", folder, exported->name);
	bool ok = size > 0 && size < (int)sizeof path && input_open(&set, exported->line, &error) &&
		  export_set(exported, path, set, &error);
	int status = ok && input_say_broken(set) ? EXIT_INPUT : EXIT_FINE;
	if (!ok) {
		talk_error("%s", error.message);
		status = error_exit_status(error.kind);
	}
	trace_set_close(set);
	return status;
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

/* The child's: beside the traces where that can be, else into the private folder. */
static int analysis_make(void *context, const char *folder)
{
	const struct parsed_line *line = context;
	struct trace_set *set = NULL;
	struct analysis_file analysis;
	struct error error = { 0 };
	char path[PATH_MAX];
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int size = snprintf(path, sizeof path, "%s/" SIDECAR_NAME, folder);
	/* Who looks comes first. */
	(void)setpriority(PRIO_PROCESS, 0, 10);
	if (nothing >= 0)
		(void)dup2(nothing, STDERR_FILENO);
	if (size <= 0 || size >= (int)sizeof path || !input_open(&set, line, &error))
		return EXIT_INPUT;
	bool ok = analysis_file_take(&analysis, line, set, "auto", &error);
	const char *made = analysis_file_path(&analysis);
	ok = ok && made != NULL &&
	     (analysis.private_folder == NULL || rename(made, path) == 0);
	analysis_file_give(&analysis);
	trace_set_close(set);
	return ok ? EXIT_FINE : EXIT_INPUT;
}

/* The signal that ends us, or 0: the child is over. The signals are blocked, in all threads. */
static int signal_await(struct background *background, int *status)
{
	sigset_t signals = background_signals();
	int number;
	for (;;) {
		if (sigwait(&signals, &number) != 0)
			continue;
		if (number != SIGCHLD)
			return number;
		if (background_is_over(background, status))
			return 0;
	}
}

/* The signal was meant for us all the same: who waits for us learns what ended us. */
static void signal_obey(int number, const sigset_t *before, int *status)
{
	*status = LAUNCH_SIGNAL_BASE + number;
	(void)sigprocmask(SIG_SETMASK, before, NULL);
	(void)raise(number);
}

static bool export_serve(const struct parsed_line *line, struct exported *exported,
			 struct error *error)
{
	struct background none = { .go = -1 };
	struct http_server *server = NULL;
	struct http_server_options serving = {
		.port = PERFETTO_PORT, .handler = exported_answer, .context = exported,
	};
	bool ok = http_server_start(&server, &serving, error) &&
		  address_say(line, server, exported, error);
	if (ok)
		(void)signal_await(&none, &(int){ 0 });
	http_server_stop(server);
	return ok;
}

/* Until it is made. False: it was not, which is said already unless there is an error. */
static bool export_await(struct exported *exported, struct background *background, int *number,
			 int *status, struct error *error)
{
	int size = snprintf(exported->path, sizeof exported->path, "%s/%s", background->folder,
			    exported->name);
	*number = signal_await(background, status);
	if (size <= 0 || size >= (int)sizeof exported->path)
		return fail(error, ERROR_SYSTEM, "the name of the folder for temporary files is "
						 "too long");
	if (*number == 0 && *status < 0)
		return fail(error, ERROR_SYSTEM, "the export was ended by a signal");
	/* Also with a trace that could not be read there is an export. */
	return *number == 0 && access(exported->path, R_OK) == 0;
}

static bool view_perfetto(const struct parsed_line *line, int *status, struct error *error)
{
	struct exported exported = { .line = line };
	struct background background;
	const struct export_format *format;
	sigset_t signals = background_signals(), before;
	int number = 0;
	if (!export_format_find(&format, parsed_text(line, VIEW_FORMAT), error))
		return false;
	(void)snprintf(exported.name, sizeof exported.name, "laggard%s", format->extension);
	(void)sigprocmask(SIG_BLOCK, &signals, &before);
	bool ok = background_begin(&background, export_file, &exported, error) &&
		  background_go(&background, error);
	if (ok && export_await(&exported, &background, &number, status, error))
		ok = export_serve(line, &exported, error);
	background_end(&background);
	if (number != 0)
		signal_obey(number, &before, status);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return ok && error->kind == ERROR_NONE;
}

/* Until somebody ends it; meanwhile the analysis may come. */
static bool tiles_serve(const struct parsed_line *line, struct tiles *tiles,
			struct background *background, const char *beside, struct error *error)
{
	struct http_server *server = NULL;
	struct http_server_options serving = {
		.port = (int)parsed_integer(line, VIEW_PORT), .handler = view_api_answer,
		.context = tiles,
	};
	char path[PATH_MAX];
	int status = 0;
	bool ok = http_server_start(&server, &serving, error) &&
		  address_say(line, server, NULL, error);
	while (ok && signal_await(background, &status) == 0) {
		int size = snprintf(path, sizeof path, "%s/" SIDECAR_NAME, background->folder);
		bool is_private = size > 0 && size < (int)sizeof path && access(path, R_OK) == 0;
		tiles_show_analysis(tiles, status != EXIT_FINE ? NULL :
					   is_private ? path : beside);
	}
	http_server_stop(server);
	return ok;
}

static bool set_serve(const struct parsed_line *line, struct trace_set *set,
		      struct background *background, struct error *error)
{
	struct tiles *tiles = NULL;
	struct text beside;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	text_begin(&beside, PATH_MAX);
	sidecar_add_path(&beside, line->arguments[0]);
	const struct tiles_options showing = {
		.scan_threads = cores > 1 ? (size_t)cores : 1, .awaits_analysis = true,
	};
	bool is_there = export_analysis_is_current(set, text_string(&beside));
	bool ok = (is_there || background_go(background, error)) &&
		  tiles_open(&tiles, set, &showing, error);
	if (ok && is_there)
		tiles_show_analysis(tiles, text_string(&beside));
	ok = ok && tiles_serve(line, tiles, background, text_string(&beside), error);
	tiles_close(tiles);
	text_end(&beside);
	return ok;
}

static bool view_tiles(const struct parsed_line *line, int *status, struct error *error)
{
	struct trace_set *set = NULL;
	struct background background;
	sigset_t signals = background_signals(), before;
	void *context = (void *)(uintptr_t)line;
	bool ok = background_begin(&background, analysis_make, context, error);
	/* Until we await signals ourselves; what is imported stands in files. */
	ending_watch_begin(&before);
	ok = ok && input_open(&set, line, error);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	ending_watch_end();
	ok = ok && set_serve(line, set, &background, error);
	if (ok && input_say_broken(set))
		*status = EXIT_INPUT;
	trace_set_close(set);
	background_end(&background);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return ok;
}

bool view_command(const struct parsed_line *line, const char *typed, int *status,
		  struct error *error)
{
	int64_t port = parsed_integer(line, VIEW_PORT);
	bool is_perfetto = parsed_flag(line, VIEW_PERFETTO);
	(void)typed;
	if (is_perfetto && port != 0 && port != PERFETTO_PORT)
		return fail(error, ERROR_USAGE, "ui.perfetto.dev reads from port %d only",
			    PERFETTO_PORT);
	if (!is_perfetto && line->options[VIEW_FORMAT].count > 0)
		return fail(error, ERROR_USAGE, "'--format' is for '--perfetto'");
	/* Before anything is read. */
	if (!http_library_open(error))
		return false;
	return is_perfetto ? view_perfetto(line, status, error) : view_tiles(line, status, error);
}

/* SPDX-License-Identifier: MIT */
#include "base/progress.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 24, COLUMNS_MIN = 60, LINE_LENGTH_MAX = 1024 };

static const int64_t DELAY_NS = 300000000;	/* shorter work needs no bar */
static const int64_t REDRAW_NS = 100000000;

static int64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static size_t terminal_columns(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

void progress_begin(struct progress *progress, const char *label)
{
	const char *terminal = getenv("TERM");
	*progress = (struct progress){
		.label = label,
		.begin_ns = now_ns(),
		.is_shown = isatty(STDERR_FILENO) == 1 && terminal != NULL &&
			    strcmp(terminal, "dumb") != 0 && terminal_columns() >= COLUMNS_MIN,
	};
}

static void stderr_write(const struct text *text)
{
	/* A bar that cannot be drawn is no reason to stop. */
	ssize_t written = write(STDERR_FILENO, text_string(text), text->length);
	(void)written;
}

/* The label's end is the telling part of a path. */
static void add_label(struct text *line, const char *label, size_t room)
{
	size_t length = strlen(label);
	if (length > room) {
		text_add(line, "...");
		label += length - room + 3;
	}
	for (; *label != 0; label++)
		text_add_char(line, (unsigned char)*label < 0x20 || *label == 0x7f ? '?' : *label);
}

static bool is_due(struct progress *progress)
{
	if (!progress->is_shown)
		return false;
	int64_t now = now_ns();
	if (now - progress->begin_ns < DELAY_NS || now - progress->drawn_ns < REDRAW_NS)
		return false;
	progress->drawn_ns = now;
	return true;
}

static void add_bar(struct text *line, int64_t done, int64_t all)
{
	double share = (double)done / (double)all;
	share = share < 0 ? 0 : share > 1 ? 1 : share;
	size_t filled = (size_t)(share * BAR_WIDTH);
	text_add_format(line, " %3.0f %% [", share * 100);
	text_add_repeated(line, '#', filled);
	text_add_repeated(line, '.', BAR_WIDTH - filled);
	text_add(line, "] ");
}

/* `amount` negative: not shown. */
static void draw(const struct progress *progress, int64_t done, int64_t all, int64_t amount)
{
	struct text line;
	text_begin(&line, LINE_LENGTH_MAX);
	text_add(&line, "\r\033[K");
	add_label(&line, progress->label, terminal_columns() - BAR_WIDTH - 28);
	if (all > 0)
		add_bar(&line, done, all);
	else
		text_add(&line, "  ");
	if (amount >= 0)
		text_add_size(&line, amount);
	if (text_is_ok(&line))
		stderr_write(&line);
	text_end(&line);
}

void progress_update(struct progress *progress, int64_t done_bytes, int64_t all_bytes)
{
	if (is_due(progress))
		draw(progress, done_bytes, all_bytes, done_bytes);
}

void progress_update_share(struct progress *progress, int64_t done, int64_t all)
{
	if (is_due(progress))
		draw(progress, done, all, -1);
}

void progress_end(struct progress *progress)
{
	struct text line;
	if (!progress->is_shown || progress->drawn_ns == 0)
		return;
	text_begin(&line, LINE_LENGTH_MAX);
	text_add(&line, "\r\033[K");
	stderr_write(&line);
	text_end(&line);
	progress->drawn_ns = 0;
}

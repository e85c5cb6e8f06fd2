/* SPDX-License-Identifier: MIT */
#include "libtrace/command_mask.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { KEY_BYTES_MIN = 16 };	/* shorter words only look like a key */

static const char mask[] = "***";

struct line {
	char *text;
	size_t size, used;
};

static void add(struct line *line, const char *bytes, size_t length)
{
	size_t room = line->size - 1 - line->used;
	if (length > room)
		length = room;
	memcpy(line->text + line->used, bytes, length);
	line->used += length;
}

static void add_char(struct line *line, char c)
{
	/* A line break in an argument must not look like a field of something else. */
	c = (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c;
	add(line, &c, 1);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/* Words that say "secret", alone and at the end of a longer one: authtoken, apikey. */
static bool word_is_secret(const char *word, size_t length)
{
	static const char *const endings[] = {
		"token", "password", "passwd", "passphrase", "secret", "secrets", "credential",
		"credentials", "key", "pwd", "auth", "authorization", "cookie",
	};
	static const char *const words[] = { "pass", "pw", "bearer", "pat" };
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		size_t size = strlen(endings[i]);
		if (length >= size && strncasecmp(word + length - size, endings[i], size) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (length == strlen(words[i]) && strncasecmp(word, words[i], length) == 0)
			return true;
	return false;
}

/* Words end at anything but a letter, and where a small letter meets a capital one. */
static bool name_is_secret(const char *name, size_t length)
{
	size_t start = 0;
	for (size_t i = 0; i <= length; i++) {
		bool is_end = i == length || !is_letter(name[i]) ||
			(i > start && name[i] >= 'A' && name[i] <= 'Z' && name[i - 1] >= 'a');
		if (!is_end)
			continue;
		if (i > start && word_is_secret(name + start, i - start))
			return true;
		start = i < length && is_letter(name[i]) ? i : i + 1;
	}
	return false;
}

/* The name that ends before `end`, over closing quotes and spaces: {"api_key" : ...}. */
static bool is_secret_before(const char *argument, size_t end)
{
	while (end > 0 && strchr(" \"'", argument[end - 1]) != NULL)
		end--;
	size_t start = end;
	while (start > 0 && is_name(argument[start - 1]))
		start--;
	return name_is_secret(argument + start, end - start);
}

static bool begins_with(const char *text, size_t length, const char *beginning)
{
	size_t size = strlen(beginning);
	return length >= size && strncasecmp(text, beginning, size) == 0;
}

/* Keys of services that many trainings talk to. */
static bool looks_like_key(const char *text, size_t length)
{
	static const char *const beginnings[] = {
		"hf_", "sk-", "ghp_", "gho_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA",
		"ASIA", "AIza", "eyJ", "nvapi-",
	};
	if (length < KEY_BYTES_MIN)
		return false;
	for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
		if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}

/* Bytes of the value at the start of `text`: up to what ends it in lists, JSON and code. */
static size_t value_length(const char *text, size_t length)
{
	size_t at = 0;
	if (length > 0 && (text[0] == '"' || text[0] == '\'')) {
		const char *end = memchr(text + 1, text[0], length - 1);
		return end == NULL ? length : (size_t)(end - text) + 1;
	}
	while (at < length && strchr(" \t\n,;&}\"'", text[at]) == NULL)
		at++;
	/* "Authorization: Bearer abc" */
	if (begins_with(text, at, "bearer") || begins_with(text, at, "basic"))
		while (at < length && strchr(",;&}\"'", text[at]) == NULL)
			at++;
	return at;
}

/* Length of "user:password@" behind "://", 0 without. */
static size_t login_length(const char *text, size_t length)
{
	size_t at = 0;
	while (at < length && strchr("/ ?#\"'", text[at]) == NULL && text[at] != '@')
		at++;
	return at < length && text[at] == '@' ? at : 0;
}

static void argument_add(struct line *line, const char *argument, size_t length)
{
	bool is_word_start = true;
	for (size_t i = 0; i < length; i++) {
		const char *rest = argument + i;
		size_t left = length - i;
		if (is_word_start && looks_like_key(rest, value_length(rest, left))) {
			add(line, mask, strlen(mask));
			i += value_length(rest, left) - 1;
			is_word_start = false;
			continue;
		}
		is_word_start = !is_name(*rest);
		add_char(line, *rest);
		if (begins_with(rest, left, "://")) {
			add(line, rest + 1, 2);
			size_t login = login_length(rest + 3, left - 3);
			if (login > 0)
				add(line, mask, strlen(mask));
			i += 2 + login;
		} else if ((*rest == '=' || *rest == ':') && is_secret_before(argument, i)) {
			size_t spaces = 0;
			while (spaces + 1 < left && rest[1 + spaces] == ' ')
				spaces++;
			size_t value = value_length(rest + 1 + spaces, left - 1 - spaces);
			if (value > 0)
				add(line, mask, strlen(mask));
			i += spaces + value;
		}
	}
}

/* "--api-key": what is secret follows as an argument of its own. */
static bool is_secret_option(const char *argument, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_name(argument[i]))
			return false;
	return length > 1 && argument[0] == '-' && name_is_secret(argument, length);
}

void command_mask(char *text, size_t size, const char *arguments, size_t length)
{
	struct line line = { .text = text, .size = size };
	bool is_after_secret = false;
	for (size_t at = 0; at < length;) {
		const char *argument = arguments + at;
		size_t bytes = strnlen(argument, length - at);
		if (at > 0)
			add(&line, " ", 1);
		if (is_after_secret && bytes > 0 && argument[0] != '-')
			add(&line, mask, strlen(mask));
		else
			argument_add(&line, argument, bytes);
		is_after_secret = is_secret_option(argument, bytes);
		at += bytes + 1;
	}
	text[line.used] = 0;
}

/* SPDX-License-Identifier: MIT */
#include "tracedb/step_names.h"

#include <string.h>
#include <strings.h>

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* The next word in lower case: letters, where a capital behind a small letter begins another. */
static const char *word_take(const char *at, char word[STEP_FAMILY_MAX])
{
	size_t length = 0;
	while (*at != '\0' && !is_lower(*at) && !is_upper(*at))
		at++;
	for (; is_lower(*at) || is_upper(*at); at++) {
		if (length > 0 && is_upper(*at) && is_lower(at[-1]))
			break;
		if (length + 1 < STEP_FAMILY_MAX)
			word[length++] = is_upper(*at) ? (char)(*at - 'A' + 'a') : *at;
	}
	word[length] = '\0';
	return at;
}

/* Longer numbers are hashes, not steps. */
static int64_t number_of(const char *name)
{
	int64_t number = -1;
	for (const char *at = name; *at != '\0';) {
		if (!is_digit(*at)) {
			at++;
			continue;
		}
		int digits = 0;
		int64_t value = 0;
		for (; is_digit(*at); at++)
			if (++digits <= 15)
				value = value * 10 + (*at - '0');
		number = digits <= 15 ? value : -1;
	}
	return number;
}

bool step_name_parse(const char *name, char family[STEP_FAMILY_MAX], int64_t *number)
{
	static const char *const steps[] = { "step", "steps", "iteration", "iterations", "iter",
		"iters", "batch", "minibatch", "trainstep" };
	static const char *const company[] = { "train", "training", "trainer", "global", "profiler",
		"profile", "run", "pl", "lightning", "mini", "one", "idx", "index", "id", "number",
		"num", "start", "loop" };
	bool has_step = false;
	size_t length = 0;
	for (const char *at = name;;) {
		char word[STEP_FAMILY_MAX];
		at = word_take(at, word);
		size_t more = strlen(word);
		if (more == 0)
			break;
		bool is_step = is_one_of(word, steps, sizeof steps / sizeof steps[0]);
		if (!is_step && !is_one_of(word, company, sizeof company / sizeof company[0]))
			return false;
		has_step = has_step || is_step;
		if (length + more + 2 > STEP_FAMILY_MAX)
			return false;
		if (length > 0)
			family[length++] = '_';
		memcpy(family + length, word, more + 1);
		length += more;
	}
	*number = number_of(name);
	return has_step;
}

bool step_family_is_profiler(const char *family)
{
	return strcmp(family, "profiler_step") == 0;
}

bool kernel_is_of_optimizer(const char *name)
{
	/* LpNorm: the gradients' norm, which is not always followed by a step. */
	static const char *const words[] = { "multi_tensor_apply", "multi_tensor_adam", "adam",
		"multi_tensor_sgd", "sgd", "lamb_", "lambstage", "adagrad", "rmsprop", "adafactor",
		"optimizer", "lars_" };
	static const char *const others[] = { "lpnorm", "l2norm", "lambda" };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (strcasestr(name, others[i]) != NULL && strcasestr(name, "adam") == NULL)
			return false;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasestr(name, words[i]) != NULL)
			return true;
	return false;
}

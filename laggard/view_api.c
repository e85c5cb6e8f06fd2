/* SPDX-License-Identifier: MIT */
#include "laggard/view_api.h"

#include "viewer-export/page.h"

#include <string.h>

enum { INTEGERS_MAX = 3, SEARCH_BYTES_MAX = 1000, SEARCH_LIMIT = 100 };

/* How a parameter is to be read: one number or several with dots between, or a text. */
struct parameter_rule {
	const char *name;
	int integers;		/* 0: a text */
	int64_t minimum;	/* of each */
	int64_t maximum;
	bool is_optional;
	int64_t fallback;
};

struct parameter_value {
	int64_t integers[INTEGERS_MAX];
	const char *text;
};

enum { RULES_MAX = 5 };

struct route {
	const char *path;
	struct parameter_rule rules[RULES_MAX];
	bool (*answer)(struct tiles *tiles, const struct parameter_value values[RULES_MAX],
		       struct text *text, struct error *error);
};

static bool answer_tracks(struct tiles *tiles, const struct parameter_value values[RULES_MAX],
			  struct text *text, struct error *error)
{
	(void)values;
	return tiles_add_tracks(tiles, text, error);
}

static bool answer_tile(struct tiles *tiles, const struct parameter_value values[RULES_MAX],
			struct text *text, struct error *error)
{
	struct tiles_view view = {
		.track = values[0].integers[0], .start_ns = values[1].integers[0],
		.end_ns = values[2].integers[0], .buckets = values[3].integers[0],
		.slices = values[4].integers[0],
	};
	return tiles_add_tile(tiles, &view, text, error);
}

static bool answer_slice(struct tiles *tiles, const struct parameter_value values[RULES_MAX],
			 struct text *text, struct error *error)
{
	struct tiles_row row = { values[1].integers[0], values[1].integers[1] };
	return tiles_add_slice(tiles, values[0].integers[0], &row, text, error);
}

static bool answer_search(struct tiles *tiles, const struct parameter_value values[RULES_MAX],
			  struct text *text, struct error *error)
{
	struct tiles_place from = { values[2].integers[0], values[2].integers[1],
				    values[2].integers[2] };
	if (values[0].text[0] == 0 || strlen(values[0].text) > SEARCH_BYTES_MAX)
		return fail(error, ERROR_USAGE, "'text' has 1 to %d bytes", SEARCH_BYTES_MAX);
	return tiles_add_search(tiles, values[0].text, values[1].integers[0], &from, text, error);
}

static bool answer_counter(struct tiles *tiles, const struct parameter_value values[RULES_MAX],
			   struct text *text, struct error *error)
{
	return tiles_add_counter(tiles, values[0].integers[0], values[1].integers[0],
				 values[2].integers[0], values[3].integers[0], text, error);
}

#define ID(name) { name, 1, 0, INT64_MAX, false, 0 }
#define TIME(name) { name, 1, -TILE_TIME_MAX_NS, TILE_TIME_MAX_NS, false, 0 }
/* Two at least: no aligned bucket holds times before and after 0. */
#define BUCKETS { "buckets", 1, 2, TILE_BUCKETS_ASKED_MAX, false, 0 }

static const struct route routes[] = {
	{ .path = "api/tracks", .answer = answer_tracks },
	{ "api/tile",
	  { ID("track"), TIME("start"), TIME("end"), BUCKETS,
	    { "slices", 1, 0, TILE_SLICES_ASKED_MAX, true, 4096 } },
	  answer_tile },
	{ "api/slice", { ID("track"), { "row", 2, INT64_MIN, INT64_MAX, false, 0 } },
	  answer_slice },
	{ "api/search",
	  { { "text", 0, 0, 0, false, 0 }, { "limit", 1, 1, TILE_FOUND_MAX, true, SEARCH_LIMIT },
	    { "from", 3, INT64_MIN, INT64_MAX, true, 0 } },
	  answer_search },
	{ "api/counter", { ID("counter"), TIME("start"), TIME("end"), BUCKETS }, answer_counter },
};

/* Decimal, one way to write each number; stops behind it. False: none, or beyond 64 bits. */
static bool integer_parse(const char **at, int64_t *value)
{
	const char *text = *at;
	bool is_negative = text[0] == '-';
	uint64_t number = 0, limit = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
	text += is_negative;
	if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && text[1] >= '0' && text[1] <= '9'))
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');
		if (number > (limit - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*value = is_negative ? (int64_t)(0 - number) : (int64_t)number;
	*at = text;
	return true;
}

static bool value_parse(const struct parameter_rule *rule, const char *given,
			struct parameter_value *value, struct error *error)
{
	value->text = given;
	for (int i = 0; i < rule->integers; i++) {
		if ((i > 0 && *given++ != '.') || !integer_parse(&given, &value->integers[i]))
			return fail(error, ERROR_USAGE, "'%s' is not %s", rule->name,
				    rule->integers > 1 ? "numbers with dots between" : "a number");
		if (value->integers[i] < rule->minimum || value->integers[i] > rule->maximum)
			return fail(error, ERROR_USAGE, "'%s' is out of its range", rule->name);
	}
	if (rule->integers > 0 && *given != 0)
		return fail(error, ERROR_USAGE, "'%s' is followed by more", rule->name);
	return true;
}

static bool values_parse(const struct route *route, const struct http_request *request,
			 struct parameter_value values[RULES_MAX], struct error *error)
{
	struct http_parameter given[HTTP_PARAMETERS_MAX];
	bool is_used[HTTP_PARAMETERS_MAX] = { false };
	int count = http_request_parameters(request, given);
	if (count < 0 || count > HTTP_PARAMETERS_MAX)
		return fail(error, ERROR_USAGE, "a parameter is malformed, or they are too many");
	for (int r = 0; r < RULES_MAX && route->rules[r].name != NULL; r++) {
		const struct parameter_rule *rule = &route->rules[r];
		const char *found = NULL;
		for (int i = 0; i < count; i++) {
			if (strcmp(given[i].name, rule->name) != 0)
				continue;
			if (found != NULL || given[i].value == NULL)
				return fail(error, ERROR_USAGE, "'%s' must have one value",
					    rule->name);
			found = given[i].value;
			is_used[i] = true;
		}
		if (found == NULL && !rule->is_optional)
			return fail(error, ERROR_USAGE, "'%s' is missing", rule->name);
		values[r] = (struct parameter_value){ .integers = { found == NULL ?
									    rule->fallback : 0 } };
		if (found != NULL && !value_parse(rule, found, &values[r], error))
			return false;
	}
	for (int i = 0; i < count; i++)
		if (!is_used[i])
			return fail(error, ERROR_USAGE, "there is no parameter '%.40s'",
				    given[i].name);
	return true;
}

static void route_answer(const struct route *route, struct tiles *tiles,
			 const struct http_request *request, struct http_reply *reply)
{
	struct parameter_value values[RULES_MAX];
	struct error error = { 0 };
	if (values_parse(route, request, values, &error) &&
	    route->answer(tiles, values, &reply->body, &error)) {
		reply->type = "application/json";
		return;
	}
	reply->status = error.kind == ERROR_USAGE ? HTTP_BAD : HTTP_BROKEN;
	text_clear(&reply->body);
	text_add(&reply->body, error.message);
	text_add_char(&reply->body, '\n');
}

void view_api_answer(void *context, const char *path, const struct http_request *request,
		     struct http_reply *reply)
{
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
		if (strcmp(routes[i].path, path) == 0) {
			route_answer(&routes[i], context, request, reply);
			return;
		}
	reply->bytes = page_file_find(path, &reply->size, &reply->type);
	if (reply->bytes != NULL)
		return;
	reply->status = HTTP_UNKNOWN;
	text_add(&reply->body, "nothing here\n");
}

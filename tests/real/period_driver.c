/* SPDX-License-Identifier: MIT */
/*
 * For tests: the period of the tokens on standard input, as JSON. LAGS are counted over the whole
 * sequence and over what is left of it without head and tail.
 *
 *     period_driver LAG... <TOKENS
 */
#include "analyzer/metric_period.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS_MAX = 10000 };

static void print_matches(const char *name, const uint64_t *tokens, size_t count, char **lags)
{
	(void)printf(", \"%s\": {", name);
	for (char **lag = lags; *lag != NULL; lag++) {
		size_t compared;
		size_t matched = period_matches(tokens, count, strtoul(*lag, NULL, 10), &compared);
		(void)printf("%s\"%s\": [%zu, %zu]", lag == lags ? "" : ", ", *lag, matched,
			     compared);
	}
	(void)printf("}");
}

int main(int argc, char **argv)
{
	static uint64_t tokens[TOKENS_MAX];
	size_t count = 0;
	struct period period;
	if (argc < 1)
		return 2;
	while (count < TOKENS_MAX && scanf("%" SCNu64, &tokens[count]) == 1)
		count++;
	if (!period_find(&period, tokens, count))
		return 3;
	size_t kept = count - period.head - period.tail;
	(void)printf("{\"length\": %zu, \"period\": %zu, \"count\": %zu, \"head\": %zu, "
		     "\"tail\": %zu, \"anchor\": %" PRIu64, count, period.length, period.count,
		     period.head, period.tail, period.anchor);
	(void)printf(", \"micro_batch\": %zu, \"match\": [%zu, %zu]",
		     period.level_count == 0 ? (size_t)0 : period.levels[0].length, period.matched,
		     period.compared);
	print_matches("untrimmed", tokens, count, argv + 1);
	print_matches("trimmed", tokens + period.head, kept, argv + 1);
	(void)printf("}\n");
	period_end(&period);
	return 0;
}

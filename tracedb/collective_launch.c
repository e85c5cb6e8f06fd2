/* SPDX-License-Identifier: MIT */
#include "tracedb/collective_launch.h"

#include "base/id_map.h"
#include "tracedb/vocabulary.h"

#include <stdlib.h>
#include <string.h>

enum { GROUP_LAUNCHES_MAX = 64, NO_ROW = -1 };
enum range_role { ROLE_NONE, ROLE_CALL, ROLE_GROUP_START, ROLE_GROUP_END };

/* What a launch is found to have run. */
struct verdict {
	int64_t row;		/* NO_ROW: unknown */
	int64_t operations;
	bool is_joined;		/* by its bracket, before */
};

struct launch_join {
	struct collective_set *set;
	struct collective_launch *launches;	/* by thread and start */
	struct verdict *verdicts;
	size_t count;
	struct host_spans ranges;		/* of NCCL; what: enum range_role */
};

static bool no_memory(const struct collective_set *set, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory for the collectives of '%s'",
		    trace_reader_path(set->reader));
}

static int launch_compare(const void *left, const void *right)
{
	const struct collective_launch *a = left, *b = right;
	if (a->thread_id != b->thread_id)
		return a->thread_id < b->thread_id ? -1 : 1;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return (a->correlation_id > b->correlation_id) - (a->correlation_id < b->correlation_id);
}

static enum range_role role_of(const char *name)
{
	if (strcmp(name, "ncclGroupStart") == 0)
		return ROLE_GROUP_START;
	if (strcmp(name, "ncclGroupEnd") == 0)
		return ROLE_GROUP_END;
	return strncmp(name, "nccl", 4) == 0 ? ROLE_CALL : ROLE_NONE;
}

static bool ranges_read(struct launch_join *join, struct error *error)
{
	const struct trace_reader *reader = join->set->reader;
	struct trace_cursor *cursor = NULL;
	struct range_row row;
	struct id_map roles = { .slots = NULL };
	int result;
	bool ok = true;
	if (!trace_reader_select(join->set->reader, TABLE_range,
				 COLUMN_BIT(range, start_ns) | COLUMN_BIT(range, duration_ns) |
					 COLUMN_BIT(range, thread_id) |
					 COLUMN_BIT(range, domain_id) | COLUMN_BIT(range, name_id),
				 -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0 && ok) {
		int64_t role;
		if (!id_map_get(&roles, (uint64_t)row.name_id, &role)) {
			role = role_of(trace_reader_string(reader, row.name_id));
			ok = id_map_put(&roles, (uint64_t)row.name_id, role);
		}
		if (ok && role != ROLE_NONE &&
		    strcmp(trace_reader_string(reader, row.domain_id), "NCCL") == 0)
			ok = host_spans_keep(&join->ranges, row.thread_id, row.start_ns,
					     row.duration_ns, (uint32_t)role);
	}
	trace_cursor_close(cursor);
	id_map_end(&roles);
	if (!ok)
		return no_memory(join->set, error);
	host_spans_sort(&join->ranges);
	return result == 0;
}

static const struct collective_row *row_of(const struct launch_join *join,
					   const struct host_span *span)
{
	return &join->set->rows[span->what];
}

/* -1: unknown. */
static int64_t device_of(const struct launch_join *join, const struct host_span *span)
{
	const struct communicator_row *communicator =
		collective_set_communicator(join->set, row_of(join, span)->communicator_id);
	return communicator == NULL ? -1 : communicator->device_id;
}

static bool is_on_device(const struct launch_join *join, const struct host_span *span,
			 const struct collective_launch *launch)
{
	int64_t device_id = device_of(join, span);
	return device_id < 0 || launch->device_id < 0 || device_id == launch->device_id;
}

static bool is_vague(const char *operation)
{
	return operation[0] == 0 || strcmp(operation, "Generic") == 0;
}

/* Can a kernel of that name have run the row? */
static bool is_named(const struct launch_join *join, const struct host_span *span,
		     const struct collective_launch *launch)
{
	static const char *const by_messages[] = { "Send", "Recv", "AlltoAll", "Gather",
						   "Scatter" };
	const char *operation =
		trace_reader_string(join->set->reader, row_of(join, span)->operation_id);
	if (is_vague(launch->operation) || strcmp(operation, launch->operation) == 0)
		return true;
	for (size_t i = 0; i < sizeof by_messages / sizeof by_messages[0]; i++)
		if (strcmp(operation, by_messages[i]) == 0)
			return strcmp(launch->operation, "SendRecv") == 0;
	return strcmp(operation, "Broadcast") == 0 && strcmp(launch->operation, "AllGatherV") == 0;
}

static void find_enclosing(struct launch_join *join, size_t at)
{
	const struct collective_launch *launch = &join->launches[at];
	struct host_span *span = NULL;
	while ((span = host_spans_enclosing(&join->set->spans, launch->thread_id,
					    launch->start_ns, span)) != NULL) {
		if (!is_on_device(join, span, launch))
			continue;
		span->is_taken = true;
		join->verdicts[at] = (struct verdict){ .row = span->what, .operations = 1 };
		return;
	}
}

/* The end of the outermost range of NCCL that the thread was in: what it does later is another's.
 */
static int64_t fence_of(const struct launch_join *join, const struct collective_launch *launch)
{
	const struct host_span *range = NULL;
	int64_t end_ns = INT64_MAX;
	while ((range = host_spans_enclosing(&join->ranges, launch->thread_id, launch->start_ns,
					     range)) != NULL)
		end_ns = range->end_ns;
	return end_ns;
}

/* Events of one plan begin before the first of them has ended. */
static void find_following(struct launch_join *join, size_t at)
{
	const struct collective_launch *launch = &join->launches[at];
	struct host_spans *spans = &join->set->spans;
	int64_t until_ns = fence_of(join, launch), reach_ns = INT64_MAX;
	size_t first = host_spans_at(spans, launch->thread_id, launch->start_ns);
	struct verdict found = { .row = NO_ROW };
	bool is_named_so = false;
	if (at + 1 < join->count && join->launches[at + 1].thread_id == launch->thread_id &&
	    join->launches[at + 1].start_ns < until_ns)
		until_ns = join->launches[at + 1].start_ns;
	size_t end = first;
	for (; end < spans->count; end++) {
		const struct host_span *span = &spans->list[end];
		const struct collective_row *row = row_of(join, span);
		if (span->thread_id != launch->thread_id || span->start_ns >= until_ns ||
		    span->start_ns > reach_ns || span->is_taken || row->witness != WITNESS_PLUGIN ||
		    !is_on_device(join, span, launch) ||
		    (found.row != NO_ROW &&
		     row->communicator_id != row_of(join, &spans->list[first])->communicator_id))
			break;
		if (found.row == NO_ROW || (!is_named_so && is_named(join, span, launch)))
			found.row = span->what;
		is_named_so = is_named_so || is_named(join, span, launch);
		reach_ns = end == first || span->end_ns > reach_ns ? span->end_ns : reach_ns;
		found.operations++;
	}
	if (!is_named_so)
		return;
	join->verdicts[at] = found;
	for (size_t i = first; i < end; i++)
		spans->list[i].is_taken = true;
}

/* Calls of a group: places in the set's spans. */
struct group {
	size_t first_launch;
	size_t end_launch;
	size_t first_call;
	size_t end_call;
};

static bool is_member(const struct launch_join *join, const struct host_span *span)
{
	const struct communicator_row *communicator =
		collective_set_communicator(join->set, row_of(join, span)->communicator_id);
	return !span->is_taken && row_of(join, span)->bytes != 0 &&
	       (communicator == NULL || communicator->rank_count != 1);
}

/* Launches of the group that have not found their operations, on that GPU, of that name or any. */
static size_t rivals_count(const struct launch_join *join, const struct group *group,
			   int64_t device_id, const char *operation)
{
	size_t count = 0;
	for (size_t i = group->first_launch; i < group->end_launch; i++) {
		const struct collective_launch *launch = &join->launches[i];
		count += !join->verdicts[i].is_joined && join->verdicts[i].row == NO_ROW &&
			 (device_id == launch->device_id || device_id < 0) &&
			 (operation == NULL || strcmp(operation, launch->operation) == 0 ||
			  is_vague(launch->operation));
	}
	return count;
}

static void find_in_group(struct launch_join *join, const struct group *group, size_t at,
			  struct verdict *verdict)
{
	const struct collective_launch *launch = &join->launches[at];
	bool has_rivals = rivals_count(join, group, launch->device_id, NULL) > 1;
	bool is_one_gpu = rivals_count(join, group, launch->device_id, NULL) ==
			  rivals_count(join, group, -1, NULL);
	bool is_named_so = false;
	if (has_rivals && (is_vague(launch->operation) ||
			   rivals_count(join, group, launch->device_id, launch->operation) > 1))
		return;
	for (size_t i = group->first_call; i < group->end_call; i++) {
		const struct host_span *span = &join->set->spans.list[i];
		if (!is_member(join, span) || !is_on_device(join, span, launch) ||
		    (device_of(join, span) < 0 && !is_one_gpu) ||
		    (has_rivals && !is_named(join, span, launch)))
			continue;
		if (verdict->row == NO_ROW || (!is_named_so && is_named(join, span, launch)))
			verdict->row = span->what;
		is_named_so = is_named_so || is_named(join, span, launch);
		verdict->operations++;
	}
}

static void group_join(struct launch_join *join, const struct group *group)
{
	struct verdict verdicts[GROUP_LAUNCHES_MAX];
	size_t count = group->end_launch - group->first_launch;
	if (count > GROUP_LAUNCHES_MAX)
		return;
	for (size_t i = 0; i < count; i++) {
		size_t at = group->first_launch + i;
		verdicts[i] = join->verdicts[at];
		if (!verdicts[i].is_joined && verdicts[i].row == NO_ROW)
			find_in_group(join, group, at, &verdicts[i]);
	}
	memcpy(&join->verdicts[group->first_launch], verdicts, count * sizeof verdicts[0]);
}

static const struct host_span *group_end_of(const struct launch_join *join, size_t at)
{
	const struct collective_launch *launch = &join->launches[at];
	const struct host_span *range = NULL;
	while ((range = host_spans_enclosing(&join->ranges, launch->thread_id, launch->start_ns,
					     range)) != NULL)
		if (range->what == ROLE_GROUP_END)
			return range;
	return NULL;
}

/* The calls since the first ncclGroupStart behind `floor_ns`, where the last group was launched. */
static void group_find_calls(const struct launch_join *join, const struct host_span *group_end,
			     int64_t floor_ns, struct group *group)
{
	const struct host_spans *ranges = &join->ranges, *spans = &join->set->spans;
	size_t at = host_spans_at(ranges, group_end->thread_id, floor_ns);
	while (at < ranges->count && ranges->list[at].thread_id == group_end->thread_id &&
	       ranges->list[at].start_ns < group_end->start_ns &&
	       ranges->list[at].what != ROLE_GROUP_START)
		at++;
	group->first_call = group->end_call = 0;
	if (at == ranges->count || ranges->list[at].what != ROLE_GROUP_START ||
	    ranges->list[at].thread_id != group_end->thread_id)
		return;
	group->first_call = host_spans_at(spans, group_end->thread_id, ranges->list[at].start_ns);
	group->end_call = host_spans_at(spans, group_end->thread_id, group_end->start_ns);
}

static void groups_join(struct launch_join *join)
{
	int64_t floor_ns = INT64_MIN;
	size_t at = 0;
	while (at < join->count) {
		struct group group = { .first_launch = at };
		const struct host_span *group_end = group_end_of(join, at);
		int64_t thread_id = join->launches[at++].thread_id;
		if (group_end != NULL) {
			while (at < join->count && group_end_of(join, at) == group_end)
				at++;
			group.end_launch = at;
			group_find_calls(join, group_end, floor_ns, &group);
			group_join(join, &group);
			floor_ns = group_end->end_ns;
		}
		if (at < join->count && join->launches[at].thread_id != thread_id)
			floor_ns = INT64_MIN;
	}
}

static bool verdicts_keep(struct launch_join *join)
{
	for (size_t i = 0; i < join->count; i++) {
		const struct verdict *verdict = &join->verdicts[i];
		if (verdict->row != NO_ROW &&
		    !collective_set_join(join->set, join->launches[i].correlation_id,
					 (size_t)verdict->row, verdict->operations))
			return false;
	}
	collective_set_sort_joins(join->set);
	return true;
}

bool collective_set_join_launches(struct collective_set *set, struct collective_launch *launches,
				  size_t count, struct error *error)
{
	struct launch_join join = { .set = set, .launches = launches, .count = count };
	bool ok = false;
	if (set->spans.count == 0 || count == 0)
		return true;
	join.verdicts = calloc(count, sizeof join.verdicts[0]);
	if (join.verdicts == NULL)
		return no_memory(set, error);
	qsort(launches, count, sizeof launches[0], launch_compare);
	if (!ranges_read(&join, error))
		goto out;
	for (size_t i = 0; i < count; i++) {
		int64_t operations;
		join.verdicts[i].row = NO_ROW;
		join.verdicts[i].is_joined =
			collective_set_find(set, launches[i].correlation_id, &operations) != NULL;
		if (!join.verdicts[i].is_joined)
			find_enclosing(&join, i);
	}
	for (size_t i = 0; i < count; i++)
		if (!join.verdicts[i].is_joined && join.verdicts[i].row == NO_ROW)
			find_following(&join, i);
	groups_join(&join);
	ok = verdicts_keep(&join) || no_memory(set, error);
out:
	host_spans_end(&join.ranges);
	free(join.verdicts);
	return ok;
}

/* SPDX-License-Identifier: MIT */
#include "analyzer/host_samples.h"

#include "analyzer/host_calls.h"
#include "analyzer/order.h"
#include "analyzer/value_select.h"

#include <stdlib.h>

/* A longer time between two samples is a hole: the sampler did not run, or the thread had ended. */
static const int64_t period_max_ns = 10 * INT64_C(1000000000);

static bool grow(int64_t **values, size_t room)
{
	int64_t *grown = realloc(*values, room * sizeof *grown);
	if (grown != NULL)
		*values = grown;
	return grown != NULL;
}

static bool grow_narrow(uint32_t **values, size_t room)
{
	uint32_t *grown = realloc(*values, room * sizeof *grown);
	if (grown != NULL)
		*values = grown;
	return grown != NULL;
}

static bool sample_add(struct host_samples *samples, const struct host_sample_row *row)
{
	if (samples->count == samples->room) {
		size_t room = samples->room == 0 ? 1024 : samples->room + samples->room / 2;
		if (room >= ORDER_ROWS_MAX || !grow(&samples->thread_id, room) ||
		    !grow(&samples->time_ns, room) || !grow(&samples->cpu_ns, room) ||
		    !grow(&samples->run_delay_ns, room) || !grow_narrow(&samples->wait, room) ||
		    !grow_narrow(&samples->state, room))
			return false;
		samples->room = room;
	}
	size_t at = samples->count++;
	samples->thread_id[at] = row->thread_id;
	samples->time_ns[at] = row->time_ns;
	samples->cpu_ns[at] = row->cpu_time_ns < 0 ? -1 : row->cpu_time_ns;
	samples->run_delay_ns[at] = row->run_delay_ns < 0 ? -1 : row->run_delay_ns;
	samples->wait[at] = row->wait_channel_id < 0 || row->wait_channel_id > UINT32_MAX ? 0 :
		(uint32_t)row->wait_channel_id;
	samples->state[at] = row->state > 0 && row->state < 128 ? (uint32_t)row->state : '?';
	return true;
}

/* By time, then by thread: the second sorting keeps the order of equals. */
static bool samples_sort(struct host_samples *samples)
{
	const struct order_column columns[] = {
		{ samples->thread_id, sizeof *samples->thread_id },
		{ samples->time_ns, sizeof *samples->time_ns },
		{ samples->cpu_ns, sizeof *samples->cpu_ns },
		{ samples->run_delay_ns, sizeof *samples->run_delay_ns },
		{ samples->wait, sizeof *samples->wait },
		{ samples->state, sizeof *samples->state },
	};
	enum { COLUMNS = sizeof columns / sizeof columns[0] };
	return samples->count == 0 ||
	       (order_rows(samples->time_ns, samples->count, columns, COLUMNS) &&
		order_rows(samples->thread_id, samples->count, columns, COLUMNS));
}

static bool period_find(struct host_samples *samples)
{
	size_t count = 0;
	int64_t *gaps = malloc((samples->count + 1) * sizeof *gaps);
	if (gaps == NULL)
		return false;
	for (size_t i = 1; i < samples->count; i++) {
		int64_t gap_ns = samples->time_ns[i] - samples->time_ns[i - 1];
		if (samples->thread_id[i] == samples->thread_id[i - 1] && gap_ns > 0 &&
		    gap_ns <= period_max_ns)
			gaps[count++] = gap_ns;
	}
	samples->period_ns = count == 0 ? 0 : value_select_median(gaps, count);
	free(gaps);
	return true;
}

bool host_samples_load(struct host_samples *samples, struct trace_reader *reader,
		       struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct host_sample_row row;
	int result;
	*samples = (struct host_samples){ 0 };
	if (!trace_reader_select(reader, TABLE_host_sample, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1)
		if (row.time_ns >= -TIME_LIMIT_NS && row.time_ns <= TIME_LIMIT_NS &&
		    !sample_add(samples, &row))
			break;
	trace_cursor_close(cursor);
	if (result == 1 || (result == 0 && (!samples_sort(samples) || !period_find(samples)))) {
		result = -1;
		(void)fail(error, ERROR_SYSTEM,
			   "cannot analyse '%s': no memory for its host samples",
			   trace_reader_path(reader));
	}
	if (result < 0)
		host_samples_end(samples);
	return result == 0;
}

void host_samples_end(struct host_samples *samples)
{
	free(samples->thread_id);
	free(samples->time_ns);
	free(samples->cpu_ns);
	free(samples->run_delay_ns);
	free(samples->wait);
	free(samples->state);
	*samples = (struct host_samples){ 0 };
}

static size_t first_not_below(const int64_t *values, size_t begin, size_t end, int64_t value)
{
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (values[middle] < value)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

void host_samples_of_thread(const struct host_samples *samples, int64_t thread_id, size_t *first,
			    size_t *end)
{
	*first = first_not_below(samples->thread_id, 0, samples->count, thread_id);
	*end = thread_id == INT64_MAX ? samples->count :
		first_not_below(samples->thread_id, *first, samples->count, thread_id + 1);
}

size_t host_samples_from(const struct host_samples *samples, size_t first, size_t end,
			 int64_t time_ns)
{
	return first_not_below(samples->time_ns, first, end, time_ns);
}

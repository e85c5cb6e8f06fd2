/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_occupancy.h"

#include "analyzer/ratio.h"
#include "analyzer/value_select.h"
#include "base/column.h"

#include <stdlib.h>

#define SHAPE_COLUMNS \
	(COLUMN_BIT(kernel_symbol, name_id) | COLUMN_BIT(kernel_symbol, grid_x) | \
	 COLUMN_BIT(kernel_symbol, grid_y) | COLUMN_BIT(kernel_symbol, grid_z))

static int64_t multiply_saturated(int64_t a, int64_t b)
{
	int64_t product;
	return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

static int64_t blocks_of(const struct kernel_symbol_row *row)
{
	if (row->grid_x <= 0)
		return 0;
	int64_t y = row->grid_y > 0 ? row->grid_y : 1, z = row->grid_z > 0 ? row->grid_z : 1;
	return multiply_saturated(multiply_saturated(row->grid_x, y), z);
}

bool kernel_blocks_load(int64_t **blocks, const struct timeline *timeline,
			struct trace_reader *reader, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct kernel_symbol_row row;
	int result;
	*blocks = calloc(timeline->kernel_count + 1, sizeof **blocks);
	if (*blocks == NULL)
		return fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory",
			    trace_reader_path(reader));
	if (!trace_reader_select(reader, TABLE_kernel_symbol, SHAPE_COLUMNS, -1, &cursor, error))
		goto failed;
	/* The timeline numbers them from 1 in the order in which they are stored. */
	for (size_t place = 1; (result = trace_cursor_next(cursor, &row, error)) == 1; place++)
		if (place < timeline->kernel_count &&
		    timeline->kernels[place].name_id == row.name_id)
			(*blocks)[place] = blocks_of(&row);
	trace_cursor_close(cursor);
	if (result == 0)
		return true;
failed:
	free(*blocks);
	*blocks = NULL;
	return false;
}

static void kernel_add(struct occupancy *sum, int64_t blocks, int64_t whole_ns, int64_t part_ns)
{
	sum->kernels++;
	sum->kernels_ns = add_saturated(sum->kernels_ns, part_ns);
	if (whole_ns < SHORT_KERNEL_NS) {
		sum->short_kernels++;
		sum->short_ns = add_saturated(sum->short_ns, part_ns);
	}
	if (blocks == 0 || sum->sm_count <= 0)
		return;
	sum->shaped_kernels++;
	sum->shaped_ns = add_saturated(sum->shaped_ns, part_ns);
	if (blocks < sum->sm_count) {
		sum->small_grid_kernels++;
		sum->small_grid_ns = add_saturated(sum->small_grid_ns, part_ns);
	}
}

bool occupancy_measure(struct occupancy *occupancy, const struct timeline *timeline,
		       const struct timeline_gpu *gpu, const int64_t *blocks, int64_t sm_count,
		       const struct time_window *window)
{
	const struct lane *lane = &gpu->lanes[LANE_KERNEL];
	int64_t window_ns = window->end_ns - window->start_ns;
	*occupancy = (struct occupancy){ .sm_count = sm_count > 0 ? sm_count : 0 };
	int64_t *durations = column_new(lane->count, sizeof *durations);
	if (durations == NULL)
		return false;
	size_t count = 0;
	for (size_t i = 0; i < lane->count && lane->start_ns[i] <= window->end_ns; i++) {
		int64_t start_ns = lane->start_ns[i], end_ns = lane->end_ns[i];
		if (timeline->kernels[lane->what[i]].class == KERNEL_COMMUNICATION ||
		    !window_holds(window, start_ns, end_ns))
			continue;
		durations[count++] = end_ns - start_ns;
		int64_t from = start_ns < window->start_ns ? window->start_ns : start_ns;
		int64_t to = end_ns > window->end_ns ? window->end_ns : end_ns;
		kernel_add(occupancy, blocks[lane->what[i]], end_ns - start_ns, to - from);
	}
	occupancy->median_ns = value_select_median(durations, count);
	if (window_ns > 0)
		occupancy->kernels_per_s = ratio_e12(occupancy->kernels, window_ns) / 1000;
	free(durations);
	return true;
}

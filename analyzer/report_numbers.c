/* SPDX-License-Identifier: MIT */
#include "analyzer/report_numbers.h"

#include "analyzer/ratio.h"

#include <stdbool.h>

const struct time_unit *time_unit_for(int64_t largest_ns)
{
	static const struct time_unit units[] = {
		{ "s", 1000000000, 3 }, { "ms", 1000000, 3 }, { "us", 1000, 3 }, { "ns", 1, 0 },
	};
	size_t unit = 0;
	while (unit < 3 && largest_ns / 10 < units[unit].ns)
		unit++;
	return &units[unit];
}

struct time_unit time_unit_narrow(int64_t largest_ns)
{
	struct time_unit unit = *time_unit_for(largest_ns);
	if (unit.decimals > 0)
		unit.decimals = largest_ns / 1000 >= unit.ns ? 1 : 2;
	return unit;
}

static int64_t power_of_ten(int exponent)
{
	int64_t power = 1;
	while (exponent-- > 0)
		power *= 10;
	return power;
}

/* value / 10^decimals, written out */
static void add_scaled(struct text *out, int64_t value, int decimals)
{
	int64_t scale = power_of_ten(decimals);
	text_add_integer(out, value / scale);
	if (decimals > 0)
		text_add_format(out, ".%0*lld", decimals, (long long)(value % scale));
}

void number_add_time(struct text *out, int64_t ns, const struct time_unit *unit)
{
	int64_t step = unit->ns / power_of_ten(unit->decimals);
	int64_t half = step / 2;
	int64_t value = ns < 0 ? 0 : ns;
	add_scaled(out, value / step + (value % step >= half && half > 0), unit->decimals);
}

static void add_percent_bare(struct text *out, int64_t share_e12)
{
	const int64_t permille = RATIO_ONE / 1000;
	int64_t tenths = share_e12 / permille + (share_e12 % permille >= permille / 2);
	if (share_e12 > 0 && tenths == 0)
		text_add(out, "<0.1");
	else if (share_e12 < RATIO_ONE && tenths == 1000)
		text_add(out, ">99.9");
	else
		add_scaled(out, tenths, 1);
}

void number_add_percent_e12(struct text *out, int64_t share_e12)
{
	add_percent_bare(out, share_e12);
	text_add(out, " %");
}

void number_add_percent_bare(struct text *out, int64_t part, int64_t whole)
{
	if (whole <= 0)
		text_add(out, "-");
	else
		add_percent_bare(out, ratio_e12(part, whole));
}

void number_add_percent(struct text *out, int64_t part, int64_t whole)
{
	if (whole <= 0)
		text_add(out, "-");
	else
		number_add_percent_e12(out, ratio_e12(part, whole));
}

void number_add_count(struct text *out, int64_t count)
{
	if (count >= 1000) {
		number_add_count(out, count / 1000);
		text_add_format(out, ",%03d", (int)(count % 1000));
	} else {
		text_add_integer(out, count);
	}
}

void number_add_rounded(struct text *out, int64_t value, int64_t divisor)
{
	text_add_integer(out, value / divisor + (value % divisor >= divisor / 2));
}

void number_add_ratio(struct text *out, int64_t ratio, int decimals)
{
	int64_t step = power_of_ten(12 - decimals);
	add_scaled(out, ratio / step + (step > 1 && ratio % step >= step / 2), decimals);
}

bool number_add_rate(struct text *out, int64_t bytes, int64_t ns, int decimals)
{
	if (bytes <= 0 || ns <= 0)
		return false;
	/* The whole part by itself: a large copy of one nanosecond is beyond twelve decimals. */
	int64_t step = power_of_ten(12 - decimals);
	int64_t fraction = ratio_e12(bytes % ns, ns);
	fraction = fraction / step + (step > 1 && fraction % step >= step / 2);
	bool is_carried = fraction == power_of_ten(decimals);
	text_add_integer(out, bytes / ns + is_carried);
	if (decimals > 0)
		text_add_format(out, ".%0*lld", decimals, (long long)(is_carried ? 0 : fraction));
	return true;
}

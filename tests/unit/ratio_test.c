/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_balance.h"
#include "analyzer/ratio.h"
#include "analyzer/report_numbers.h"
#include "tests/unit/harness.h"

static const char *shown(struct text *text, void (*add)(struct text *out, int64_t value),
			 int64_t value)
{
	text_clear(text);
	add(text, value);
	return text_string(text);
}

TEST(ratio_is_rounded_to_twelve_decimals)
{
	CHECK_INT(ratio_e12(1, 3), 333333333333);
	CHECK_INT(ratio_e12(2, 3), 666666666667);
	CHECK_INT(ratio_e12(7, 7), RATIO_ONE);
	CHECK_INT(ratio_e12(0, 5), 0);
	CHECK_INT(ratio_e12(5, 0), INT64_MAX);
	CHECK_INT(ratio_e12(INT64_MAX, 1), INT64_MAX);
	CHECK_INT(ratio_e12(INT64_MAX, INT64_MAX), RATIO_ONE);
	CHECK_INT(ratio_e12(INT64_MAX - 1, INT64_MAX), RATIO_ONE);
}

static const char *shown_rate(struct text *text, int64_t bytes, int64_t ns, int decimals)
{
	text_clear(text);
	return number_add_rate(text, bytes, ns, decimals) ? text_string(text) : "none";
}

TEST(a_rate_is_exact_where_a_copy_took_a_nanosecond)
{
	struct text text;
	text_begin(&text, 100);
	CHECK_TEXT(shown_rate(&text, 479868892, 1, 6), "479868892.000000");
	CHECK_TEXT(shown_rate(&text, INT64_MAX, 1, 2), "9223372036854775807.00");
	CHECK_TEXT(shown_rate(&text, 2, 3, 6), "0.666667");
	CHECK_TEXT(shown_rate(&text, 1999999, 1000000, 2), "2.00");
	CHECK_TEXT(shown_rate(&text, 5, 2, 0), "3");
	CHECK_TEXT(shown_rate(&text, 0, 2, 2), "none");
	CHECK_TEXT(shown_rate(&text, 2, 0, 2), "none");
	text_end(&text);
}

TEST(share_of_is_exact_where_the_product_does_not_fit)
{
	CHECK_INT(share_of(INT64_MAX, INT64_MAX / 2, INT64_MAX), INT64_MAX / 2);
	CHECK_INT(share_of(10, 1, 3), 3);
	CHECK_INT(share_of(10, 1, 0), 0);
}

/* Golden vector G1: lambda 5/31, CoV 0.09312101116. */
TEST(balance_of_the_golden_vector)
{
	const int64_t compute_ns[] = { 88000000, 88000000, 108000000, 88000000 };
	struct balance balance = balance_measure(compute_ns, 4);
	CHECK(balance.is_known);
	CHECK_INT(balance.most, 2);
	CHECK_INT(balance.least, 0);
	CHECK_INT(balance.lambda_e12, 161290322581);
	CHECK_INT(balance.cov_e12 / 1000, 93121011);
}

TEST(balance_needs_two_gpus_and_some_compute)
{
	const int64_t one[] = { 5 }, idle[] = { 0, 0, 0 }, even[] = { 7, 7 };
	CHECK(!balance_measure(NULL, 0).is_known);
	CHECK(!balance_measure(one, 1).is_known);
	CHECK(!balance_measure(idle, 3).is_known);
	CHECK(balance_measure(even, 2).is_known);
	CHECK_INT(balance_measure(even, 2).lambda_e12, 0);
	CHECK_INT(balance_measure(even, 2).cov_e12, 0);
}

TEST(balance_of_huge_values_does_not_wrap)
{
	const int64_t huge[] = { INT64_MAX, 0, INT64_MAX, 0 };
	struct balance balance = balance_measure(huge, 4);
	CHECK_INT(balance.lambda_e12, RATIO_ONE);
	CHECK_INT(balance.cov_e12, RATIO_ONE);
	CHECK_INT(balance.sum_ns, INT64_MAX);
}

TEST(numbers_are_written_for_people)
{
	struct text text;
	text_begin(&text, 4096);
	CHECK_TEXT(shown(&text, number_add_count, 0), "0");
	CHECK_TEXT(shown(&text, number_add_count, 999), "999");
	CHECK_TEXT(shown(&text, number_add_count, 1000), "1,000");
	CHECK_TEXT(shown(&text, number_add_count, 1234567), "1,234,567");
	CHECK_TEXT(shown(&text, number_add_percent_e12, RATIO_ONE), "100.0 %");
	CHECK_TEXT(shown(&text, number_add_percent_e12, RATIO_ONE - 1), ">99.9 %");
	CHECK_TEXT(shown(&text, number_add_percent_e12, 1), "<0.1 %");
	CHECK_TEXT(shown(&text, number_add_percent_e12, 0), "0.0 %");
	CHECK_TEXT(shown(&text, number_add_percent_e12, 473000000000), "47.3 %");
	text_clear(&text);
	number_add_time(&text, 1234567, time_unit_for(1234567));
	text_add_char(&text, ' ');
	number_add_time(&text, 1999, time_unit_for(5000000));
	text_add_char(&text, ' ');
	number_add_time(&text, 17, time_unit_for(17));
	CHECK_TEXT(text_string(&text), "1234.567 1.999 17");
	text_clear(&text);
	CHECK(number_add_rate(&text, 244403360, 55503000, 6));
	CHECK_TEXT(text_string(&text), "4.403426");
	CHECK(!number_add_rate(&text, 0, 5, 3) && !number_add_rate(&text, 5, 0, 3));
	text_end(&text);
}

/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"
#include "tracedb/demangle.h"

#include <stdio.h>
#include <string.h>

TEST(demangle_reads_a_mangled_kernel_name)
{
	char out[DEMANGLE_BYTES];
	CHECK_TEXT(demangle_symbol("_Z4gemmPfS_i", out, sizeof out), "gemm(float*, float*, int)");
}

TEST(demangle_gives_back_what_is_not_mangled)
{
	char out[64];
	static const char *const names[] = { "",      "_",    "_Z", "sgemm", "void f<int>(int)",
					     "_Z99x", "__Z1f" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		CHECK(demangle_symbol(names[i], out, sizeof out) == names[i]);
}

TEST(demangle_cuts_what_does_not_fit)
{
	char out[16];
	CHECK_TEXT(demangle_symbol("_Z4gemmPfS_i", out, sizeof out), "gemm(float*,...");
}

/* Each template argument names the one before twice: 60 of them stand for 2^60 letters. */
TEST(demangle_ends_on_a_name_that_doubles_with_each_part)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char name[1024] = "_Z1fI1AIiiE", out[DEMANGLE_BYTES];
	size_t length = strlen(name);
	for (int i = 0; i < 60; i++) {
		int before = 1 + 2 * i;
		char reference[8];
		if (before < 36)
			(void)snprintf(reference, sizeof reference, "S%c_", digits[before]);
		else
			(void)snprintf(reference, sizeof reference, "S%c%c_", digits[before / 36],
				       digits[before % 36]);
		length += (size_t)snprintf(name + length, sizeof name - length, "1BI%s%sE",
					   reference, reference);
	}
	(void)snprintf(name + length, sizeof name - length, "Evv");
	const char *text = demangle_symbol(name, out, sizeof out);
	CHECK(text == name || strlen(text) == sizeof out - 1);
}

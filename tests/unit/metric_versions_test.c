/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_versions.h"
#include "tests/unit/harness.h"

#include <string.h>

TEST(versions_that_differ_between_ranks_are_found)
{
	const struct trace_row a = { .source = "libtrace", .driver_version = "550.1",
				     .nccl_version = "2.21.5",
				     .cupti_version = "24 (/a/libcupti.so)",
				     .environment = "CUDA_VISIBLE_DEVICES=0\nNCCL_ALGO=Ring\n" };
	const struct trace_row b = { .source = "libtrace", .driver_version = "",
				     .nccl_version = "2.21.5",
				     .cupti_version = "24 (/b/libcupti.so)",
				     .environment = "CUDA_VISIBLE_DEVICES=1\nNCCL_ALGO=Ring\n" };
	const struct trace_row c = { .source = "libtrace", .driver_version = "535.2",
				     .nccl_version = "2.21.5",
				     .cupti_version = "24 (/a/libcupti.so)",
				     .environment = "NCCL_ALGO=Tree\nOMP_NUM_THREADS=1\n" };
	const struct trace_row d = { .source = "kineto", .nccl_version = "2.20",
				     .environment = "" };
	const struct trace_row *const traces[] = { &a, &b, &c, &d };
	struct version_mismatch found[8];
	CHECK_INT(versions_compare(traces, 2, found, 8), 0);
	CHECK_INT(versions_compare(traces, 4, found, 8), 4);
	CHECK_INT(found[0].field, VERSION_DRIVER);
	CHECK_INT(found[0].first, 0);
	CHECK_INT(found[0].other, 2);
	CHECK_INT(found[0].differing, 1);
	CHECK_INT(found[1].field, VERSION_NCCL);
	CHECK_INT(found[1].other, 3);
	CHECK(found[2].variable != NULL && memcmp(found[2].variable, "NCCL_ALGO", 9) == 0);
	CHECK_INT(found[2].other, 2);
	CHECK_INT(found[2].differing, 1);
	CHECK(memcmp(found[3].variable, "OMP_NUM_THREADS", found[3].variable_length) == 0);
	CHECK_INT(found[3].other, 2);
	CHECK_INT(versions_compare(traces, 4, found, 1), 1);
	CHECK_INT(versions_compare(traces, 0, found, 8), 0);
	CHECK_TEXT(version_field_name(VERSION_NCCL), "NCCL");
}

TEST(environment_settings_that_cost_time_are_recognised)
{
	const struct trace_row on = { .environment = "CUDA_LAUNCH_BLOCKING=1\n"
						     "CUDA_DEVICE_MAX_CONNECTIONS=1\n"
						     "NCCL_P2P_DISABLE=1\nNCCL_SHM_DISABLE=0\n" };
	const struct trace_row off = { .environment = "CUDA_DEVICE_MAX_CONNECTIONS=16\n"
						      "XNCCL_P2P_DISABLE=1\nNCCL_P2P_DISABLE=\n"
						      "odd line\n=\n" };
	const struct trace_row none = { .environment = NULL };
	struct environment_facts facts = environment_facts_of(&on);
	CHECK(facts.is_launch_blocking && facts.is_p2p_disabled && facts.is_connection_single);
	CHECK(!facts.is_shm_disabled && !facts.is_cache_disabled && !facts.is_ib_disabled);
	facts = environment_facts_of(&off);
	CHECK(!facts.is_p2p_disabled && !facts.is_connection_single);
	CHECK(!environment_facts_of(&none).is_launch_blocking);
}

static unsigned problems(const char *driver, const char *nccl, const char *framework,
			 const char *gpu)
{
	const struct trace_row trace = { .driver_version = driver, .nccl_version = nccl,
					 .framework = framework };
	return known_problems_of(&trace, &gpu, 1);
}

TEST(known_bad_versions_are_matched_with_their_gpus)
{
	const char *ada = "NVIDIA GeForce RTX 4090", *blackwell = "NVIDIA GeForce RTX 5090";
	CHECK_INT(problems("525.60.11", "2.16.2", "", ada), 1U << PROBLEM_DRIVER_P2P);
	CHECK_INT(problems("525", "", "", ada), 1U << PROBLEM_DRIVER_P2P);
	CHECK_INT(problems("525.60.11", "", "", "NVIDIA A100"), 0);
	CHECK_INT(problems("530.30", "", "", ada), 0);
	CHECK_INT(problems("", "2.25.1", "", blackwell), 1U << PROBLEM_NCCL_BLACKWELL);
	CHECK_INT(problems("", "2.26.2", "", blackwell), 0);
	CHECK_INT(problems("", "2.25.1", "", ada), 0);
	CHECK_INT(problems("", "", "PyTorch 2.9.0+cu128", ada), 1U << PROBLEM_SLOW_CONV3D);
	CHECK_INT(problems("", "", "PyTorch 2.9.1", ada), 0);
	CHECK_INT(problems("", "", "PyTorch", ada), 0);
	CHECK_INT(problems("", "", "TensorFlow 2.9.0", ada), 0);
	CHECK_INT(problems("99999999999999999999.1", "", "", ada), 0);
}

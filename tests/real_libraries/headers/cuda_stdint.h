/* SPDX-License-Identifier: MIT */
/* A stand-in for a header of CUDA that CUPTI's headers include: C11 has what is in it. */
#include <stdint.h>

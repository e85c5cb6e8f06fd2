/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for CUDA's cuda.h, with the few types that the headers of CUPTI 11.8 and 12.4 name in
 * their records: what a pointer is and how large an enumerator is, no more. The packages with the
 * real one are hundreds of megabytes. Only for tests/real_libraries.
 */
#ifndef STAND_IN_CUDA_H
#define STAND_IN_CUDA_H

#include <stddef.h>
#include <stdint.h>

typedef int CUdevice;
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
typedef struct CUmod_st *CUmodule;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphNode_st *CUgraphNode;
typedef struct CUgraphExec_st *CUgraphExec;
typedef struct CUaccessPolicyWindow_st CUaccessPolicyWindow;
typedef struct { char bytes[16]; } CUuuid;
typedef enum { CU_STAND_IN_DEVICE_ATTRIBUTE } CUdevice_attribute;
typedef enum { CU_STAND_IN_CLUSTER_POLICY } CUclusterSchedulingPolicy;
typedef enum { CU_STAND_IN_RESULT } CUresult;

#endif

-- SPDX-License-Identifier: MIT
-- Rows of a small trace with something in every table, for the fuzz target reader and for tests/torture.
-- One process, two GPUs, two streams each, a step of compute, copies and an all-reduce.
INSERT INTO trace (trace_id, source, tool_version, source_path, source_version, host, boot_id, pid, command, rank,
    world_size, local_rank, epoch_ns, stop_ns, settings, driver_version, cuda_driver_version,
    cuda_runtime_version, cupti_version, nccl_version, cudnn_version, framework, environment, "trigger")
    VALUES (1, 'libtrace', '0.1', '', '', 'box', 'boot', 700, 'python3 train.py', 0, 2, 0,
    1790000000000000000, 9000000, 'LAGGARD_API=all', '550.54', '12.4', '12.4', '12.4', '2.28', '9', 'PyTorch 2',
    'NCCL_DEBUG=INFO', '');
INSERT INTO clock VALUES (0, 5000000000, 6000000000), (1000000, 5001000000, 6001000000);
INSERT INTO string VALUES (1, 'gemm'), (2, 'ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)'),
    (3, 'cudaLaunchKernel_v7000'), (4, 'cudaMemcpyAsync_v3020'), (5, 'forward'), (6, 'NCCL'), (7, 'AllReduce'),
    (8, 'ncclFloat32'), (9, 'Sum'), (10, 'RING'), (11, 'LL'), (12, 'power_mw'), (13, 'clock_sm_mhz'),
    (14, 'Buffer Flush'), (15, '{"step":3}'), (16, 'worker'), (17, 'cudaStreamSynchronize_v3020'),
    (18, '_ZN5other6kernelEf'), (19, 'throttle_reasons'), (20, 'pcie_tx_kb_per_s'), (21, 'step'),
    (22, 'ProfilerStep#1'), (23, 'ProfilerStep#2'), (24, 'ProfilerStep#3'), (25, 'DataLoader.__next__'),
    (26, 'cudaEventRecord_v3020'), (27, 'cudaMalloc_v3020'), (28, 'cudaLaunchKernelExC_v11060');
INSERT INTO device VALUES
    (0, 'RTX 4090', 'GPU-0', '00000000:01:00.0', 8, 9, 128, 25769803776, 1008000000000, 75497472, 2, 2520,
     450000, 1, 16, 4, 16, 0),
    (1, 'RTX 4090', 'GPU-1', '00000000:02:00.0', 8, 9, 128, 25769803776, 1008000000000, 75497472, 2, 2520,
     450000, 4, 8, 4, 16, 3);
INSERT INTO context VALUES (1, 0, 7), (2, 1, 7);
INSERT INTO stream VALUES (1, 0, 1, 7, 0, 1, 0), (2, 0, 1, 13, -1, 2, 16), (3, 1, 2, 7, 0, 1, 0),
    (4, 1, 2, 13, -1, 2, 0);
INSERT INTO thread VALUES (701, 700, 16), (702, 700, 0);
INSERT INTO kernel_symbol VALUES (1, 1, 4, 2, 1, 128, 1, 1, 0, 0, 0, 32, 16, 1024, 8, 0),
    (2, 2, 2, 1, 1, 512, 1, 1, 2, 1, 1, 96, 0, 0, 0, 1), (3, 18, 1, 1, 1, 32, 1, 1, 0, 0, 0, 8, 0, 0, 0, 0);
INSERT INTO kernel VALUES (1000, 500, 1, 1, 100, 0, 0), (1300, 600, 2, 2, 101, 0, 0), (1010, 500, 3, 1, 110, 0, 0),
    (1310, 590, 4, 2, 111, 0, 0), (5000, 0, 1, 3, 120, 5, 6), (5100, 900, 3, 3, 0, 0, 0),
    (5300, 600, 2, 2, 160, 0, 0), (6500, 700, 1, 1, 161, 0, 0);
INSERT INTO memcpy VALUES (2000, 100, 1, 1, 2, 3, 4096, -1, -1, 1, 1, 102, 0, 0),
    (2050, 200, 2, 10, 3, 3, 8192, 0, 1, 1, 0, 103, 0, 0), (2400, 50, 3, 2, 3, 1, 65536, -1, -1, 0, 3, 112, 0, 0);
INSERT INTO memset VALUES (2500, 10, 1, 3, 255, 512, 104, 0, 0);
INSERT INTO api_call VALUES (900, 20, 701, 2, 3, 100, 0), (930, 20, 701, 2, 3, 101, 0),
    (1900, 40, 701, 2, 4, 102, 0), (950, 10, 702, 2, 3, 110, 0), (1940, 10, 702, 1, 4, 112, 1),
    (2600, 400, 701, 2, 17, 130, 0), (2610, 5, 702, 2, 26, 131, 0), (3600, 300, 701, 2, 27, 150, 0),
    (4200, 20, 701, 2, 3, 120, 0), (5200, 20, 701, 2, 28, 160, 0), (6200, 20, 701, 2, 3, 161, 0);
INSERT INTO synchronization VALUES (2610, 380, 3, 0, 1, 1, -1, 0, 130), (2700, 5, 2, 1, 2, 4, 9, 77, 131),
    (2800, 5, 4, 0, 1, 0, -1, 0, 132);
INSERT INTO cuda_event VALUES (2650, 9, 77, 2, 3, 131), (-1, 10, 78, 1, 1, 133);
INSERT INTO graph_launch VALUES (3000, 700, 1, 5, 140);
INSERT INTO range VALUES (800, 3000, 701, 701, 1, 6, 0, 5, 4278190335, 15, 0), (850, 100, 701, 701, 3, 0, 0, 21, 0, 0, 0),
    (860, 8000, 702, 701, 2, 6, 5, 7, 0, 0, 1), (890, 1700, 701, 701, 3, 0, 0, 22, 0, 0, 0),
    (2595, 2500, 701, 701, 3, 0, 0, 23, 0, 0, 0), (5100, 1500, 701, 701, 3, 0, 0, 24, 0, 0, 0),
    (3900, 250, 702, 702, 3, 0, 0, 25, 0, 0, 0);
INSERT INTO mark VALUES (870, 701, 6, 0, 5, 0, 15);
INSERT INTO gpu_range VALUES (1000, 900, 1, 5);
INSERT INTO communicator VALUES (1, 123456789, 'dp', 0, 2, 1, 0, 0), (2, -5, '', 1, 4, 1, 1, 123456789);
INSERT INTO collective VALUES (925, 30, 701, 1, 1, 7, 1048576, 262144, 8, 9, -1, 0, 10, 11, 2, 16, 50, 101),
    (926, 20, 701, 2, 1, 7, -1, -1, 8, 9, 1, -1, 0, 0, 0, 0, 0, 0),
    (927, 20, 702, 3, 2, 7, 64, 16, 8, 0, -1, 5, 10, 11, 2, 16, 0, 111);
INSERT INTO external_correlation VALUES (50, 101);
INSERT INTO allocation VALUES (500, 1, 0, 3, 4096, 1048576, 701, 0, -1, -1, 99),
    (600, 1, 0, 3, 8192, 2048, 701, 1, 2048, 4096, 0), (4000, 2, 0, 3, 4096, 1048576, 701, 0, 0, 0, 150);
INSERT INTO sample VALUES (0, 0, 12, 300000), (0, 0, 13, 2520), (100000, 1, 19, 4), (200000, 1, 20, 900);
INSERT INTO overhead VALUES (3500, 40, 701, 14, 0);
INSERT INTO loss VALUES ('cupti', 'dropped', 5, 100, 200), ('nvml', 'disabled: no library', 0, -1, -1);
INSERT INTO host_sample VALUES (1000, 700, 83, 5, 900, 10, 1), (2000, 700, 82, 0, 1900, 20, -1);
INSERT INTO memory_pool VALUES (1500, 1, 0, 1, 4096, 1048576, 4096, 0, 7);
INSERT INTO capture_gap VALUES (3000, 1000, 5, 6), (8000, -1, 5, 6);
INSERT INTO communicator_state VALUES (9000, 1, 12, 11, 7, 5, 8900);

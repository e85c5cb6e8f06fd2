/* SPDX-License-Identifier: MIT */
/* Each GPU: link, power, clocks, and how they reach each other. */
#include "laggard/doctor.h"
#include "laggard/doctor_nvml.h"
#include "libtrace/nvml_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { P2P_READ = 0, REPLAYS_NOTE = 100, TEXT_BYTES = 96 };

/* Reasons for lower clocks that are never fine, also at rest. */
static const struct { unsigned long long bit; const char *name; } bad_reasons[] = {
	{ 0x08, "hardware slowdown" }, { 0x20, "too hot" }, { 0x40, "too hot (hardware)" },
	{ 0x80, "power brake of the supply" },
};

/* How far apart two GPUs are; the last is across sockets. */
static const struct { int level; const char *name; } ancestors[] = {
	{ 0, "same board" }, { 10, "PIX" }, { 20, "PXB" }, { 30, "PHB" }, { 40, "NODE" },
	{ 50, "SYS" },
};
enum { ANCESTOR_SYSTEM = 50 };

/* -1: it does not say. */
static int64_t number_of(struct nvml_device *device, const char *function)
{
	nvml_device_number get;
	unsigned value = 0;
	return DOCTOR_NVML(get, function) && get(device, &value) == NVML_OK ? (int64_t)value : -1;
}

static struct nvml_device *device_at(size_t gpu)
{
	nvml_device_at get;
	struct nvml_device *device = NULL;
	return DOCTOR_NVML(get, "nvmlDeviceGetHandleByIndex_v2") &&
	       get((unsigned)gpu, &device) == NVML_OK ? device : NULL;
}

/* "00000000:01:00.0" -> "0000:01:00.0", as folders below /sys are called. */
static void pci_id_keep(struct doctor *doctor, size_t gpu, struct nvml_device *device)
{
	nvml_device_pci get;
	struct nvml_pci pci = { .bus_id = "" };
	char *to = doctor->pci_ids[gpu];
	if (!DOCTOR_NVML(get, "nvmlDeviceGetPciInfo_v3") || get(device, &pci) != NVML_OK)
		return;
	(void)snprintf(to, sizeof doctor->pci_ids[gpu], "%04x:%02x:%02x.0", pci.domain & 0xffff,
		       pci.bus & 0xff, pci.device & 0xff);
}

static void link_check(struct doctor *doctor, size_t gpu, struct nvml_device *device)
{
	int64_t generation = number_of(device, "nvmlDeviceGetCurrPcieLinkGeneration");
	int64_t width = number_of(device, "nvmlDeviceGetCurrPcieLinkWidth");
	int64_t generation_max = number_of(device, "nvmlDeviceGetMaxPcieLinkGeneration");
	int64_t width_max = number_of(device, "nvmlDeviceGetMaxPcieLinkWidth");
	int64_t replays = number_of(device, "nvmlDeviceGetPcieReplayCounter");
	if (width > 0 && width_max > 0 && width < width_max)
		doctor_say(
			doctor, "pcie-link", DOCTOR_PROBLEM,
			"seat the card anew; look at riser, slot (electrical lanes) and the BIOS's "
			"bifurcation",
			"GPU %zu: PCIe x%" PRId64 " of x%" PRId64 ": transfers take %" PRId64
			" times as long",
			gpu, width, width_max, width_max / width);
	else if (width > 0)
		doctor_say(doctor, "pcie-link", DOCTOR_OK, NULL,
			   "GPU %zu: PCIe generation %" PRId64 " of %" PRId64 " x%" PRId64 "%s",
			   gpu, generation, generation_max, width,
			   generation < generation_max ? ", as is usual at rest" : "");
	if (replays > 0)
		doctor_say(
			doctor, "pcie-replays",
			replays >= REPLAYS_NOTE ? DOCTOR_PROBLEM : DOCTOR_NOTE,
			"a bad riser, cable or slot if it grows under load: reseat or replace it",
			"GPU %zu: %" PRId64 " PCIe packets were repeated since the driver was "
			"loaded",
			gpu, replays);
}

static void power_check(struct doctor *doctor, size_t gpu, struct nvml_device *device)
{
	int64_t limit = number_of(device, "nvmlDeviceGetEnforcedPowerLimit");
	int64_t usual = number_of(device, "nvmlDeviceGetPowerManagementDefaultLimit");
	int64_t persistence = number_of(device, "nvmlDeviceGetPersistenceMode");
	if (limit > 0 && usual > 0 && limit < usual)
		doctor_say(doctor, "power-limit", DOCTOR_NOTE,
			   "nvidia-smi -pl raises it, where supply and cooling can take it",
			   "GPU %zu: power limit %" PRId64 " W, by default %" PRId64 " W", gpu,
			   limit / 1000, usual / 1000);
	if (persistence == 0)
		doctor_say(doctor, "persistence", DOCTOR_NOTE,
			   "nvidia-smi -pm 1, or the service nvidia-persistenced",
			   "GPU %zu: persistence mode is off: the first use of CUDA takes seconds, "
			   "and "
			   "limits set by hand are lost",
			   gpu);
}

static void clocks_check(struct doctor *doctor, size_t gpu, struct nvml_device *device)
{
	nvml_device_wide get;
	unsigned long long reasons = 0;
	if ((!DOCTOR_NVML(get, "nvmlDeviceGetCurrentClocksEventReasons") &&
	     !DOCTOR_NVML(get, "nvmlDeviceGetCurrentClocksThrottleReasons")) ||
	    get(device, &reasons) != NVML_OK)
		return;
	for (size_t i = 0; i < sizeof bad_reasons / sizeof bad_reasons[0]; i++)
		if ((reasons & bad_reasons[i].bit) != 0)
			doctor_say(doctor, "clocks", DOCTOR_PROBLEM,
				   "cooling and airflow for heat; supply and its cables for power",
				   "GPU %zu lowers its clocks now: %s", gpu, bad_reasons[i].name);
}

static void mig_check(struct doctor *doctor, size_t gpu, struct nvml_device *device)
{
	nvml_device_mode get;
	unsigned now = 0, pending = 0;
	if (DOCTOR_NVML(get, "nvmlDeviceGetMigMode") && get(device, &now, &pending) == NVML_OK &&
	    now != 0)
		doctor_say(
			doctor, "mig", DOCTOR_NOTE,
			"for one training on whole GPUs: nvidia-smi -mig 0",
			"GPU %zu is divided (MIG): instances have no peer access, and samples are "
			"the whole GPU's",
			gpu);
}

static void gpu_check(struct doctor *doctor, size_t gpu)
{
	struct nvml_device *device = device_at(gpu);
	nvml_device_text get;
	char name[TEXT_BYTES] = "";
	int result = device == NULL ? NVML_GPU_IS_LOST : NVML_FUNCTION_NOT_FOUND;
	if (device != NULL && DOCTOR_NVML(get, "nvmlDeviceGetName"))
		result = get(device, name, sizeof name);
	if (result != NVML_OK) {
		doctor_say(
			doctor, "gpu", DOCTOR_PROBLEM,
			"look for Xid in dmesg; power, riser and seat of the card; it comes back "
			"with a reboot at best",
			"GPU %zu does not answer: %s (%d)", gpu, nvml_result_text(result), result);
		return;
	}
	pci_id_keep(doctor, gpu, device);
	doctor_say(doctor, "gpu", DOCTOR_OK, NULL, "GPU %zu: %s, %s", gpu, name,
		   doctor->pci_ids[gpu][0] == 0 ? "PCI id unknown" : doctor->pci_ids[gpu]);
	link_check(doctor, gpu, device);
	power_check(doctor, gpu, device);
	clocks_check(doctor, gpu, device);
	mig_check(doctor, gpu, device);
}

static const char *ancestor_name(int level)
{
	for (size_t i = 0; i < sizeof ancestors / sizeof ancestors[0]; i++)
		if (ancestors[i].level == level)
			return ancestors[i].name;
	return "?";
}

/* Pairs of GPUs, by what lies between them. */
struct pairs {
	size_t count, peers, asked, far;
	struct text list;	/* "0-1 PHB, 0-2 SYS" */
};

static void pair_add(struct pairs *pairs, size_t a, size_t b)
{
	nvml_device_peer peer;
	nvml_device_pair ancestor;
	struct nvml_device *first = device_at(a), *second = device_at(b);
	int status = -1, level = -1;
	if (first == NULL || second == NULL)
		return;
	bool is_asked = DOCTOR_NVML(peer, "nvmlDeviceGetP2PStatus") &&
		peer(first, second, P2P_READ, &status) == NVML_OK;
	if (!DOCTOR_NVML(ancestor, "nvmlDeviceGetTopologyCommonAncestor") ||
	    ancestor(first, second, &level) != NVML_OK)
		level = -1;
	pairs->asked += is_asked;
	pairs->peers += is_asked && status == 0;
	pairs->far += level == ANCESTOR_SYSTEM;
	text_add_format(&pairs->list, "%s%zu-%zu %s%s", pairs->count++ == 0 ? "" : ", ", a, b,
			ancestor_name(level), is_asked && status == 0 ? " P2P" : "");
}

static void pairs_say(struct doctor *doctor, const struct pairs *pairs)
{
	doctor_say(doctor, "topology", pairs->far > 0 ? DOCTOR_NOTE : DOCTOR_OK,
		   pairs->far > 0 ? "SYS: between sockets. Neighbours in the order of ranks should "
		   "be near: CUDA_VISIBLE_DEVICES orders them" : NULL,
		   "between GPUs: %s", text_string(&pairs->list));
	if (pairs->asked == 0)
		return;
	if (pairs->peers == pairs->asked)
		doctor_say(doctor, "peer-access", DOCTOR_OK, NULL,
			   "all %zu pairs of GPUs can reach each other's memory", pairs->asked);
	else
		doctor_say(
			doctor, "peer-access", DOCTOR_NOTE,
			"usual for GeForce: NCCL then goes through shared host memory (/dev/shm, "
			"see below). Elsewhere: ACS and IOMMU of the PCIe bridges, "
			"lspci -vvv | grep ACSCtl as root",
			"%zu of %zu pairs of GPUs cannot reach "
			"each other's memory (no P2P)",
			pairs->asked - pairs->peers, pairs->asked);
}

void doctor_check_gpus(struct doctor *doctor)
{
	struct pairs pairs = { .count = 0 };
	doctor->group = "GPUs";
	for (size_t gpu = 0; gpu < doctor->gpu_count; gpu++)
		gpu_check(doctor, gpu);
	if (doctor->gpu_count < 2)
		return;
	text_begin(&pairs.list, 1 << 16);
	for (size_t a = 0; a < doctor->gpu_count; a++)
		for (size_t b = a + 1; b < doctor->gpu_count; b++)
			pair_add(&pairs, a, b);
	pairs_say(doctor, &pairs);
	text_end(&pairs.list);
}

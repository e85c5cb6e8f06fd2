// SPDX-License-Identifier: MIT
// What this machine can do at best, measured: copies between host and GPUs alone and together,
// GPU to GPU, device memory, launches, NCCL. One JSON object on stdout, as
// tracedb/ceilings_json.h says; `laggard calibrate` runs this and keeps it.
//
//     calibrate [--nccl LIBRARY]
//
// Takes about two seconds a GPU and one a pair of GPUs, 512 MiB of each GPU's memory and 192 MiB of
// the host's for each.
#include "calibrate_copies.cuh"
#include "calibrate_launches.cuh"
#include "calibrate_nccl.cuh"

#include <cctype>
#include <cstring>

static std::string file_text(const std::string &path)
{
	char text[512] = "";
	FILE *file = fopen(path.c_str(), "re");
	if (file == nullptr)
		return "";
	size_t length = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[length] = 0;
	text[strcspn(text, "\n")] = 0;
	return text;
}

static long long file_number(const std::string &path)
{
	std::string text = file_text(path);
	return text.empty() ? -1 : strtoll(text.c_str(), nullptr, 10);
}

// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  ...": the first word like 550.54.14.
static std::string driver_version()
{
	std::string text = file_text("/proc/driver/nvidia/version"), word;
	for (char c : text + " ") {
		if (!isspace((unsigned char)c)) {
			word += c;
			continue;
		}
		if (!word.empty() && word.find('.') != std::string::npos &&
		    word.find_first_not_of("0123456789.") == std::string::npos)
			return word;
		word.clear();
	}
	return "";
}

static std::string uuid_text(const cudaUUID_t &uuid)
{
	char text[64] = "GPU-";
	for (int i = 0; i < 16; i++)
		snprintf(text + strlen(text), 4, "%s%02x",
			 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			 (unsigned)(unsigned char)uuid.bytes[i]);
	return text;
}

// "16.0 GT/s PCIe" is generation 4.
static long long generation_of(const std::string &speed)
{
	static const double rates[] = { 2.5, 5, 8, 16, 32, 64 };
	double rate = strtod(speed.c_str(), nullptr);
	for (int i = 0; i < 6; i++)
		if (rate > rates[i] - 0.1 && rate < rates[i] + 0.1)
			return i + 1;
	return -1;
}

static gpu gpu_create(int device)
{
	gpu made = {};
	made.device = device;
	TRY(cudaSetDevice(device));
	for (int way = 0; way < WAYS; way++) {
		TRY(cudaStreamCreateWithFlags(&made.streams[way], cudaStreamNonBlocking));
		TRY(cudaMallocHost((void **)&made.pinned[way], COPY_BYTES));
		memset(made.pinned[way], way + 1, COPY_BYTES);
		TRY(cudaMalloc((void **)&made.memory[way], DEVICE_BYTES));
		TRY(cudaMemset(made.memory[way], 0, DEVICE_BYTES));
	}
	made.pageable = (char *)malloc(COPY_BYTES);
	if (made.pageable == nullptr)
		calibrate_refuse("no host memory");
	memset(made.pageable, 3, COPY_BYTES);
	TRY(cudaDeviceSynchronize());
	return made;
}

// The link is asked while copies run: an idle GPU lets it fall to the first generation.
static void gpu_describe(gpu &one)
{
	cudaDeviceProp properties;
	char bus_id[32] = "";
	TRY(cudaGetDeviceProperties(&properties, one.device));
	TRY(cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, one.device));
	for (char *c = bus_id; *c != 0; c++)
		*c = (char)tolower((unsigned char)*c);
	std::string folder = std::string("/sys/bus/pci/devices/") + bus_id + "/";
	lane copying = lane_create(one, TO_DEVICE);
	lane_start(copying);
	lane_start(copying);
	long long generation = generation_of(file_text(folder + "current_link_speed"));
	long long width = file_number(folder + "current_link_width");
	lane_finish(copying);
	for (cudaEvent_t &mark : copying.marks)
		TRY(cudaEventDestroy(mark));
	one.facts.number("gpu_id", one.device)
		.string("uuid", uuid_text(properties.uuid))
		.string("pci_bus_id", bus_id)
		.string("name", properties.name)
		.number("sm_count", properties.multiProcessorCount)
		.number("memory_bytes", (long long)properties.totalGlobalMem)
		.number("pcie_generation", generation)
		.number("pcie_width", width)
		.number("pcie_generation_max", generation_of(file_text(folder + "max_link_speed")))
		.number("pcie_width_max", file_number(folder + "max_link_width"))
		.number("numa_node", file_number(folder + "numa_node"));
}

int main(int argc, char **argv)
{
	const char *library = argc == 3 && strcmp(argv[1], "--nccl") == 0 ? argv[2] : nullptr;
	int count = 0, driver = -1, runtime = -1;
	char host[256] = "";
	found all;
	if (argc != 1 && library == nullptr)
		die("usage: calibrate [--nccl LIBRARY]");
	cudaError_t result = cudaGetDeviceCount(&count);
	if (result != cudaSuccess || count == 0)
		calibrate_refuse(std::string("no CUDA GPU here: ") +
				 (result == cudaSuccess ? "none found" :
							  cudaGetErrorString(result)));
	if (count > 62)
		calibrate_refuse("more than 62 GPUs");
	std::vector<gpu> gpus;
	for (int device = 0; device < count; device++)
		gpus.push_back(gpu_create(device));
	std::vector<std::string> described;
	for (gpu &one : gpus) {
		gpu_describe(one);
		described.push_back(one.facts.json());
	}
	calibrate_copies(gpus, all);
	calibrate_launches(gpus, all);
	long long nccl_version = calibrate_nccl(gpus, library, all);
	TRY(cudaDriverGetVersion(&driver));
	TRY(cudaRuntimeGetVersion(&runtime));
	gethostname(host, sizeof host - 1);
	puts(fields().string("format", "laggard-ceilings").number("version", 1)
		     .string("host", host)
		     .string("boot_id", file_text("/proc/sys/kernel/random/boot_id"))
		     .string("driver_version", driver_version())
		     .number("cuda_driver_version", driver)
		     .number("cuda_runtime_version", runtime)
		     .number("nccl_version", nccl_version)
		     .number("made_ns", now_ns(CLOCK_REALTIME))
		     .string("note", all.note)
		     .raw("gpus", json_list(described))
		     .raw("ceilings", json_list(all.rows)).json().c_str());
	return 0;
}

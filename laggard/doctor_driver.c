/* SPDX-License-Identifier: MIT */
/* The driver: kernel module, libcuda, NVML, and whether they fit together. */
#include "laggard/doctor.h"
#include "laggard/doctor_nvml.h"
#include "libtrace/host_facts.h"
#include "libtrace/nvml_result.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const char REMEDY_DRIVER[] =
	"install NVIDIA's driver and load it; in a container start it with --gpus all and the "
	"NVIDIA container toolkit. Traces from elsewhere can be analysed without it";

static bool container_lacks_utility(const struct doctor *doctor)
{
	const char *words = doctor_variable(doctor->subject, "NVIDIA_DRIVER_CAPABILITIES");
	return words != NULL && strstr(words, "all") == NULL && strstr(words, "utility") == NULL;
}

/* Version of the loaded kernel module; "" where none is. */
static void module_check(struct doctor *doctor, char version[HOST_TEXT_MAX])
{
	char text[1024];
	version[0] = 0;
	if (doctor_file_read(doctor->subject, "/proc/driver/nvidia/version", text,
			     sizeof text) > 0)
		driver_version_find(version, text);
	if (version[0] != 0)
		doctor_say(doctor, "kernel-module", DOCTOR_OK, NULL, "kernel module %s%s",
			   version, strstr(text, "Open") != NULL ? ", the open one" : "");
}

static void libcuda_path(void *library, char *path, size_t size)
{
	Dl_info info;
	void *symbol = dlsym(library, "cuDriverGetVersion");
	(void)snprintf(path, size, "%s", symbol != NULL && dladdr(symbol, &info) != 0 &&
		       info.dli_fname != NULL ? info.dli_fname : "libcuda.so.1");
}

/* cuDriverGetVersion needs no cuInit, so that no GPU is touched and no tool is injected. */
static bool libcuda_check(struct doctor *doctor)
{
	char path[1024];
	int (*ask)(int *) = NULL;
	int version = 0;
	void *library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
	if (library == NULL)
		return false;
	void *symbol = dlsym(library, "cuDriverGetVersion");
	memcpy(&ask, &symbol, sizeof ask);
	libcuda_path(library, path, sizeof path);
	if (strstr(path, "/stubs/") != NULL) {
		doctor_say(doctor, "libcuda", DOCTOR_PROBLEM,
			   "take the stubs folder out of LD_LIBRARY_PATH: it is for linking only",
			   "the loader finds the stub of libcuda: %s", path);
		return true;
	}
	if (ask == NULL || ask(&version) != 0 || version <= 0) {
		doctor_say(doctor, "libcuda", DOCTOR_PROBLEM,
			   "install the driver anew: its libraries and its module must be of one "
			   "version", "%s does not say its version", path);
		return true;
	}
	doctor->cuda_version = version;
	doctor_say(doctor, "libcuda", DOCTOR_OK, NULL, "%s, for CUDA up to %d.%d", path,
		   version / 1000, version % 1000 / 10);
	return true;
}

static void nvml_failure_say(struct doctor *doctor, int result)
{
	const char *remedy = REMEDY_DRIVER;
	if (result == NVML_VERSION_MISMATCH)
		remedy = "the driver was updated while it was loaded: reboot, or unload its "
			 "modules";
	else if (result == NVML_NO_PERMISSION)
		remedy = "give the user access to /dev/nvidia*: group, container or cgroup rules";
	else if (result == NVML_LIBRARY_NOT_FOUND)
		remedy = "install libnvidia-ml.so.1 with the driver; in a container set "
			 "NVIDIA_DRIVER_CAPABILITIES=compute,utility. Without it no power, clocks, "
			 "throttling, PCIe link";
	doctor_say(doctor, "nvml", DOCTOR_PROBLEM, remedy, "NVML does not work: %s (%d)",
		   nvml_result_text(result), result);
}

static void nvml_check(struct doctor *doctor, const char *module)
{
	nvml_system_text get_text;
	nvml_system_count get_count;
	char version[80] = "unknown";
	unsigned count = 0;
	int result = doctor_nvml_open();
	if (result != NVML_OK) {
		nvml_failure_say(doctor, result);
		return;
	}
	if (DOCTOR_NVML(get_text, "nvmlSystemGetDriverVersion"))
		(void)get_text(version, sizeof version);
	if (DOCTOR_NVML(get_count, "nvmlDeviceGetCount_v2"))
		(void)get_count(&count);
	doctor->gpu_count = count < DOCTOR_GPUS_MAX ? count : DOCTOR_GPUS_MAX;
	if (module[0] != 0 && strcmp(module, version) != 0)
		doctor_say(doctor, "nvml", DOCTOR_PROBLEM,
			   "libraries and module must be of one version: reboot after an update; "
			   "in a container use the host's libraries",
			   "NVML is of driver %s, the kernel module of %s", version, module);
	else
		doctor_say(doctor, "nvml", DOCTOR_OK, NULL, "NVML of driver %s", version);
	if (count == 0)
		doctor_say(doctor, "gpus", DOCTOR_PROBLEM,
			   "see lspci | grep -i nvidia and dmesg; in a container --gpus all",
			   "the driver knows no GPU");
}

static void devices_check(struct doctor *doctor)
{
	const char *visible = doctor_variable(doctor->subject, "CUDA_VISIBLE_DEVICES");
	if (visible != NULL && (visible[0] == 0 || strncmp(visible, "-1", 2) == 0))
		doctor_say(doctor, "visible-devices", DOCTOR_PROBLEM,
			   "unset it, or name the GPUs to use",
			   "CUDA_VISIBLE_DEVICES hides all GPUs");
	else if (visible != NULL)
		doctor_say(doctor, "visible-devices", DOCTOR_OK, NULL, "CUDA_VISIBLE_DEVICES=%s",
			   visible);
}

void doctor_check_driver(struct doctor *doctor)
{
	char module[HOST_TEXT_MAX];
	doctor->group = "Driver";
	module_check(doctor, module);
	bool has_libcuda = libcuda_check(doctor);
	/* One line for one reason: nothing of NVIDIA is here. */
	if (!has_libcuda && module[0] == 0 && doctor_nvml_open() == NVML_LIBRARY_NOT_FOUND) {
		doctor_say(
			doctor, "driver", DOCTOR_PROBLEM, REMEDY_DRIVER,
			"no NVIDIA driver: no libcuda.so.1, no NVML, no kernel module; no GPU can "
			"be used or recorded here");
		return;
	}
	if (!has_libcuda)
		doctor_say(doctor, "libcuda", DOCTOR_PROBLEM, REMEDY_DRIVER,
			   "libcuda.so.1 cannot be loaded: no CUDA program runs here");
	if (container_lacks_utility(doctor))
		doctor_say(doctor, "capabilities", DOCTOR_PROBLEM,
			   "start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility",
			   "NVIDIA_DRIVER_CAPABILITIES lacks 'utility': no NVML in this container");
	nvml_check(doctor, module);
	devices_check(doctor);
}

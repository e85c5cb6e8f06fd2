/* SPDX-License-Identifier: MIT */
/*
 * The NVTX source against NVIDIA's own headers and NCCL's own library, where they are installed.
 * NCCL emits the whole push with payload, and the pop, for a call that it refuses for want of a
 * communicator: no GPU is needed. The injection library lies beside the program. Prints TAP; with
 * SHOW_REPORT set, also all rows.
 */
#include "tests/sources/injection.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_NVTX
#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtPayload.h>

static int test_number;

static void has_line(const char *report, const char *line)
{
	size_t length = strlen(line);
	bool is_there = false;
	for (const char *at = report; !is_there && *at != 0; at += strcspn(at, "\n") + 1)
		is_there = strncmp(at, line, length) == 0 && at[length] == '\n';
	printf("%s %d - %s\n", is_there ? "ok" : "not ok", ++test_number, line);
}

static void lacks(const char *report, const char *part, const char *meaning)
{
	printf("%s %d - %s\n", strstr(report, part) == NULL ? "ok" : "not ok", ++test_number,
	       meaning);
}

struct sample {
	uint8_t small;
	double real;
	char text[8];
};

static void payloads_play(nvtxDomainHandle_t domain)
{
	static const nvtxPayloadSchemaEntry_t entries[] = {
		{ .type = NVTX_PAYLOAD_ENTRY_TYPE_UINT8, .name = "small" },
		{ .type = NVTX_PAYLOAD_ENTRY_TYPE_DOUBLE, .name = "real" },
		{ .type = NVTX_PAYLOAD_ENTRY_TYPE_CSTRING,
		  .name = "text",
		  .arrayOrUnionDetail = 8 },
	};
	const nvtxPayloadSchemaAttr_t schema = {
		.fieldMask = NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_TYPE |
			     NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_ENTRIES |
			     NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_NUM_ENTRIES |
			     NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_STATIC_SIZE,
		.type = NVTX_PAYLOAD_SCHEMA_TYPE_STATIC, .entries = entries, .numEntries = 3,
		.payloadStaticSize = sizeof(struct sample),
	};
	const struct sample sample = { 9, 2.5, "words" };
	nvtxPayloadData_t data = { nvtxPayloadSchemaRegister(domain, &schema), sizeof sample,
				   &sample };
	nvtxEventAttributes_t event = {
		.version = NVTX_VERSION, .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
		.messageType = NVTX_MESSAGE_TYPE_ASCII, .message.ascii = "with payload",
		.payloadType = NVTX_PAYLOAD_TYPE_EXT, .reserved0 = 1,
	};
	memcpy(&event.payload.ullValue, &(const void *){ &data }, sizeof(void *));
	nvtxDomainRangePushEx(domain, &event);
	nvtxDomainRangePop(domain);
	event.payloadType = NVTX_PAYLOAD_UNKNOWN;
	event.message.ascii = "payload at pop";
	nvtxDomainRangePushEx(domain, &event);
	nvtxRangePopPayload(domain, &data, 1);
	nvtxRangeId_t range = nvtxDomainRangeStartEx(domain, &event);
	data.size = SIZE_MAX;
	nvtxRangeEndPayload(domain, range, &data, 1);
}

static void headers_play(void)
{
	nvtxDomainHandle_t domain = nvtxDomainCreateA("headers");
	nvtxEventAttributes_t event = {
		.version = NVTX_VERSION, .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE, .category = 3,
		.colorType = NVTX_COLOR_ARGB, .color = 0x80112233,
		.messageType = NVTX_MESSAGE_TYPE_REGISTERED,
		.message.registered = nvtxDomainRegisterStringA(domain, "registered"),
		.payloadType = NVTX_PAYLOAD_TYPE_INT32, .payload.iValue = -12,
	};
	nvtxRangePushA("plain");
	nvtxMarkW(L"w\u00efde");
	nvtxRangePop();
	nvtxDomainNameCategoryA(domain, 3, "third");
	nvtxDomainRangePushEx(domain, &event);
	nvtxDomainRangePop(domain);
	nvtxRangeEnd(nvtxRangeStartA("started"));
	payloads_play(domain);
}

typedef int (*all_reduce)(const void *, void *, size_t, int, int, void *, void *);
typedef int (*send)(const void *, size_t, int, int, void *, void *);
typedef int (*get_unique_id)(void *id);

static bool nccl_play(const char *path)
{
	void *library = path[0] == 0 ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
	all_reduce reduce;
	send give;
	get_unique_id initialise;
	char id[128];
	if (library == NULL)
		return false;
	void *symbol = dlsym(library, "ncclAllReduce");
	memcpy(&reduce, &symbol, sizeof reduce);
	symbol = dlsym(library, "ncclSend");
	memcpy(&give, &symbol, sizeof give);
	symbol = dlsym(library, "ncclGetUniqueId");
	memcpy(&initialise, &symbol, sizeof initialise);
	if (reduce == NULL || give == NULL || initialise == NULL)
		return false;
	/*
	 * NCCL's first initialisation registers its enum of operators; it needs no GPU, but an
	 * interface.
	 */
	setenv("NCCL_SOCKET_IFNAME", "lo", 0);
	(void)initialise(id);
	enum { FLOAT32 = 7, AVG = 4 };
	for (int i = 0; i < 2; i++)
		(void)reduce(NULL, NULL, 1 << 20, FLOAT32, AVG, NULL, NULL);
	(void)give(NULL, 100, FLOAT32, 3, NULL, NULL);
	return true;
}

static void report_check(const char *report, bool has_nccl)
{
	has_line(report, "range |plain||0||kind 1|open 0");
	has_line(report, "range |started||0||kind 2|open 0");
	has_line(report, "mark |w\xc3\xaf" "de||0|");
	has_line(report, "range headers|registered|third|80112233|-12|kind 1|open 0");
	has_line(report,
		 "range headers|with payload||0|{\"small\":9,\"real\":2.5,\"text\":\"words\"}"
		 "|kind 1|open 0");
	has_line(report,
		 "range headers|payload at pop||0|{\"small\":9,\"real\":2.5,\"text\":\"words\"}"
		 "|kind 1|open 0");
	has_line(report,
		 "range headers|payload at pop||0|{\"small\":9,\"real\":2.5,\"text\":\"words\"}"
		 "|kind 2|open 0");
	lacks(report, "loss", "nothing was lost");
	if (!has_nccl) {
		printf("ok %d - real NCCL # SKIP no libnccl.so.2\n", ++test_number);
		return;
	}
	has_line(report,
		 "range NCCL|ncclAllReduce||0|{\"NCCL communicator ID\":\"0x0\","
		 "\"Message size [bytes]\":4194304,\"Reduction operation\":\"Avg\"}|kind 1|open 0");
	has_line(report, "collective AllReduce|bytes 4194304|Avg|peer -1");
	lacks(report, "nccl \n", "the version of NCCL was learned");
	has_line(report, "collective Send|bytes 400||peer 3");
}

static bool injection_path(char *path, size_t size)
{
	static const char name[] = "injection.so";
	ssize_t length = readlink("/proc/self/exe", path, size - sizeof name);
	if (length <= 0)
		return false;
	path[length] = 0;
	memcpy(strrchr(path, '/') + 1, name, sizeof name);
	return setenv("NVTX_INJECTION64_PATH", path, 1) == 0;
}

int main(void)
{
	char path[4096];
	void (*begin)(void);
	const char *(*report_of)(void);
	if (!injection_path(path, sizeof path))
		return 2;
	void *injection = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *begin_symbol = injection == NULL ? NULL : dlsym(injection, "injection_begin");
	void *report_symbol = injection == NULL ? NULL : dlsym(injection, "injection_report");
	if (begin_symbol == NULL || report_symbol == NULL) {
		fprintf(stderr, "real-nvtx: cannot load '%s': %s\n", path, dlerror());
		return 3;
	}
	memcpy(&begin, &begin_symbol, sizeof begin);
	memcpy(&report_of, &report_symbol, sizeof report_of);
	begin();
	headers_play();
	bool has_nccl = nccl_play(LIBNCCL);
	const char *report = report_of();
	report_check(report, has_nccl);
	printf("1..%d\n", test_number);
	if (getenv("SHOW_REPORT") != NULL)
		fputs(report, stderr);
	return 0;
}
#else
int main(void)
{
	puts("1..0 # SKIP no nvtx3 headers");
	return 0;
}
#endif

/* SPDX-License-Identifier: MIT */
/*
 * The NVTX source against NVIDIA's own headers and NCCL's own library, where they are installed.
 * NCCL emits the whole push with payload, and the pop, for a call that it refuses for want of a
 * communicator: no GPU is needed. The injection library lies beside the program; argument 1 is
 * another libnccl than the toolkit's. Prints TAP; with SHOW_REPORT set, also all rows.
 */
#include "tests/real_libraries/nccl_play.h"
#include "tests/sources/injection.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* What libtrace makes of an operation: its payload, and its row. */
static const struct { const char *name, *payload, *collective; } operations[] = {
	{ "ncclAllReduce", "Message size [bytes]\":4004,\"Reduction operation\":\"Avg\"",
	  "AllReduce|bytes 4004|Avg|peer -1" },
	{ "ncclReduceScatter", "Message size [bytes]\":8016,\"Reduction operation\":\"Max\"",
	  "ReduceScatter|bytes 8016|Max|peer -1" },
	{ "ncclAllGather", "Message size [bytes]\":2006", "AllGather|bytes 2006||peer -1" },
	{ "ncclBroadcast", "Message size [bytes]\":2008,\"Root\":5",
	  "Broadcast|bytes 2008||peer 5" },
	{ "ncclBroadcast", "Message size [bytes]\":1005,\"Root\":6",
	  "Broadcast|bytes 1005||peer 6" },
	{ "ncclReduce",
	  "Message size [bytes]\":8048,\"Root\":7,\"Reduction operation\":\"Min\"",
	  "Reduce|bytes 8048|Min|peer 7" },
	{ "ncclSend", "Message size [bytes]\":4028,\"Peer rank\":8", "Send|bytes 4028||peer 8" },
	{ "ncclRecv", "Message size [bytes]\":1008,\"Peer rank\":9", "Recv|bytes 1008||peer 9" },
	/* Since 2.28. */
	{ "ncclAlltoAll", "Message size [bytes]\":4036", "AlltoAll|bytes 4036||peer -1" },
	{ "ncclGather", "Message size [bytes]\":4040,\"Root\":10",
	  "Gather|bytes 4040||peer 10" },
	{ "ncclScatter", "Message size [bytes]\":4044,\"Root\":11",
	  "Scatter|bytes 4044||peer 11" },
};

enum { NCCL_NEW_OPERATIONS = 22800, NCCL_SAYS_COMMUNICATOR = 22501 };

/* Up to 2.24 there is no communicator, and three operations call their bytes just that. */
static void operation_check(const char *report, size_t i, int version)
{
	char line[512];
	bool is_old = version < NCCL_SAYS_COMMUNICATOR;
	const char *payload = operations[i].payload;
	bool has_short_name = is_old && (strstr(operations[i].name, "Broadcast") != NULL ||
		strstr(operations[i].name, "Send") != NULL ||
		strstr(operations[i].name, "Recv") != NULL);
	if (has_short_name)
		payload += strlen("Message size [bytes]");
	(void)snprintf(line, sizeof line, "range NCCL|%s||0|{\"%s%s%s}|kind 1|open 0",
		       operations[i].name,
		       is_old ? "" : "NCCL communicator ID\":\"0x0\",\"",
		       has_short_name ? "Bytes" : "", payload);
	has_line(report, line);
	(void)snprintf(line, sizeof line, "collective %s", operations[i].collective);
	has_line(report, line);
}

/* The NCCL of the argument, or that of the toolkit; its version, 0 without one. */
static int nccl_run(const char *path)
{
	void *library = path[0] == 0 ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int version = 0, (*get_version)(int *) = NULL;
	void *symbol = library == NULL ? NULL : dlsym(library, "ncclGetVersion");
	memcpy(&get_version, &symbol, sizeof symbol);
	if (get_version == NULL || get_version(&version) != 0 || !nccl_play(library, NULL))
		return 0;
	return version;
}

static void report_check(const char *report, int nccl_version)
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
	if (nccl_version == 0) {
		printf("ok %d - real NCCL # SKIP no libnccl.so.2\n", ++test_number);
		return;
	}
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (nccl_version >= NCCL_NEW_OPERATIONS || i < 8)
			operation_check(report, i, nccl_version);
	has_line(report, "range NCCL|ncclGroupStart||0||kind 1|open 0");
	has_line(report, "range NCCL|ncclGroupEnd||0||kind 1|open 0");
	lacks(report, "nccl \n", "the version of NCCL was learned");
}

/* Beside the program, which may have been started through a loader of its own. */
static bool injection_path(char *path, size_t size, const char *program)
{
	static const char name[] = "injection.so";
	if (realpath(program, path) == NULL || strlen(path) + sizeof name > size)
		return false;
	memcpy(strrchr(path, '/') + 1, name, sizeof name);
	return setenv("NVTX_INJECTION64_PATH", path, 1) == 0;
}

int main(int argc, char **argv)
{
	char path[PATH_MAX];
	void (*begin)(void);
	const char *(*report_of)(void);
	if (!injection_path(path, sizeof path, argv[0]))
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
	int version = nccl_run(argc > 1 ? argv[1] : LIBNCCL);
	const char *report = report_of();
	report_check(report, version);
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

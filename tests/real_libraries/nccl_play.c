/* SPDX-License-Identifier: MIT */
#include "tests/real_libraries/nccl_play.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum form {
	FORM_PLAIN,
	FORM_BYTES,
	FORM_REDUCTION,
	FORM_ROOT,
	FORM_ROOT_IN_PLACE,
	FORM_REDUCE,
	FORM_PEER
};

/* Every number is another one, so that none can stand for a different one. */
static const struct {
	const char *name;
	enum form form;
	size_t count;
	int type, number, operator;
} calls[] = {
	{ "ncclGroupStart", FORM_PLAIN, 0, 0, 0, 0 },
	{ "ncclGroupEnd", FORM_PLAIN, 0, 0, 0, 0 },
	{ "ncclAllReduce", FORM_REDUCTION, 1001, 7, 0, 4 },
	{ "ncclReduceScatter", FORM_REDUCTION, 1002, 8, 0, 2 },
	{ "ncclAllGather", FORM_BYTES, 1003, 6, 0, 0 },
	{ "ncclBroadcast", FORM_ROOT, 1004, 9, 5, 0 },
	{ "ncclBcast", FORM_ROOT_IN_PLACE, 1005, 1, 6, 0 },
	{ "ncclReduce", FORM_REDUCE, 1006, 4, 7, 3 },
	{ "ncclSend", FORM_PEER, 1007, 2, 8, 0 },
	{ "ncclRecv", FORM_PEER, 1008, 0, 9, 0 },
	{ "ncclAlltoAll", FORM_BYTES, 1009, 7, 0, 0 },
	{ "ncclGather", FORM_ROOT, 1010, 7, 10, 0 },
	{ "ncclScatter", FORM_ROOT, 1011, 7, 11, 0 },
};

static int call(size_t i, void *symbol)
{
	size_t count = calls[i].count;
	int type = calls[i].type, number = calls[i].number, operator = calls[i].operator;
	union {
		void *symbol;
		int (*plain)(void);
		int (*bytes)(const void *, void *, size_t, int, void *, void *);
		int (*reduction)(const void *, void *, size_t, int, int, void *, void *);
		int (*root)(const void *, void *, size_t, int, int, void *, void *);
		int (*root_in_place)(void *, size_t, int, int, void *, void *);
		int (*reduce)(const void *, void *, size_t, int, int, int, void *, void *);
		int (*peer)(void *, size_t, int, int, void *, void *);
	} function = { .symbol = symbol };
	switch (calls[i].form) {
	case FORM_PLAIN:
		return function.plain();
	case FORM_BYTES:
		return function.bytes(NULL, NULL, count, type, NULL, NULL);
	case FORM_REDUCTION:
		return function.reduction(NULL, NULL, count, type, operator, NULL, NULL);
	case FORM_ROOT:
		return function.root(NULL, NULL, count, type, number, NULL, NULL);
	case FORM_ROOT_IN_PLACE:
		return function.root_in_place(NULL, count, type, number, NULL, NULL);
	case FORM_REDUCE:
		return function.reduce(NULL, NULL, count, type, operator, number, NULL, NULL);
	case FORM_PEER:
		return function.peer(NULL, count, type, number, NULL, NULL);
	}
	return -1;
}

bool nccl_play(void *library, FILE *list)
{
	union { void *symbol; int (*function)(int *); } version = {
		dlsym(library, "ncclGetVersion")
	};
	union { void *symbol; int (*function)(void *); } initialise = {
		dlsym(library, "ncclGetUniqueId")
	};
	int number = 0;
	char id[128];
	if (version.symbol == NULL || initialise.symbol == NULL || version.function(&number) != 0)
		return false;
	/* The first initialisation registers the operators; it needs an interface. */
	setenv("NCCL_SOCKET_IFNAME", "lo", 0);
	int result = initialise.function(id);
	if (list != NULL)
		fprintf(list, "version %d\nncclGetUniqueId %d\n", number, result);
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		void *symbol = dlsym(library, calls[i].name);
		result = symbol == NULL ? -1 : call(i, symbol);
		if (list != NULL && symbol == NULL)
			fprintf(list, "%s missing\n", calls[i].name);
		else if (list != NULL)
			fprintf(list, "%s %d\n", calls[i].name, result);
	}
	return true;
}

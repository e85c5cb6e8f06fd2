/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: event descriptors of NCCL's profiler interface. The first byte says the version; the
 * bytes that follow are the descriptor, as garbage as they come, but for its pointers: those are
 * texts or NULL, for no reader of them could defend itself.
 */
#include "libtrace/nccl_event.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

const char *const fuzz_name = "nccl";

/* Of every version, from the interface. */
static const size_t descriptor_bytes[] = { 0, 120, 128, 120, 104, 112, 112, 136 };

static void pointer_put(struct feed *feed, unsigned char *descriptor, uint8_t offset, char *text)
{
	const char *at = feed_byte(feed) % 8 == 0 ? NULL : feed_text(feed, text);
	if (offset != 0)
		memcpy(descriptor + offset, &at, sizeof at);
}

static void texts_require(const struct nccl_event *event)
{
	fuzz_require(memchr(event->function, 0, sizeof event->function) != NULL, "a function ends");
	fuzz_require(memchr(event->datatype, 0, sizeof event->datatype) != NULL, "a datatype ends");
	fuzz_require(memchr(event->algorithm, 0, sizeof event->algorithm) != NULL,
		     "an algorithm ends");
	fuzz_require(memchr(event->protocol, 0, sizeof event->protocol) != NULL, "a protocol ends");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static char texts[6][FEED_TEXT_BYTES];
	struct feed feed = { bytes, size };
	const struct nccl_abi *abi = &nccl_abis[1 + feed_below(&feed, NCCL_ABI_NEWEST)];
	size_t length = descriptor_bytes[abi->version];
	unsigned char *descriptor = malloc(length); /* a sanitizer sees one byte too many */
	fuzz_require(descriptor != NULL, "memory");
	for (size_t i = 0; i < length; i++)
		descriptor[i] = feed_byte(&feed);
	if (feed_byte(&feed) % 2 == 0) {	/* a type that is asked for */
		uint64_t type = UINT64_C(1) << feed_byte(&feed) % 16;
		memcpy(descriptor, &type, abi->type_bytes);
	}
	enum nccl_kind kind = nccl_event_kind(abi, descriptor);
	fuzz_require(kind < NCCL_KIND_COUNT, "a kind is one of ours");
	const struct nccl_offsets *at = &abi->kinds[kind];
	const uint8_t offsets[] = { at->function, at->datatype, at->algorithm, at->protocol,
				    at->variant, at->name };
	for (size_t i = abi->has_numbers ? 5 : 0; i < sizeof offsets; i++)
		pointer_put(&feed, descriptor, offsets[i], texts[i]);
	if (kind != NCCL_NO_EVENT) {
		struct nccl_event event = { .handle = 1 };
		struct nccl_owner owner = { .rank = -1 };
		nccl_event_decode(&event, abi, kind, descriptor);
		nccl_event_whose(&owner, abi, kind, descriptor);
		texts_require(&event);
		fuzz_require(memchr(owner.name, 0, sizeof owner.name) != NULL, "a name ends");
		fuzz_require(nccl_event_bytes(&event) >= -1, "bytes are known or not");
		(void)nccl_event_is_rewritten(&event);
	}
	free(descriptor);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "viewer-export/collectives.h"

#include <inttypes.h>
#include <stdio.h>

static void add_known(struct export_arguments *arguments, const char *key, int64_t number,
		      int64_t unknown)
{
	if (number != unknown)
		argument_add_integer(arguments, key, number);
}

void collective_set_arguments(const struct collective_set *set, const struct collective_row *row,
			      char hash[20], struct export_arguments *arguments)
{
	const struct { const char *key; int64_t string_id; } texts[] = {
		{ "datatype", row->datatype_id }, { "reduction", row->reduction_id },
		{ "algorithm", row->algorithm_id }, { "protocol", row->protocol_id },
	};
	const struct communicator_row *communicator = collective_set_communicator(
		set, row->communicator_id);
	argument_add_text(arguments, "operation",
			  trace_reader_string(set->reader, row->operation_id));
	add_known(arguments, "bytes", row->bytes, -1);
	add_known(arguments, "count", row->count, -1);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		argument_add_text(arguments, texts[i].key,
				  trace_reader_string(set->reader, texts[i].string_id));
	add_known(arguments, "peer or root", row->peer, -1);
	add_known(arguments, "sequence", row->sequence, -1);
	add_known(arguments, "channels", row->channels, 0);
	if (communicator == NULL)
		return;
	if (communicator->hash != 0) {
		(void)snprintf(hash, 20, "0x%" PRIx64, (uint64_t)communicator->hash);
		argument_add_text(arguments, "communicator", hash);
	}
	argument_add_text(arguments, "group", communicator->name);
	add_known(arguments, "rank", communicator->rank, -1);
	add_known(arguments, "ranks", communicator->rank_count, -1);
}

/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_bubble.h"

#include <stdlib.h>

#include "analyzer/metric_partition.h"
#include "analyzer/ratio.h"

__extension__ typedef __int128 wide;

enum { PARTS_MAX = 1 << 30 };

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b != 0) {
		int64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static struct bubble_share share_reduced(int64_t numerator, int64_t denominator)
{
	int64_t divisor = common_divisor(numerator, denominator);
	return (struct bubble_share){ numerator / divisor, denominator / divisor };
}

bool bubble_predict(struct bubble_share *of_total, struct bubble_share *of_ideal, int64_t stages,
		    int64_t micro_batches, int64_t interleave)
{
	if (stages < 1 || micro_batches < 1 || interleave < 1 || stages > PARTS_MAX ||
	    micro_batches > PARTS_MAX || interleave > PARTS_MAX)
		return false;
	/* In units of one chunk of one micro-batch: the ramp is stages - 1, the work v m. */
	int64_t ramp = stages - 1, work = micro_batches * interleave;
	*of_total = share_reduced(ramp, work + ramp);
	*of_ideal = share_reduced(ramp, work);
	return true;
}

static int64_t idle_e12(wide busy, wide all)
{
	wide idle = busy < all ? all - busy : 0;
	return (int64_t)((idle * 2 * RATIO_ONE + all) / (all * 2));
}

struct bubble bubble_measure(int64_t *of_stage_e12, const int64_t *compute_ns, size_t stage_count,
			     int64_t window_ns, const struct bubble_share *predicted_of_total)
{
	struct bubble bubble = { .imbalance_e12 = -1 };
	wide sum = 0, most = 0;
	bubble.predicted_e12 = ratio_e12(predicted_of_total->numerator,
					 predicted_of_total->denominator);
	if (stage_count == 0 || stage_count > PARTS_MAX || window_ns <= 0)
		return bubble;
	for (size_t i = 0; i < stage_count; i++) {
		of_stage_e12[i] = idle_e12(compute_ns[i], window_ns);
		sum += compute_ns[i];
		most = compute_ns[i] > most ? compute_ns[i] : most;
	}
	bubble.measured_e12 = idle_e12(sum, (wide)window_ns * (wide)stage_count);
	bubble.excess_e12 = bubble.measured_e12 - bubble.predicted_e12;
	if (most > 0)
		bubble.imbalance_e12 = idle_e12(sum, most * (wide)stage_count);
	return bubble;
}

/* A link joins two ranks and carries sends in both directions. */
enum { NEIGHBOURS_MAX = 2 };

struct peer_node {
	size_t degree;
	size_t neighbour[NEIGHBOURS_MAX];
	int64_t sent[NEIGHBOURS_MAX];	/* to that neighbour */
};

struct peer_graph {
	struct peer_node *nodes;
	size_t rank_count;
};

static bool link_add(struct peer_node *node, size_t peer, int64_t count)
{
	for (size_t i = 0; i < node->degree; i++) {
		if (node->neighbour[i] == peer) {
			node->sent[i] = add_saturated(node->sent[i], count);
			return true;
		}
	}
	if (node->degree == NEIGHBOURS_MAX)
		return false;
	node->neighbour[node->degree] = peer;
	node->sent[node->degree++] = count;
	return true;
}

static const char *graph_build(struct peer_graph *graph, const struct peer_sends *sends,
			       size_t send_count)
{
	for (size_t i = 0; i < send_count; i++) {
		const struct peer_sends *send = &sends[i];
		if (send->count <= 0 || send->rank == send->peer)
			continue;
		if (send->rank >= graph->rank_count || send->peer >= graph->rank_count)
			return "a peer is not among the ranks";
		if (!link_add(&graph->nodes[send->rank], send->peer, send->count) ||
		    !link_add(&graph->nodes[send->peer], send->rank, 0))
			return "a rank exchanges data with more than two others";
	}
	return NULL;
}

/* What a link carries: both directions alike, or one of them only (no backward pass); else -1. */
static int64_t link_sends(const struct peer_graph *graph, size_t rank, size_t which)
{
	const struct peer_node *node = &graph->nodes[rank];
	const struct peer_node *other = &graph->nodes[node->neighbour[which]];
	size_t back = other->neighbour[0] == rank ? 0 : 1;
	int64_t there = node->sent[which], here = other->sent[back];
	return there == here || here == 0 ? there : there == 0 ? here : -1;
}

static void link_cut(struct peer_node *node, size_t peer)
{
	size_t which = node->neighbour[0] == peer ? 0 : 1;
	node->neighbour[which] = node->neighbour[NEIGHBOURS_MAX - 1];
	node->sent[which] = node->sent[NEIGHBOURS_MAX - 1];
	node->degree--;
}

/* Cuts the one link of the ring through `first` that carries less than all others. */
static bool ring_open(struct peer_graph *graph, size_t first, int64_t *closing)
{
	size_t from = first, at = graph->nodes[first].neighbour[0], which = 0;
	size_t cut_from = from, cut_to = at, lesser = 0;
	int64_t most = link_sends(graph, from, which), least = most;
	/* Twice around: first the extremes, then how many links are below the most. */
	for (int round = 0; round < 2; round++) {
		do {
			int64_t carried = link_sends(graph, from, which);
			most = carried > most ? carried : most;
			if (carried < least || (round == 1 && carried == least)) {
				least = carried;
				cut_from = from;
				cut_to = graph->nodes[from].neighbour[which];
			}
			lesser += round == 1 && carried < most;
			at = graph->nodes[from].neighbour[which];
			which = graph->nodes[at].neighbour[0] == from ? 1 : 0;
			from = at;
		} while (from != first);
	}
	if (lesser != 1 || least < 1)
		return false;
	*closing = least;
	link_cut(&graph->nodes[cut_from], cut_to);
	link_cut(&graph->nodes[cut_to], cut_from);
	return true;
}

/* Numbers the chain from its end `first`; its length, or 0 where links differ from `*carried`. */
static int64_t chain_number(const struct peer_graph *graph, int64_t *stage, size_t first,
			    int64_t *carried)
{
	size_t before = first, at = first;
	int64_t length = 0;
	for (;;) {
		const struct peer_node *node = &graph->nodes[at];
		stage[at] = length++;
		size_t which = node->neighbour[0] == before && length > 1 ? 1 : 0;
		if (which >= node->degree)
			return length;
		int64_t sends = link_sends(graph, at, which);
		if (*carried == 0)
			*carried = sends;
		if (sends != *carried || sends < 1)
			return 0;
		before = at;
		at = node->neighbour[which];
	}
}

static const char *chains_number(struct pipeline *pipeline, int64_t *stage,
				 const struct peer_graph *graph, int64_t *carried)
{
	for (size_t rank = 0; rank < graph->rank_count; rank++) {
		if (graph->nodes[rank].degree != 1 || stage[rank] >= 0)
			continue;
		int64_t length = chain_number(graph, stage, rank, carried);
		if (length == 0)
			return "links carry different numbers of sends";
		if (pipeline->pipelines++ > 0 && length != pipeline->stages)
			return "chains have different lengths";
		pipeline->stages = length;
	}
	return pipeline->pipelines == 0 ? "no rank sends to another" : NULL;
}

/* A ring is a component without ends: what no walk from an end has reached. */
static const char *rings_open(struct peer_graph *graph, int64_t *closing)
{
	int64_t any = 0;
	for (size_t rank = 0; rank < graph->rank_count; rank++) {
		size_t before = rank, at = rank;
		while (graph->nodes[at].degree == 2 && (at != rank || before == rank)) {
			size_t which = graph->nodes[at].neighbour[0] == before ? 1 : 0;
			before = at;
			at = graph->nodes[at].neighbour[which];
		}
		if (graph->nodes[at].degree != 2)
			continue;
		if (!ring_open(graph, rank, &any) || (*closing != 0 && *closing != any))
			return "the ranks form a ring";
		*closing = any;
	}
	return NULL;
}

static const char *pipeline_find(struct pipeline *pipeline, int64_t *stage,
				 struct peer_graph *graph, const struct peer_sends *sends,
				 size_t send_count)
{
	int64_t carried = 0, closing = 0;
	const char *reason = graph_build(graph, sends, send_count);
	if (reason == NULL)
		reason = rings_open(graph, &closing);
	if (reason == NULL)
		reason = chains_number(pipeline, stage, graph, &carried);
	if (reason != NULL)
		return reason;
	pipeline->micro_batches = carried - closing;
	if (pipeline->micro_batches < 1 || carried % pipeline->micro_batches != 0)
		return "the closing link of the ring does not fit an interleaved schedule";
	pipeline->interleave = carried / pipeline->micro_batches;
	return NULL;
}

bool pipeline_detect(struct pipeline *pipeline, int64_t *stage, size_t rank_count,
		     const struct peer_sends *sends, size_t send_count, struct error *error)
{
	struct peer_graph graph = { .rank_count = rank_count };
	graph.nodes = calloc(rank_count == 0 ? 1 : rank_count, sizeof *graph.nodes);
	if (graph.nodes == NULL)
		return fail(error, ERROR_SYSTEM, "not enough memory for %zu ranks", rank_count);
	for (size_t rank = 0; rank < rank_count; rank++)
		stage[rank] = -1;
	*pipeline = (struct pipeline){ .is_known = false };
	pipeline->reason = pipeline_find(pipeline, stage, &graph, sends, send_count);
	pipeline->is_known = pipeline->reason == NULL;
	for (size_t rank = 0; rank < rank_count && !pipeline->is_known; rank++)
		stage[rank] = -1;
	free(graph.nodes);
	return true;
}

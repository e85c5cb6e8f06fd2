// SPDX-License-Identifier: MIT
// The slices of a track: start, label and the sum of all durations up to and with each, in blocks as they come in the
// data. A block holds what is above its base, mostly in 4 bytes: memory that is never touched costs nothing.

const BLOCK = 8192;		// HTML_BLOCK_SLICES_MAX
const BITS = 13;
const scratch = { starts: new Float64Array(BLOCK), durations: new Float64Array(BLOCK),
	labels: new Float64Array(BLOCK) };

function packed(values, count, base, most) {
	const made = most - base < 4294967296 ? new Uint32Array(count) : new Float64Array(count);
	for (let i = 0; i < count; i++)
		made[i] = values[i] - base;
	return made;
}

class Slices {
	constructor() {
		this.count = 0;
		this.rows = 0;
		this.first = Uint32Array.of(0, 0);	// by row, and the end
		this.came = null;			// where each stood in the data; null: where it stands
		this.isFlat = true;			// by start, without overlap
		this.end = -Infinity;
		this.total = 0;
		this.starts = [];
		this.startBases = [];
		this.sums = [];
		this.sumBases = [];
		this.labels = [];
	}

	start(i) {
		return this.startBases[i >>> BITS] + this.starts[i >>> BITS][i & BLOCK - 1];
	}

	// Of the durations of all before `i`.
	sum(i) {
		return i === 0 ? 0 : this.sumBases[i - 1 >>> BITS] + this.sums[i - 1 >>> BITS][i - 1 & BLOCK - 1];
	}

	duration(i) {
		return this.sum(i + 1) - this.sum(i);
	}

	label(i) {
		return this.labels[i >>> BITS][i & BLOCK - 1];
	}

	// The next block, from LEB128 columns: gaps, durations, labels.
	decode(bytes, columns, count) {
		const { starts, durations, labels } = scratch;
		if (count > BLOCK || this.count % BLOCK !== 0)
			throw new Error('a block of its data is none');
		decodeNumbers(bytes, columns[0], count, starts);
		decodeNumbers(bytes, columns[1], count, durations);
		decodeNumbers(bytes, columns[2], count, labels);
		let before = 0;
		let label = 0;
		for (let i = 0; i < count; i++) {
			starts[i] = before + signed(starts[i]);
			before = starts[i] + durations[i];
			labels[i] = label += signed(labels[i]);
		}
		this.append(count);
	}

	// What stands in `scratch`.
	append(count) {
		const { starts, durations, labels } = scratch;
		let least = starts[0];
		let most = starts[0];
		let label = 0;
		const base = this.total;
		for (let i = 0; i < count; i++) {
			const start = starts[i];
			if (start < this.end)
				this.isFlat = false;
			if (start < least)
				least = start;
			if (start > most)
				most = start;
			if (labels[i] > label)
				label = labels[i];
			this.end = start + durations[i];
			durations[i] = this.total += durations[i];
		}
		this.startBases.push(least);
		this.starts.push(packed(starts, count, least, most));
		this.sumBases.push(base);
		this.sums.push(packed(durations, count, base, this.total));
		const numbers = label < 65536 ? new Uint16Array(count) : new Uint32Array(count);
		for (let i = 0; i < count; i++)
			numbers[i] = labels[i];
		this.labels.push(numbers);
		this.count += count;
	}

	// To rows: by depth, then by start.
	finish() {
		this.rows = this.count > 0 ? 1 : 0;
		this.first = Uint32Array.of(0, this.count);
		return this.isFlat ? this : nestRows(this);
	}
}

// All starts and durations, block by block: asking for each costs several times as much.
function columnsOf(slices) {
	const starts = new Float64Array(slices.count);
	const durations = new Float64Array(slices.count);
	for (let number = 0, at = 0; number < slices.starts.length; number++) {
		const [startBase, sumBase] = [slices.startBases[number], slices.sumBases[number]];
		const [ownStarts, ownSums] = [slices.starts[number], slices.sums[number]];
		for (let i = 0, before = 0; i < ownStarts.length; i++, at++) {
			starts[at] = startBase + ownStarts[i];
			// As sum(i + 1) - sum(i): the same number, to the last bit.
			const sum = sumBase + ownSums[i];
			durations[at] = sum - (i === 0 ? sumBase : before);
			before = sum;
		}
	}
	return [starts, durations];
}

// Of slices by start: how deep each stands, and how many rows that makes.
function depthsOf(starts, durations, order) {
	const depths = new Uint16Array(starts.length);
	const ends = [0];
	let depth = 0;
	let rows = 1;
	for (let i = 0; i < starts.length; i++) {
		const at = order ? order[i] : i;
		while (depth > 0 && ends[depth - 1] <= starts[at])
			depth--;
		depths[i] = depth;
		ends[depth++] = starts[at] + durations[at];
		if (depth > rows)
			rows = depth;
	}
	return [depths, rows];
}

// Where the slices stood, in the order of rows; and where each row begins.
function rowOrder(depths, rows, byStart) {
	const first = new Uint32Array(rows + 1);
	for (let i = 0; i < depths.length; i++)
		first[depths[i] + 1]++;
	for (let row = 0; row < rows; row++)
		first[row + 1] += first[row];
	if (rows === 1)
		return [byStart, first];
	const next = first.slice();
	const order = new Uint32Array(depths.length);
	for (let i = 0; i < depths.length; i++)
		order[next[depths[i]]++] = byStart ? byStart[i] : i;
	return [order, first];
}

function nestRows(slices) {
	const [starts, durations] = columnsOf(slices);
	const byStart = orderOf(starts);
	const [depths, rows] = depthsOf(starts, durations, byStart);
	const [order, first] = rowOrder(depths, rows, byStart);
	if (!order)
		return slices;
	const made = new Slices();
	for (let begin = 0; begin < slices.count; begin += BLOCK) {
		const count = Math.min(BLOCK, slices.count - begin);
		for (let i = 0; i < count; i++) {
			const at = order[begin + i];
			scratch.starts[i] = starts[at];
			scratch.durations[i] = durations[at];
			scratch.labels[i] = slices.labels[at >>> BITS][at & BLOCK - 1];
		}
		made.append(count);
	}
	return Object.assign(made, { first, rows, came: order });
}

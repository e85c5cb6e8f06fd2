// SPDX-License-Identifier: MIT
// From the text of the data elements to columns. The other side is viewer-export/html_pack.h and html_block.h.

const RECORD = { END: 0, HEAD: 1, PROCESS: 2, TRACK: 3, LABEL: 4, STRING: 5, SHAPE: 6, SLICES: 7, INSTANTS: 8,
	COUNTER: 9, SAMPLES: 10, FLOWS: 11, ANALYSIS: 12, SUMMARY: 13, GRID: 14, CELLS: 15 };
const COLUMNS = 6;
const ARGUMENT = { INTEGER: 0, THOUSANDTHS: 1, TRIPLE: 2, TEXT: 3 };

class Reader {
	constructor(bytes, at = 0, end = bytes.length) {
		this.bytes = bytes;
		this.at = at;
		this.end = end;
	}

	// As a number: exact up to 2^53.
	varint() {
		const { bytes } = this;
		let byte = bytes[this.at++];
		if (byte < 128)
			return byte;
		let low = byte & 127;
		let shift = 7;
		while (shift < 28) {
			byte = bytes[this.at++];
			low |= (byte & 127) << shift;
			if (byte < 128)
				return low;
			shift += 7;
		}
		let scale = 268435456;
		let sum = low;
		do {
			byte = bytes[this.at++];
			sum += (byte & 127) * scale;
			scale *= 128;
		} while (byte >= 128);
		return sum;
	}

	zigzag() {
		return signed(this.varint());
	}

	// Exact for all 64 bits.
	bigZigzag() {
		let value = 0n;
		let shift = 0n;
		let byte;
		do {
			byte = this.bytes[this.at++];
			value |= BigInt(byte & 127) << shift;
			shift += 7n;
		} while (byte >= 128);
		return value & 1n ? -((value + 1n) >> 1n) : value >> 1n;
	}
}

// Records out of parts of bytes, cut anywhere: take(type, bytes, from, to) for each. The bytes are used again after it.
class RecordStream {
	constructor(take) {
		this.take = take;
		this.bytes = new Uint8Array(1 << 20);
		this.filled = 0;
		this.needed = 0;	// for the next record
		this.isEnded = false;
	}

	push(part) {
		if (this.filled + part.length > this.bytes.length) {
			const more = new Uint8Array(Math.max(2 * this.bytes.length, this.filled + part.length));
			more.set(this.bytes.subarray(0, this.filled));
			this.bytes = more;
		}
		this.bytes.set(part, this.filled);
		this.filled += part.length;
		if (this.filled >= this.needed)
			this.cut();
	}

	cut() {
		const reader = new Reader(this.bytes);
		let begin = 0;
		this.needed = 0;
		while (begin < this.filled && !this.isEnded) {
			reader.at = begin;
			const type = reader.varint();
			const size = reader.varint();
			const from = reader.at;
			if (from > this.filled || from + size > this.filled) {
				this.needed = Math.max(from + size, this.filled + 1) - begin;
				break;
			}
			this.isEnded = type === RECORD.END;
			this.take(type, this.bytes, from, from + size);
			begin = from + size;
		}
		this.bytes.copyWithin(0, begin, this.filled);
		this.filled -= begin;
	}
}

// `count` LEB128 numbers to `out`: most have a byte or two.
function decodeNumbers(bytes, at, count, out) {
	for (let i = 0; i < count; i++) {
		let byte = bytes[at++];
		let low = byte & 127;
		if (byte >= 128) {
			byte = bytes[at++];
			low |= (byte & 127) << 7;
			if (byte >= 128) {
				byte = bytes[at++];
				low |= (byte & 127) << 14;
				if (byte >= 128) {
					byte = bytes[at++];
					low += (byte & 127) * 2097152;
					for (let scale = 268435456; byte >= 128; scale *= 128) {
						byte = bytes[at++];
						low += (byte & 127) * scale;
					}
				}
			}
		}
		out[i] = low;
	}
}

function signed(value) {
	if (value <= 0x7fffffff)
		return (value >>> 1) ^ -(value & 1);
	return value % 2 ? -(value + 1) / 2 : value / 2;
}

// Where the ascending runs of `values` begin, and the end.
function runsOf(values) {
	const runs = [0];
	for (let i = 1; i < values.length; i++)
		if (values[i - 1] > values[i])
			runs.push(i);
	runs.push(values.length);
	return runs;
}

function mergeRuns(values, from, low, middle, high, to) {
	let [a, b] = [low, middle];
	for (let i = low; i < high; i++)
		to[i] = b >= high || a < middle && values[from[a]] <= values[from[b]] ? from[a++] : from[b++];
}

// Stable order of numbers: null where they are in order already. They come as a few long runs (a table each) or with
// neighbours out of place, so runs are merged.
function orderOf(values) {
	let runs = runsOf(values);
	if (runs.length <= 2)
		return null;
	let from = new Uint32Array(values.length);
	let to = new Uint32Array(values.length);
	for (let i = 0; i < from.length; i++)
		from[i] = i;
	while (runs.length > 2) {
		const merged = [0];
		for (let i = 0; i + 1 < runs.length; i += 2) {
			const high = runs[Math.min(i + 2, runs.length - 1)];
			mergeRuns(values, from, runs[i], runs[i + 1], high, to);
			merged.push(high);
		}
		[from, to, runs] = [to, from, merged];
	}
	return from;
}

function inOrder(values, order) {
	if (!order)
		return values;
	const made = new values.constructor(order.length);
	for (let i = 0; i < order.length; i++)
		made[i] = values[order[i]];
	return made;
}


// SPDX-License-Identifier: MIT
// From the text of the data elements to columns. The other side is viewer-export/html_pack.h and html_block.h.

const RECORD = { END: 0, HEAD: 1, PROCESS: 2, TRACK: 3, LABEL: 4, STRING: 5, SHAPE: 6, SLICES: 7, INSTANTS: 8,
	COUNTER: 9, SAMPLES: 10, FLOWS: 11, ANALYSIS: 12, SUMMARY: 13 };
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
		const value = this.varint();
		if (value <= 0x7fffffff)
			return (value >>> 1) ^ -(value & 1);
		return value % 2 ? -(value + 1) / 2 : value / 2;
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

function base64Bytes(text) {
	if (Uint8Array.fromBase64)
		return Uint8Array.fromBase64(text);
	const binary = atob(text);
	const bytes = new Uint8Array(binary.length);
	for (let i = 0; i < binary.length; i++)
		bytes[i] = binary.charCodeAt(i);
	return bytes;
}

// All data elements as one stream of bytes; the elements go, to free their text.
async function unpackData(progress) {
	const elements = [...document.querySelectorAll('script[type="application/x-trace"]')];
	const inflate = new DecompressionStream('deflate');
	const parts = [];
	const reading = (async () => {
		const reader = inflate.readable.getReader();
		for (let part = await reader.read(); !part.done; part = await reader.read())
			parts.push(part.value);
	})();
	const writer = inflate.writable.getWriter();
	for (let i = 0; i < elements.length; i++) {
		await writer.write(base64Bytes(elements[i].textContent));
		elements[i].remove();
		progress(0.5 * (i + 1) / elements.length, 'unpacking');
	}
	await writer.close();
	await reading;
	const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	while (parts.length > 0) {
		const part = parts.shift();
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}

// Stable order of `count` numbers: null where they are in order already.
function orderOf(values, count) {
	let sorted = true;
	for (let i = 1; i < count && sorted; i++)
		sorted = values[i - 1] <= values[i];
	if (sorted)
		return null;
	const order = new Uint32Array(count);
	for (let i = 0; i < count; i++)
		order[i] = i;
	// Mostly a few stand out of order: moving those is cheap, and a sort is for the others.
	let moves = 16 * count;
	for (let i = 1; i < count && moves > 0; i++) {
		const value = values[order[i]];
		const index = order[i];
		let j = i;
		for (; j > 0 && values[order[j - 1]] > value; j--, moves--)
			order[j] = order[j - 1];
		order[j] = index;
	}
	return moves > 0 ? order : order.sort((a, b) => values[a] - values[b] || a - b);
}

// Slices of a track as they came, to rows: by depth, then by start. `sums` are of durations before each.
function layRows(starts, durations, labels, count) {
	const order = orderOf(starts, count);
	const depths = new Uint16Array(count);
	const ends = [];
	let depth = 0;
	let rows = count > 0 ? 1 : 0;
	for (let i = 0; i < count; i++) {
		const at = order ? order[i] : i;
		while (depth > 0 && ends[depth - 1] <= starts[at])
			depth--;
		depths[i] = depth;
		ends[depth++] = starts[at] + durations[at];
		if (depth > rows)
			rows = depth;
	}
	const first = new Uint32Array(rows + 1);
	for (let i = 0; i < count; i++)
		first[depths[i] + 1]++;
	for (let row = 0; row < rows; row++)
		first[row + 1] += first[row];
	const made = { first, rows, count, starts, labels, sums: new Float64Array(count + 1), came: null };
	if (order || rows > 1) {
		const next = first.slice();
		made.came = new Uint32Array(count);
		made.starts = new Float64Array(count);
		made.labels = new Uint32Array(count);
		for (let i = 0; i < count; i++) {
			const at = order ? order[i] : i;
			const to = next[depths[i]]++;
			made.came[to] = at;
			made.starts[to] = starts[at];
			made.labels[to] = labels[at];
		}
	}
	for (let i = 0, sum = 0; i < count; i++)
		made.sums[i + 1] = sum += durations[made.came ? made.came[i] : i];
	return made;
}

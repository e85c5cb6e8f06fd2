// SPDX-License-Identifier: MIT
// The traces that stand in the page itself: typed arrays, no object for a slice. What a slice has of its own stays
// packed in its block until it is asked for.

class EmbeddedSource {
	constructor() {
		this.onChange = null;
		this.hint = "no analysis: 'laggard analyze' beside the traces, then export again, adds findings";
		this.isWhole = true;
		this.hasMore = false;		// than what a search counted
		this.head = null;
		this.analysis = null;
		this.summary = {};
		this.processes = [];
		this.tracks = [];
		this.counters = [];
		this.labels = [];
		this.strings = [];
		this.shapes = [];
		this.flowList = [];
		this.byId = new Map();
		this.start = 0;
		this.end = 1;
	}

	async load() {
		const decoder = new TextDecoder();
		const records = new RecordStream((type, bytes, from, to) => this.take(type, bytes, from, to, decoder));
		await unpackData((part) => records.push(part));
		if (!records.isEnded)
			throw new Error('its data ends early');
		this.finish();
		this.measure();
	}

	take(type, bytes, from, to, decoder) {
		if (type === RECORD.SLICES || type === RECORD.INSTANTS)
			this.addBlock(new Reader(bytes, from), type);
		else if (type === RECORD.SAMPLES)
			this.addSamples(new Reader(bytes, from));
		else if (type === RECORD.FLOWS)
			this.addFlows(new Reader(bytes, from));
		else if (to > from)
			this.describeRecord(type, JSON.parse(decoder.decode(bytes.subarray(from, to))));
	}

	describeRecord(type, told) {
		const lists = { [RECORD.PROCESS]: this.processes, [RECORD.LABEL]: this.labels,
			[RECORD.STRING]: this.strings, [RECORD.SHAPE]: this.shapes };
		if (lists[type])
			lists[type].push(told);
		else if (type === RECORD.HEAD)
			this.head = told;
		else if (type === RECORD.TRACK)
			this.addTrack(told);
		else if (type === RECORD.COUNTER)
			this.counters.push({ ...told, blocks: [], count: 0 });
		else if (type === RECORD.ANALYSIS)
			this.analysis = told;
		else if (type === RECORD.SUMMARY)
			this.summary = told;
	}

	finish() {
		for (const track of this.tracks)
			this.finishTrack(track);
		this.tracks.sort((a, b) => a.order - b.order);
		this.processes.sort((a, b) => a.order - b.order);
		for (const counter of this.counters)
			this.finishCounter(counter);
	}

	addTrack(track) {
		Object.assign(track, { blocks: [], marks: [], count: 0, rows: 0, data: new Slices(),
			points: new Slices() });
		this.tracks.push(track);
		this.byId.set(track.id, track);
	}

	// What all need is decoded at once; what a slice has of its own is copied as it is.
	addBlock(reader, type) {
		const track = this.byId.get(reader.varint());
		const block = { count: reader.varint(), before: reader.varint(), low: reader.zigzag(),
			high: reader.zigzag() };
		const sizes = [];
		for (let i = 0; i < COLUMNS; i++)
			sizes.push(reader.varint());
		const columns = [];
		let at = reader.at;
		for (const size of sizes) {
			columns.push(at);
			at += size;
		}
		(type === RECORD.SLICES ? track.data : track.points).decode(reader.bytes, columns, block.count);
		block.bytes = reader.bytes.slice(columns[3], at);
		block.columns = [0, columns[4] - columns[3], columns[5] - columns[3]];
		(type === RECORD.SLICES ? track.blocks : track.marks).push(block);
	}

	finishTrack(track) {
		track.data = track.data.finish();
		track.rows = track.data.rows;
		track.count = track.data.count;
		const { points } = track;
		const [starts] = columnsOf(points);
		const labels = starts.map((_, i) => points.label(i));
		const order = orderOf(starts);
		track.points = { times: inOrder(starts, order), labels: inOrder(labels, order), order };
	}

	addSamples(reader) {
		const counter = this.counters[reader.varint()];
		const count = reader.varint();
		const times = new Float64Array(count);
		const values = new Float64Array(count);
		for (let i = 0, time = 0; i < count; i++)
			times[i] = time += reader.zigzag();
		for (let i = 0, value = 0; i < count; i++)
			values[i] = value += reader.zigzag();
		counter.blocks.push({ times, values });
		counter.count += count;
	}

	finishCounter(counter) {
		const times = new Float64Array(counter.count);
		const values = new Float64Array(counter.count);
		let at = 0;
		for (const block of counter.blocks) {
			times.set(block.times, at);
			values.set(block.values, at);
			at += block.times.length;
		}
		const order = orderOf(times);
		counter.times = inOrder(times, order);
		counter.values = inOrder(values, order);
		counter.isConstant = counter.values.every((value) => value === counter.values[0]);
		counter.peaks = peaksOf(counter.values);
		counter.minimum = values.reduce((least, value) => Math.min(least, value), 0);
		counter.maximum = counter.peaks.reduce((most, value) => Math.max(most, value), 0);
		counter.blocks = null;
	}

	addFlows(reader) {
		const count = reader.varint();
		for (let i = 0, time = 0; i < count; i++) {
			const kind = reader.varint() === 0 ? 'launch' : 'collective';
			const from = reader.varint();
			time += reader.zigzag();
			const to = reader.varint();
			this.flowList.push({ kind, from, fromTime: time, to, toTime: time + reader.zigzag() });
		}
	}

	measure() {
		let start = Infinity;
		let end = -Infinity;
		for (const { data, points, kind } of this.tracks) {
			if (kind === 'findings')
				continue;
			if (data.count > 0) {
				const last = data.first[1] - 1;
				start = Math.min(start, data.start(0));
				end = Math.max(end, data.start(last) + data.duration(last));
			}
			if (points.times.length > 0) {
				start = Math.min(start, points.times[0]);
				end = Math.max(end, points.times[points.times.length - 1]);
			}
		}
		this.start = start <= end ? start : 0;
		this.end = Math.max(end, this.start + 1);
	}

	label(number) {
		return this.labels[number];
	}

	// First slice of the row, in [low, high), that begins after `time`.
	after(data, low, high, time) {
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (data.start(middle) <= time)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}

	// From `low` on in growing steps: the next pixel is mostly near.
	gallop(data, low, high, time) {
		let step = 1;
		while (low + step < high && data.start(low + step) < time)
			step *= 2;
		let [a, b] = [low + (step >>> 1), Math.min(low + step, high)];
		while (a < b) {
			const middle = (a + b) >>> 1;
			if (data.start(middle) < time)
				a = middle + 1;
			else
				b = middle;
		}
		return a;
	}

	// ns covered in the row before `time`, where slice `next` is the first that begins after it.
	covered(data, first, next, time) {
		if (next === first)
			return data.sum(first);
		return data.sum(next - 1) + Math.min(data.duration(next - 1), time - data.start(next - 1));
	}

	busy(track, row, from, to) {
		const { data } = this.byId.get(track);
		if (row >= data.rows)
			return 0;
		const [first, last] = [data.first[row], data.first[row + 1]];
		return this.covered(data, first, this.after(data, first, last, to), to) -
			this.covered(data, first, this.after(data, first, last, from), from);
	}

	paint(track, row, from, to, pixels, sink) {
		const { data } = this.byId.get(track);
		if (row >= data.rows)
			return;
		const [first, last] = [data.first[row], data.first[row + 1]];
		const wide = (to - from) / pixels;
		let i = Math.max(first, this.after(data, first, last, from) - 1);
		while (i < last) {
			const start = data.start(i);
			if (start >= to)
				break;
			const length = data.duration(i);
			if (length >= wide || start < from) {
				if (start + length > from)
					sink(Math.max((start - from) / wide, 0), (start + length - from) / wide, 1,
						data.label(i), i);
				i++;
				continue;
			}
			const pixel = Math.floor((start - from) / wide);
			const next = Math.max(this.gallop(data, i, last, from + (pixel + 1) * wide), i + 1);
			this.paintPixel(data, first, i, next, from + pixel * wide, wide, pixel, sink);
			// One that begins here and goes on over a pixel or more is drawn itself.
			i = next;
			const rest = data.duration(next - 1);
			const late = data.start(next - 1);
			if (rest >= wide)
				sink((late - from) / wide, (late + rest - from) / wide, 1, data.label(next - 1),
					next - 1);
		}
	}

	paintPixel(data, first, i, next, begin, wide, pixel, sink) {
		let before = i;
		while (before > first && data.start(before - 1) > begin)
			before--;
		const busy = this.covered(data, first, next, begin + wide) - this.covered(data, first, before, begin);
		const stride = Math.max(1, (next - i) >> 4);
		let best = i;
		for (let at = i; at < next; at += stride)
			if (data.duration(at) > data.duration(best))
				best = at;
		sink(pixel, pixel + 1, Math.min(busy / wide, 1), data.label(best), next - i === 1 ? i : -1);
	}

	at(track, row, time, slack) {
		const { data } = this.byId.get(track);
		if (row >= data.rows)
			return -1;
		const [first, last] = [data.first[row], data.first[row + 1]];
		const next = this.after(data, first, last, time);
		const reach = (i) => data.start(i) + data.duration(i);
		if (next > first && reach(next - 1) > time)
			return next - 1;
		const left = next > first ? time - reach(next - 1) : Infinity;
		const right = next < last ? data.start(next) - time : Infinity;
		if (Math.min(left, right) > slack)
			return -1;
		return left <= right ? next - 1 : next;
	}

	rowOf(data, index) {
		let row = 0;
		while (data.first[row + 1] <= index)
			row++;
		return row;
	}

	// What a block's slices have of their own: visit(number in the block, arguments, track of its launch).
	readBlock(block, visit) {
		const [shape, flow, values] = block.columns.map((from) => new Reader(block.bytes, from));
		const last = new Map();
		const next = (key) => {
			const value = (last.get(key) || 0n) + values.bigZigzag();
			last.set(key, BigInt.asIntN(64, value));
			return last.get(key);
		};
		for (let i = 0; i < block.count; i++) {
			const own = [];
			for (const [name, type, key] of this.shapes[shape.varint()]) {
				const value = next(key);
				if (type === ARGUMENT.TRIPLE)
					own.push([name, [value, next(key), next(key)].map(String)]);
				else if (type === ARGUMENT.TEXT)
					own.push([name, this.strings[Number(value)]]);
				else if (type === ARGUMENT.THOUSANDTHS)
					own.push([name, thousandths(value)]);
				else
					own.push([name, String(value)]);
			}
			if (visit(i, own, flow.varint()) === false)
				return;
		}
	}

	ownOf(blocks, came) {
		let found = [[], 0];
		const block = blocks.find(({ before, count }) => came < before + count);
		this.readBlock(block, (i, own, flow) => {
			found = [own, flow];
			return block.before + i !== came;
		});
		return found;
	}

	describe(track, start, duration, label, own) {
		const { name, category, arguments: shared } = this.labels[label];
		const arguments_ = [...shared, ...track.arguments, ...own];
		return { track: track.id, start, duration, label, name, category, arguments: arguments_ };
	}

	slice(id, index) {
		const track = this.byId.get(id);
		const { data } = track;
		const [own] = this.ownOf(track.blocks, data.came ? data.came[index] : index);
		const made = this.describe(track, data.start(index), data.duration(index), data.label(index), own);
		return { ...made, index, row: this.rowOf(data, index) };
	}

	// What is known of a slice without asking anybody: here all.
	brief(id, index) {
		return this.slice(id, index);
	}

	know() {}

	// From the address; undefined: there is none.
	indexOf(id, text, isInstant) {
		const most = isInstant ? this.instants(id).times.length : this.byId.get(id).count;
		return /^\d+$/.test(text) && Number(text) < most ? Number(text) : undefined;
	}

	instants(id) {
		return this.byId.get(id).points;
	}

	instant(id, index) {
		const track = this.byId.get(id);
		const { points } = track;
		const [own] = this.ownOf(track.marks, points.order ? points.order[index] : index);
		return { ...this.describe(track, points.times[index], 0, points.labels[index], own), index, row: -1 };
	}

	samples(counter) {
		return this.counters[counter];
	}

	indexOfCame(data, came) {
		if (!data.came)
			return came;
		data.placed ||= (() => {
			const placed = new Uint32Array(data.count);
			data.came.forEach((at, index) => placed[at] = index);
			return placed;
		})();
		return data.placed[came];
	}

	// Slices of the track with this correlation, as [number as it came, track of its launch].
	correlated(track, correlation, isFirst) {
		const found = [];
		for (const block of track.blocks) {
			if (correlation < block.low || correlation > block.high)
				continue;
			this.readBlock(block, (i, own, flow) => {
				const is = this.correlationOf(own) === correlation;
				if (is)
					found.push([block.before + i, flow]);
				return !(is && isFirst);
			});
			if (isFirst && found.length > 0)
				break;
		}
		return found;
	}

	correlationOf(own) {
		const found = own.find(([key]) => key === 'correlation');
		return found ? Number(found[1]) : 0;
	}

	// The innermost slice of the track that begins at this time.
	startingAt(id, time) {
		const { data } = this.byId.get(id);
		for (let row = data.rows - 1; row >= 0; row--) {
			const next = this.after(data, data.first[row], data.first[row + 1], time);
			if (next > data.first[row] && data.start(next - 1) === time)
				return next - 1;
		}
		return -1;
	}

	flows(id, index) {
		const track = this.byId.get(id);
		const { data } = track;
		const came = data.came ? data.came[index] : index;
		const [own, launcher] = this.ownOf(track.blocks, came);
		const correlation = this.correlationOf(own);
		const list = [];
		if (launcher > 0) {
			const from = this.byId.get(launcher);
			for (const [call] of this.correlated(from, correlation, true))
				list.push({ kind: 'launch', to: { track: id, index },
					from: { track: launcher, index: this.indexOfCame(from.data, call) } });
		}
		if (track.kind === 'calls' && correlation !== 0)
			list.push(...this.launched(track, came, correlation, { track: id, index }));
		for (const flow of this.flowList)
			if ((flow.from === id && this.startingAt(id, flow.fromTime) === index) ||
				(flow.to === id && this.startingAt(id, flow.toTime) === index))
				list.push(this.flowEnds(flow));
		return list.filter((flow) => flow.from.index >= 0 && flow.to.index >= 0);
	}

	// Indexes of the track's slices that came last to a collective.
	latest(id) {
		if (!this.late) {
			this.late = new Map(this.tracks.map((track) => [track.id, new Set()]));
			for (const flow of this.flowList)
				if (flow.kind === 'collective')
					this.late.get(flow.from).add(this.startingAt(flow.from, flow.fromTime));
		}
		return this.late.get(id);
	}

	flowEnds(flow) {
		return { kind: flow.kind,
			from: { track: flow.from, index: this.startingAt(flow.from, flow.fromTime) },
			to: { track: flow.to, index: this.startingAt(flow.to, flow.toTime) } };
	}

	launched(track, came, correlation, from) {
		const list = [];
		if (this.correlated(track, correlation, true)[0][0] !== came)
			return list;
		for (const other of this.tracks)
			if (other.kind === 'work' || other.kind === 'graphs')
				for (const [at, launcher] of this.correlated(other, correlation, false))
					if (launcher === track.id)
						list.push({ kind: 'launch', from, to: { track: other.id,
							index: this.indexOfCame(other.data, at) } });
		return list;
	}

	each(id, from, to, visit) {
		const { data } = this.byId.get(id);
		for (let row = 0; row < data.rows; row++) {
			const last = data.first[row + 1];
			let i = Math.max(data.first[row], this.after(data, data.first[row], last, from) - 1);
			for (; i < last && data.start(i) < to; i++) {
				const start = data.start(i);
				const end = start + data.duration(i);
				if (end > from || start >= from)
					visit(start, end, data.label(i), row, i);
			}
		}
	}

	longest(id) {
		const { data } = this.byId.get(id);
		let best = data.count > 0 ? 0 : -1;
		for (let i = 1; data.rows > 0 && i < data.first[1]; i++)
			if (data.duration(i) > data.duration(best))
				best = i;
		return best;
	}

	matches(test) {
		const good = new Uint8Array(this.labels.length);
		this.labels.forEach((label, i) => good[i] = test(label.name) ? 1 : 0);
		return good;
	}

	// Before or after `from` by time, then by the order of tracks, then by index.
	search(test, from, direction) {
		const good = this.matches(test);
		const place = from && this.tracks.findIndex((track) => track.id === from.track);
		const time = from ? this.byId.get(from.track).data.start(from.index) : 0;
		let best = null;
		this.tracks.forEach(({ id, data }, order) => {
			for (let i = 0; i < data.count; i++) {
				if (!good[data.label(i)])
					continue;
				const start = data.start(i);
				const later = from === null ? direction :
					start - time || order - place || i - from.index;
				if (later * direction <= 0)
					continue;
				const nearer = best ? start - best.start || order - best.order || i - best.index :
					-direction;
				if (nearer * direction < 0)
					best = { track: id, index: i, start, order };
			}
		});
		return best && { track: best.track, index: best.index };
	}

	count(test) {
		const good = this.matches(test);
		let count = 0;
		for (const { data } of this.tracks)
			for (let i = 0; i < data.count; i++)
				count += good[data.label(i)];
		return count;
	}
}

function thousandths(value) {
	const size = value < 0n ? -value : value;
	return `${value < 0n ? '-' : ''}${size / 1000n}.${String(size % 1000n).padStart(3, '0')}`;
}

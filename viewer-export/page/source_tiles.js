// SPDX-License-Identifier: MIT
// The traces as `laggard view` serves them: every question is a request, every answer a part of the timeline. What
// they are stands in viewer-export/tiles.h. Of each track two answers are kept: one of all its time and one of what is
// looked at; what is drawn comes from the finer that covers it, and a better one is asked for.

const PARALLEL = 6;			// requests
const AGAIN_MS = 400;			// estimates are asked for again
const TILE_SLICES = 4000;		// more are shown as buckets
const TILE_BUCKETS_MAX = 16384;
const TILE_ROWS_MAX = 24;
const EACH_SLICES = 65536;		// of one answer
const EACH_MAX = 1 << 20;		// of a sum
const HITS_MAX = 10000;

class TileSource {
	constructor(base = 'api/') {
		Object.assign(this, { base, onChange: null, isWhole: true, hasMore: false, head: null, start: 0, end: 1,
			processes: [], tracks: [], counters: [], labels: [], flowList: [], analysis: null, status: '',
			hint: '', byId: new Map(), numbers: new Map(), known: new Map(), queue: new Map(), running: 0,
			timer: 0, asked: { key: '', answer: null }, hits: { words: '', list: [] } });
	}

	async ask(name, parameters = {}) {
		const query = new URLSearchParams(parameters).toString();
		const response = await fetch(this.base + name + (query ? '?' + query : ''));
		if (!response.ok)
			throw new Error((await response.text()).trim() || `status ${response.status}`);
		return response.json();
	}

	// Processes, tracks, counters and the analysis, until they change no more.
	async load() {
		const told = await this.ask('tracks');
		this.head = { base_ns: told.base_ns, sources: told.traces };
		this.start = told.start_ns;
		this.end = Math.max(told.end_ns, told.start_ns + 1);
		this.processes = told.processes;
		this.tracks = told.tracks.map((track) => this.keepTrack(track));
		this.counters = told.counters.map((counter) => this.counters.find(({ id }) => id === counter.id) ||
			{ ...counter, times: [], values: [], peaks: [], minimum: 0, maximum: 0, isConstant: false,
				kind: 'counter' });
		this.analysis = told.analysis;
		this.tell(told);
		const isAlive = told.traces.some(({ error }) => !error);
		this.isSettled = !isAlive || (told.exact && told.analysis_state !== 'making');
		if (!this.isSettled)
			setTimeout(() => this.load().then(() => this.onChange?.('tracks'),
				(problem) => this.fail(problem)), AGAIN_MS);
	}

	keepTrack(told) {
		const known = this.byId.get(told.id) || { rows: 1, count: 1, lane: 0, arguments: [] };
		const track = Object.assign(known, told);
		this.byId.set(track.id, track);
		return track;
	}

	tell({ exact, rows, rows_read: read, traces, analysis_state: state }) {
		const broken = traces.filter(({ error }) => error).length;
		const share = rows > 0 ? Math.floor(100 * read / rows) : 100;
		const parts = [exact ? '' : `estimates: ${share} % of ${rows} rows read`,
			broken > 0 ? `${broken} traces with errors` : '', state === 'making' ? 'analysing' : ''];
		this.status = parts.filter((part) => part).join(', ');
		this.hint = state === 'making' ? 'analysing the traces' : state === 'failed' ? 'the analysis failed' :
			'no analysis of these traces';
	}

	fail(problem) {
		this.status = `no answer: ${problem.message}`;
		this.onChange?.('status');
	}

	label(number) {
		return this.labels[number];
	}

	// Tracks of the analysis say the colour, too.
	labelOf([name, category, color = '']) {
		const key = `${category}\n${color}\n${name}`;
		let number = this.numbers.get(key);
		if (number === undefined) {
			const isNccl = category === 'kernel' && /nccl|rccl|msccl/i.test(name);
			number = this.labels.push({ name, category, color: isNccl ? 'thread_state_iowait' : color,
				arguments: [] }) - 1;
			this.numbers.set(key, number);
		}
		return number;
	}

	// What serves [from, to) at this many pixels, or the best there is; asks for what is missing.
	serving(one, from, to, pixels) {
		const wide = (to - from) / pixels;
		const serves = (tile) => tile && tile.start <= Math.max(from, this.start) &&
			tile.end >= Math.min(to, this.end) && (tile.isAll || tile.bucket <= wide * 1.001);
		const good = [one.whole, one.near].find(serves);
		const asked = good || one.whole || one.near;
		if (!one.whole)
			this.want(one, 'whole', this.start - 1, this.end + 1, Math.max(pixels, 1000));
		else if (!good)
			this.want(one, 'near', from - (to - from) / 2, to + (to - from) / 2, 2 * pixels);
		else if (!asked.exact && performance.now() - asked.time > AGAIN_MS)
			this.want(one, good === one.whole ? 'whole' : 'near', good.start, good.end, good.pixels);
		return good || (one.near?.start <= from && one.near.end >= to ? one.near : one.whole);
	}

	want(one, place, start, end, pixels) {
		const isUnderWay = one.running && one.running.start <= start && one.running.end >= end &&
			one.running.end - one.running.start <= 3 * (end - start);
		if (isUnderWay)
			return;
		this.queue.set(`${one.kind === 'counter' ? 'c' : 't'}${one.id}`, { one, place, start: Math.floor(start),
			end: Math.ceil(end), pixels });
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.work(), 30);
	}

	work() {
		for (const [key, wanted] of this.queue) {
			if (this.running >= PARALLEL)
				return;
			this.queue.delete(key);
			this.running++;
			wanted.one.running = wanted;
			this.fetch(wanted).catch((problem) => this.fail(problem)).finally(() => {
				if (wanted.one.running === wanted)
					wanted.one.running = null;
				this.running--;
				this.work();
			});
		}
	}

	async fetch(wanted) {
		const { one, place, start, end, pixels } = wanted;
		const buckets = Math.min(TILE_BUCKETS_MAX, Math.max(2, 2 * Math.ceil(pixels)));
		const time = performance.now();
		const isCounter = one.kind === 'counter';
		const tile = isCounter ? await this.ask('counter', { counter: one.id, start, end, buckets }) :
			await this.ask('tile', { track: one.id, start, end, buckets, slices: TILE_SLICES });
		if (isCounter)
			Object.assign(tile, { times: tile.time, values: tile.maximum, peaks: peaksOf(tile.maximum) });
		Object.assign(tile, { start, end, pixels, time, isAll: Boolean(tile.slices),
			bucket: isCounter ? (end - start) / buckets : tile.buckets?.bucket_ns });
		one[place] = tile;
		if (isCounter)
			this.keepCounter(one, tile, place);
		else
			this.keepTile(one, tile);
		this.onChange?.(place === 'whole' ? 'whole' : 'tile');
	}

	keepTile(track, tile) {
		tile.labels = tile.names.map((label) => this.labelOf(label));
		const rows = Math.min(TILE_ROWS_MAX, (tile.slices?.depth || []).reduce((most, depth) =>
			Math.max(most, depth + 1), 1));
		if (rows > track.rows) {
			track.rows = rows;
			this.onChange?.('rows');
		}
	}

	keepCounter(counter, tile, place) {
		const { values } = tile;
		if (place !== 'whole')
			return;
		const minimum = tile.minimum.reduce((least, value) => Math.min(least, value), 0);
		const maximum = values.reduce((most, value) => Math.max(most, value), 0);
		const isConstant = values.length > 0 &&
			[...tile.minimum, ...values].every((value) => value === values[0]);
		const isNew = isConstant !== counter.isConstant;
		Object.assign(counter, { minimum, maximum, isConstant, values });
		if (isNew)
			this.onChange?.('rows');
	}

	paint(id, row, from, to, pixels, sink) {
		const tile = this.serving(this.byId.get(id), from, to, pixels);
		if (tile?.slices)
			this.paintSlices(tile, row, from, to, pixels, sink);
		else if (tile && row === 0)
			this.paintBuckets(tile, from, to, pixels, sink);
	}

	paintBuckets({ buckets, labels }, from, to, pixels, sink) {
		const { first_ns: first, bucket_ns: wide, busy, name } = buckets;
		const scale = pixels / (to - from);
		const last = Math.min(busy.length, Math.ceil((to - first) / wide));
		for (let i = Math.max(0, Math.floor((from - first) / wide)); i < last; i++)
			if (busy[i] > 0)
				sink(Math.max(first + i * wide - from, 0) * scale,
					(first + (i + 1) * wide - from) * scale, Math.min(busy[i] / wide, 1),
					labels[Math.max(name[i], 0)], -1);
	}

	// Those of less than a pixel are added up, pixel by pixel.
	paintSlices({ slices, labels }, row, from, to, pixels, sink) {
		const { start, duration, depth, name, row: rows } = slices;
		const wide = (to - from) / pixels;
		const small = new Map();
		for (let i = 0; i < start.length && start[i] < to; i++) {
			const end = start[i] + duration[i];
			if (Math.min(depth[i], TILE_ROWS_MAX - 1) !== row || end <= from && start[i] < from)
				continue;
			if (duration[i] >= wide) {
				sink(Math.max((start[i] - from) / wide, 0), (end - from) / wide, 1, labels[name[i]],
					rows[i]);
				continue;
			}
			for (let pixel = Math.floor((Math.max(start[i], from) - from) / wide), at = pixel * wide + from;
				at < end || at <= start[i]; pixel++, at += wide) {
				const told = small.get(pixel) || { busy: 0, longest: -1, label: 0, index: null };
				const part = Math.min(end, at + wide) - Math.max(start[i], at);
				told.busy += part;
				told.index = told.index === null ? rows[i] : -1;
				if (part > told.longest)
					Object.assign(told, { longest: part, label: labels[name[i]] });
				small.set(pixel, told);
			}
		}
		for (const [pixel, { busy, label, index }] of small)
			sink(pixel, pixel + 1, Math.min(busy / wide, 1), label, index);
	}

	// Where the slice stands in an answer, as a brief.
	briefOf(track, tile, i) {
		const { start, duration, depth, name, row } = tile.slices;
		const label = tile.labels[name[i]];
		return { track: track.id, index: row[i], row: Math.min(depth[i], TILE_ROWS_MAX - 1),
			start: start[i], duration: duration[i], label, ...this.labels[label] };
	}

	at(id, row, time, slack) {
		const track = this.byId.get(id);
		const covers = (one) => one?.slices && one.start <= time && one.end >= time;
		const tile = [track.near, track.whole].find(covers);
		let best = -1;
		let nearest = slack;
		const { start = [], duration, depth } = tile?.slices || {};
		for (let i = 0; i < start.length; i++) {
			const away = Math.max(start[i] - time, time - start[i] - duration[i], 0);
			if (Math.min(depth[i], TILE_ROWS_MAX - 1) === row && away <= nearest &&
				(away < nearest || best < 0))
				[best, nearest] = [i, away];
		}
		if (best < 0)
			return -1;
		const brief = this.briefOf(track, tile, best);
		this.keep(brief);
		return brief.index;
	}

	keep(brief) {
		if (this.known.size > 100000)
			this.known.clear();
		this.known.set(`${brief.track}/${brief.index}`, { arguments: [], category: '', row: 0, ...brief });
	}

	know({ track, row, name = '', start_ns: start, duration_ns: duration }) {
		if (!this.known.has(`${track}/${row}`))
			this.keep({ track, index: row, name, start, duration });
	}

	// Its depth is known once the part that it lies in is there.
	brief(id, index) {
		const track = this.byId.get(id);
		for (const tile of [track.near, track.whole]) {
			if (!tile?.slices)
				continue;
			tile.places ||= new Map(tile.slices.row.map((row, i) => [row, i]));
			const at = tile.places.get(index);
			if (at !== undefined)
				return { arguments: [], ...this.briefOf(track, tile, at) };
		}
		return this.known.get(`${id}/${index}`);
	}

	indexOf(id, text, isInstant) {
		return !isInstant && /^\d+\.\d+$/.test(text) ? text : undefined;
	}

	answerOf(id, index) {
		const key = `${id}/${index}`;
		if (this.asked.key !== key)
			this.asked = { key, answer: this.ask('slice', { track: id, row: index }) };
		return this.asked.answer;
	}

	async slice(id, index) {
		const told = await this.answerOf(id, index);
		this.know({ track: id, row: index, ...told });
		const { row } = this.brief(id, index);
		return { track: id, index, row, start: told.start_ns, duration: told.duration_ns, name: told.name,
			category: told.category, arguments: Object.entries(told.arguments) };
	}

	async flows(id, index) {
		const { flows } = await this.answerOf(id, index);
		const own = { track: id, index };
		return flows.map((flow) => {
			this.know(flow);
			const other = { track: flow.track, index: flow.row };
			const [first, second] = flow.is_from ? [other, own] : [own, other];
			return { kind: 'launch', from: first, to: second };
		});
	}

	latest() {
		return new Set();
	}

	longest() {
		return -1;
	}

	instants() {
		return { times: [], labels: [] };
	}

	samples(index) {
		const counter = this.counters[index];
		const span = state.end - state.start;
		const tile = this.serving(counter, state.start, state.start + span, room());
		return { ...counter, ...(tile ? { times: tile.times, values: tile.values, peaks: tile.peaks } : {}) };
	}

	// As many answers as it takes, each with all slices of its part.
	async each(id, from, to, visit) {
		const parts = [[Math.floor(from), Math.ceil(to)]];
		let left = EACH_MAX;
		while (parts.length > 0) {
			const [start, end] = parts.pop();
			const tile = await this.ask('tile', { track: id, start, end, buckets: 2,
				slices: EACH_SLICES });
			if (!tile.slices && end - start > 1) {
				const middle = Math.floor((start + end) / 2);
				parts.push([middle, end], [start, middle]);
				continue;
			}
			if (!tile.exact)
				throw new Error('the traces are still being read');
			const { start: starts = [], duration, depth, name, row } = tile.slices || {};
			left -= starts.length;
			if (left < 0 || !tile.slices)
				throw new Error('too many slices to add up: choose a shorter range');
			const labels = tile.names.map((label) => this.labelOf(label));
			for (let i = 0; i < starts.length; i++)
				if (starts[i] < to && (starts[i] >= start || start <= from) &&
					(starts[i] + duration[i] > from || starts[i] >= from))
					visit(starts[i], starts[i] + duration[i], labels[name[i]], depth[i], row[i]);
		}
	}

	// The server finds names in its tables; those of the analysis are looked through here.
	async count(test) {
		if (/^\/.+\/i?$/.test(test.words))
			throw new Error('text only here');
		const list = [];
		let from = null;
		do {
			const found = await this.ask('search', { text: test.words, limit: HITS_MAX,
				...from && { from } });
			for (const { track, row, name, start_ns: start, duration_ns: duration } of found.slices)
				list.push({ track, index: row, name, start, duration });
			from = found.next;
		} while (from && list.length < HITS_MAX);
		this.hasMore = Boolean(from);
		for (const track of this.tracks.filter(({ kind }) => ['steps', 'idle', 'waits'].includes(kind)))
			await this.each(track.id, this.start, this.end, (start, end, label, row, index) => {
				const { name } = this.labels[label];
				if (test(name))
					list.push({ track: track.id, index, name, start, duration: end - start });
			});
		const order = new Map(this.tracks.map(({ id }, place) => [id, place]));
		list.sort((a, b) => a.start - b.start || order.get(a.track) - order.get(b.track) ||
			numberOf(a.index) - numberOf(b.index));
		this.hits = { words: test.words, list };
		return list.length;
	}

	search(test, from, direction) {
		const { list } = this.hits;
		const at = from === null ? -1 :
			list.findIndex(({ track, index }) => track === from.track && index === from.index);
		const hit = list[at < 0 && direction < 0 ? list.length - 1 : at + direction];
		if (!hit || (from && at < 0))
			return null;
		this.keep({ ...hit });
		return { track: hit.track, index: hit.index };
	}
}

// SPDX-License-Identifier: MIT
// The page of `laggard view`: tracks on a canvas, drawn from tiles that are asked for as they come into view. A
// bucket is shaded by how busy it truly is; slices appear where they are few enough. Text of the traces only ever
// becomes text: on the canvas, or as textContent.

import { TileSource } from './source_tiles.js';

const LABELS = 260;		// pixels: names of tracks
const AXIS = 22;
const ROW = 16;
const DEPTHS_MAX = 12;
const COUNTER = 32;
const SLICES = 4000;		// of a track; more are shown as buckets
const PARALLEL = 6;		// requests
const AGAIN_MS = 400;		// estimates are asked for again
const SPAN_MIN = 20;		// ns in view, at least

const source = new TileSource();
const element = (id) => document.getElementById(id);
const canvas = element('canvas');
const context = canvas.getContext('2d');

const state = {
	tracks: null,
	rows: [],		// what is drawn, top down: { kind, top, height, ... }
	tiles: new Map(),	// by row key: { start, end, exact, ... }
	depths: new Map(),	// by track: rows that its slices need
	start: 0,
	end: 1,
	selected: null,		// { track, row }
	hits: [],
	hit: -1,
	more: null,		// where the search goes on
	running: new Map(),	// by row key: what is being asked for
};

function colorOf(name, category) {
	const isNccl = category === 'kernel' && /nccl|rccl|msccl/i.test(name);
	if (isNccl || category === 'nccl')
		return [24, 75, 50];
	if (category.includes('memcpy'))
		return [130, 45, 45];
	if (category.includes('memset'))
		return [60, 35, 45];
	if (category === 'sync' || category === 'overhead')
		return [0, 0, 60];
	if (category === 'step')
		return [210, 25, 70];
	if (category === 'idle')
		return [0, 55, 60];
	if (category === 'collective wait')
		return [40, 80, 60];
	let hash = 7;
	for (let i = 0; i < name.length && i < 200; i++)
		hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
	return [170 + hash % 130, 45, 48 + (hash >>> 8) % 16];
}

function css([hue, saturation, light], alpha) {
	return `hsla(${hue}, ${saturation}%, ${light}%, ${alpha})`;
}

export function formatTime(ns) {
	const size = Math.abs(ns);
	const [unit, name] = size >= 1e9 ? [1e9, 's'] : size >= 1e6 ? [1e6, 'ms'] :
		size >= 1e3 ? [1e3, 'us'] : [1, 'ns'];
	return `${(ns / unit).toFixed(unit === 1 ? 0 : 3)} ${name}`;
}

// Digits in groups: every nanosecond is shown.
function formatExact(ns) {
	return `${String(ns).replace(/\B(?=(\d{3})+(?!\d))/g, ' ')} ns`;
}

function layRows() {
	if (!state.tracks)
		return;
	const rows = [];
	let top = AXIS;
	const put = (row, height) => {
		rows.push({ ...row, top, height });
		top += height;
	};
	for (const process of state.tracks.processes) {
		put({ kind: 'process', name: process.name }, ROW + 6);
		for (const counter of state.tracks.counters)
			if (counter.process === process.id)
				put({ kind: 'counter', key: `c${counter.id}`, id: counter.id,
					name: `${counter.name} (${counter.series})` }, COUNTER);
		for (const track of state.tracks.tracks)
			if (track.process === process.id)
				put({ kind: 'track', key: `t${track.id}`, id: track.id, name: track.name },
					ROW * (state.depths.get(track.id) || 1) + 3);
	}
	state.rows = rows;
	element('room').style.height = `${Math.max(0, top + 40 - canvas.clientHeight)}px`;
}

const width = () => canvas.clientWidth - LABELS;
const toX = (ns) => LABELS + (ns - state.start) / (state.end - state.start) * width();
const toNs = (x) => state.start + (x - LABELS) / width() * (state.end - state.start);

function visibleRows() {
	const scroll = element('scroller').scrollTop;
	return state.rows.filter((row) => row.top + row.height > scroll && row.top < scroll + canvas.clientHeight);
}

function drawAxis() {
	const span = state.end - state.start;
	const step = 10 ** Math.ceil(Math.log10(span / width() * 120));
	context.fillStyle = '#fff';
	context.fillRect(0, 0, canvas.clientWidth, AXIS);
	context.fillStyle = '#666';
	for (let at = Math.ceil(state.start / step) * step; at < state.end; at += step) {
		const x = toX(at);
		if (x < LABELS)
			continue;
		context.fillRect(x, AXIS - 5, 1, 5);
		context.fillText(formatTime(at), x + 3, 14);
	}
	context.fillText(`${formatTime(span)} in view`, 6, 14);
}

function drawBuckets(tile, top) {
	const { first_ns: first, bucket_ns: wide, busy, name } = tile.buckets;
	for (let i = 0; i < busy.length; i++) {
		if (busy[i] === 0)
			continue;
		const x = toX(first + i * wide);
		const next = toX(first + (i + 1) * wide);
		if (next < LABELS || x > canvas.clientWidth)
			continue;
		context.fillStyle = css(tile.colors[name[i]] || [0, 0, 50], 0.12 + 0.88 * busy[i] / wide);
		context.fillRect(Math.max(x, LABELS), top, Math.max(next - Math.max(x, LABELS), 0.5), ROW);
	}
}

function drawSlices(tile, row, top) {
	const { start, duration, depth, name } = tile.slices;
	for (let i = 0; i < start.length; i++) {
		const x = Math.max(toX(start[i]), LABELS);
		const end = toX(start[i] + duration[i]);
		if (end < LABELS || x > canvas.clientWidth)
			continue;
		const y = top + Math.min(depth[i], DEPTHS_MAX - 1) * ROW;
		const size = Math.max(end - x, 1);
		context.fillStyle = css(tile.colors[name[i]], 0.85);
		context.fillRect(x, y, size, ROW - 1);
		if (state.selected && state.selected.row === tile.slices.row[i] && state.selected.track === row.id) {
			context.strokeStyle = '#000';
			context.strokeRect(x + 0.5, y + 0.5, Math.max(size - 1, 1), ROW - 2);
		}
		if (size > 30) {
			context.save();
			context.beginPath();
			context.rect(x, y, size - 2, ROW);
			context.clip();
			context.fillStyle = '#000';
			context.fillText(tile.names[name[i]][0].slice(0, 200), x + 3, y + 11);
			context.restore();
		}
	}
}

function drawCounter(tile, top) {
	const { time, minimum, maximum } = tile;
	const low = Math.min(0, ...minimum);
	const high = Math.max(low + 1, ...maximum);
	const toY = (value) => top + (COUNTER - 4) * (1 - (value - low) / (high - low));
	context.fillStyle = '#7a9cc6';
	for (let i = 0; i < time.length; i++) {
		const x = Math.max(toX(time[i]), LABELS);
		const next = i + 1 < time.length ? toX(time[i + 1]) : canvas.clientWidth;
		if (next > LABELS)
			context.fillRect(x, toY(maximum[i]), Math.max(next - x, 1), toY(low) - toY(maximum[i]) + 1);
	}
}

function drawRow(row, scroll) {
	const top = row.top - scroll;
	const tile = row.key && state.tiles.get(row.key);
	if (row.kind === 'process') {
		context.fillStyle = '#e8e8e4';
		context.fillRect(0, top, canvas.clientWidth, row.height);
	} else if (tile && row.kind === 'counter') {
		drawCounter(tile, top);
	} else if (tile && tile.buckets) {
		drawBuckets(tile, top);
	} else if (tile) {
		drawSlices(tile, row, top);
	}
	context.fillStyle = row.kind === 'process' ? '#e8e8e4' : '#fafaf8';
	context.fillRect(0, top, LABELS - 4, row.height);
	context.fillStyle = '#222';
	context.font = row.kind === 'process' ? 'bold 12px sans-serif' : '11px sans-serif';
	context.save();
	context.beginPath();
	context.rect(0, top, row.kind === 'process' ? canvas.clientWidth : LABELS - 6, row.height);
	context.clip();
	const [x, y] = row.kind === 'process' ? [6, 15] : [14, 12];
	context.fillText(row.name.slice(0, 300), x, top + y);
	context.restore();
	context.font = '11px sans-serif';
}

function draw() {
	state.isDrawing = false;
	const ratio = window.devicePixelRatio || 1;
	const scroller = element('scroller');
	const [wide, high] = [scroller.clientWidth, scroller.clientHeight];
	if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
		canvas.width = Math.round(wide * ratio);
		canvas.height = Math.round(high * ratio);
		canvas.style.width = `${wide}px`;
		canvas.style.height = `${high}px`;
	}
	context.setTransform(ratio, 0, 0, ratio, 0, 0);
	context.clearRect(0, 0, wide, high);
	context.font = '11px sans-serif';
	for (const row of visibleRows())
		drawRow(row, scroller.scrollTop);
	drawAxis();
}

function redraw() {
	if (!state.isDrawing) {
		state.isDrawing = true;
		requestAnimationFrame(draw);
	}
}

// A tile serves while it covers the view, is fine enough, and is exact.
function needsTile(row) {
	const tile = state.tiles.get(row.key);
	const running = state.running.get(row.key);
	const span = state.end - state.start;
	const serves = (one) => one.start <= Math.max(state.start, one.least) &&
		one.end >= Math.min(state.end, one.most) && (one.isAll || one.end - one.start <= 6 * span);
	if (running && serves(running))
		return false;
	return !tile || !serves(tile) || (!tile.exact && Date.now() - tile.asked > AGAIN_MS);
}

async function askTile(row) {
	const span = state.end - state.start;
	const bounds = { least: state.tracks.start_ns - 1, most: state.tracks.end_ns + 1 };
	const wanted = { ...bounds, start: state.start - span / 2, end: state.end + span / 2, asked: Date.now() };
	state.running.set(row.key, wanted);
	try {
		const buckets = Math.min(16384, Math.max(2, 2 * Math.ceil(width())));
		const tile = row.kind === 'counter' ? await source.counter(row.id, wanted.start, wanted.end, buckets) :
			await source.tile(row.id, wanted.start, wanted.end, buckets, SLICES);
		tile.colors = (tile.names || []).map(([name, category]) => colorOf(name, category));
		// What shows slices stays good however far one goes in.
		state.tiles.set(row.key, Object.assign(tile, wanted, { isAll: Boolean(tile.slices) }));
		keepDepth(row, tile);
	} finally {
		if (state.running.get(row.key) === wanted)
			state.running.delete(row.key);
	}
}

function keepDepth(row, tile) {
	if (!tile.slices)
		return;
	const depth = Math.min(DEPTHS_MAX, tile.slices.depth.reduce((most, one) => Math.max(most, one + 1), 1));
	if (depth > (state.depths.get(row.id) || 1)) {
		state.depths.set(row.id, depth);
		layRows();
	}
}

async function askTiles() {
	if (state.isAsking)
		return;
	state.isAsking = true;
	try {
		for (;;) {
			const rows = visibleRows().filter((row) => row.key && needsTile(row)).slice(0, PARALLEL);
			if (rows.length === 0)
				break;
			await Promise.all(rows.map(askTile));
			redraw();
		}
	} catch (problem) {
		say(`no answer: ${problem.message}`, true);
	} finally {
		state.isAsking = false;
	}
}

function say(words, isEstimate) {
	element('state').textContent = words;
	element('state').className = isEstimate ? 'estimate' : '';
}

function changed() {
	if (!state.tracks)
		return;
	redraw();
	clearTimeout(state.timer);
	state.timer = setTimeout(askTiles, 30);
	clearTimeout(state.hashTimer);
	state.hashTimer = setTimeout(() => {
		history.replaceState(null, '', `#${Math.round(state.start)},${Math.round(state.end)}`);
	}, 300);
}

function show(start, end) {
	const limit = 4 * (state.tracks.end_ns - state.tracks.start_ns) + 1000;
	const span = Math.min(Math.max(end - start, SPAN_MIN), limit);
	const middle = (start + end) / 2;
	state.start = middle - span / 2;
	state.end = middle + span / 2;
	changed();
}

function zoom(factor, x) {
	const at = x === undefined ? (state.start + state.end) / 2 : toNs(Math.max(x, LABELS));
	show(at - (at - state.start) * factor, at + (state.end - at) * factor);
}

function move(share) {
	const by = (state.end - state.start) * share;
	show(state.start + by, state.end + by);
}

function showWhole() {
	const { start_ns: start, end_ns: end } = state.tracks;
	const edge = (end - start) / 100 + 1;
	show(start - edge, end + edge);
}

function addLine(table, key, value) {
	const line = table.insertRow();
	line.insertCell().textContent = key;
	line.insertCell().textContent = typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function addFlow(details, flow) {
	const button = document.createElement('button');
	button.textContent = `${flow.is_from ? 'launched by' : 'launches'} ${flow.name.slice(0, 200)} ` +
		`(${formatTime(flow.start_ns)})`;
	button.addEventListener('click', () => goTo(flow));
	details.append(button, document.createElement('br'));
}

async function select(track, row) {
	state.selected = { track, row };
	redraw();
	const found = await source.slice(track, row);
	const details = element('details');
	const title = document.createElement('h2');
	const table = document.createElement('table');
	title.textContent = found.name;
	addLine(table, 'start', formatExact(found.start_ns));
	addLine(table, 'duration', formatExact(found.duration_ns));
	addLine(table, 'category', found.category);
	for (const [key, value] of Object.entries(found.arguments))
		addLine(table, key, value);
	details.replaceChildren(title, table);
	for (const flow of found.flows)
		addFlow(details, flow);
}

async function goTo(slice) {
	const span = Math.max(slice.duration_ns * 4, (state.end - state.start) / 50, SPAN_MIN);
	const middle = slice.start_ns + slice.duration_ns / 2;
	if (slice.start_ns < state.start || slice.start_ns + slice.duration_ns > state.end ||
		slice.duration_ns * 50 < state.end - state.start)
		show(middle - span / 2, middle + span / 2);
	const row = state.rows.find((one) => one.kind === 'track' && one.id === slice.track);
	if (row)
		element('scroller').scrollTop = Math.max(0, row.top - canvas.clientHeight / 2);
	await select(slice.track, slice.row);
}

function pick(x, y) {
	const at = y + element('scroller').scrollTop;
	const row = state.rows.find((one) => one.kind === 'track' && at >= one.top && at < one.top + one.height);
	const tile = row && state.tiles.get(row.key);
	if (!tile || x < LABELS || y < AXIS)
		return;
	if (!tile.slices) {
		zoom(0.1, x);
		return;
	}
	const { start, duration, depth } = tile.slices;
	const level = Math.floor((at - row.top) / ROW);
	let best = -1;
	let nearest = 3;		// pixels
	for (let i = 0; i < start.length; i++) {
		const [begin, end] = [toX(start[i]), toX(start[i] + duration[i])];
		const away = Math.max(begin - x, x - Math.max(end, begin + 1), 0);
		if (Math.min(depth[i], DEPTHS_MAX - 1) === level && away < nearest)
			[best, nearest] = [i, away];
	}
	if (best >= 0)
		select(row.id, tile.slices.row[best]).catch((problem) => say(problem.message, true));
}

function sayHits() {
	element('hits').textContent = state.hits.length === 0 ? 'nothing found' :
		`${state.hit + 1} of ${state.hits.length}${state.more ? ' or more' : ''}`;
}

async function search(step) {
	const words = element('words').value;
	if (words === '')
		return;
	if (words !== state.words)
		Object.assign(state, { words, hits: [], hit: -1, more: null, isNew: true });
	while (state.hit + step >= state.hits.length && (state.isNew || state.more)) {
		const found = await source.search(words, 200, state.more);
		if (words !== element('words').value)
			return;
		Object.assign(state, { hits: state.hits.concat(found.slices), more: found.next, isNew: false });
		if (found.slices.length === 0 && !found.next)
			break;
	}
	if (state.hits.length > 0) {
		state.hit = (state.hit + step + state.hits.length) % state.hits.length;
		await goTo(state.hits[state.hit]);
	}
	sayHits();
}

function showAnalysis(analysis) {
	if (!analysis)
		return;
	const place = element('verdict');
	const age = analysis.current ? '' : ' (analysed before the traces changed)';
	const [words] = (analysis.words || `waiting for others: ${analysis.verdict}`).split('\n');
	const lines = [`${words}${age}`,
		...analysis.findings.map((finding) => `${finding.severity}: ${finding.text}`)];
	place.replaceChildren(...lines.map((words, i) => {
		const line = document.createElement('div');
		line.textContent = words;
		const where = i > 0 && analysis.findings[i - 1].place;
		if (where) {
			const button = document.createElement('button');
			button.textContent = 'show';
			button.title = 'the longest idle time or wait of its GPU';
			button.addEventListener('click', () =>
				goTo(where).catch((problem) => say(problem.message, true)));
			line.append(' ', button);
		}
		return line;
	}));
	place.hidden = false;
}

async function refresh() {
	const tracks = await source.tracks();
	const isFirst = state.tracks === null;
	const isNew = tracks.analysis !== null && (isFirst || state.tracks.analysis === null);
	state.tracks = tracks;
	layRows();
	const share = tracks.rows > 0 ? Math.floor(100 * tracks.rows_read / tracks.rows) : 100;
	const broken = tracks.traces.filter((trace) => trace.error).length;
	say((tracks.exact ? `${tracks.rows} rows` : `estimates: ${share} % of ${tracks.rows} rows read`) +
		(broken > 0 ? `, ${broken} traces with errors` : '') +
		(tracks.analysis_state === 'making' ? ', analysing' :
			tracks.analysis_state === 'failed' ? ', no analysis' : ''), !tracks.exact || broken > 0);
	if (isNew)
		showAnalysis(tracks.analysis);
	if (isFirst) {
		const [start, end] = location.hash.slice(1).split(',').map(Number);
		if (end > start)
			show(start, end);
		else
			showWhole();
	}
	changed();
	if ((!tracks.exact || tracks.analysis_state === 'making') && broken < tracks.traces.length)
		setTimeout(() => refresh().catch((problem) => say(problem.message, true)), AGAIN_MS);
}

function listen() {
	const scroller = element('scroller');
	let drag = null;
	scroller.addEventListener('scroll', changed);
	new ResizeObserver(() => {
		layRows();
		changed();
	}).observe(scroller);
	canvas.addEventListener('wheel', (event) => {
		if (!event.ctrlKey && !event.shiftKey && event.deltaX === 0)
			return;		// scrolls
		event.preventDefault();
		if (event.ctrlKey)
			zoom(1.0015 ** event.deltaY, event.offsetX);
		else
			move((event.deltaX || event.deltaY) / 1000);
	}, { passive: false });
	canvas.addEventListener('pointerdown', (event) => {
		drag = { x: event.offsetX, start: state.start, end: state.end, hasMoved: false };
		canvas.setPointerCapture(event.pointerId);
		canvas.focus();
	});
	canvas.addEventListener('pointermove', (event) => {
		if (!drag || (!drag.hasMoved && Math.abs(event.offsetX - drag.x) < 4))
			return;
		drag.hasMoved = true;
		const by = (drag.x - event.offsetX) / width() * (drag.end - drag.start);
		show(drag.start + by, drag.end + by);
	});
	canvas.addEventListener('pointerup', (event) => {
		if (drag && !drag.hasMoved)
			pick(event.offsetX, event.offsetY);
		drag = null;
	});
	document.addEventListener('keydown', (event) => {
		const keys = { w: () => zoom(0.7), s: () => zoom(1 / 0.7), a: () => move(-0.2), d: () => move(0.2),
			'0': showWhole, '/': () => element('words').focus() };
		if (event.target === element('words')) {
			if (event.key === 'Enter')
				search(event.shiftKey ? -1 : 1).catch((problem) => say(problem.message, true));
			return;
		}
		if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key])
			return;
		event.preventDefault();
		keys[event.key]();
	});
	element('whole').addEventListener('click', showWhole);
	element('next').addEventListener('click', () => search(1).catch((problem) => say(problem.message, true)));
	element('previous').addEventListener('click', () => search(-1).catch((problem) => say(problem.message, true)));
}

// For tests, and for the curious.
window.laggardView = { state, show, toX };

listen();
refresh().catch((problem) => say(`no answer: ${problem.message}`, true));

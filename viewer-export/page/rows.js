// SPDX-License-Identifier: MIT
// What stands under what: process by process counters and tracks, as rows of pixels.

const GUTTER = 210;		// names
const AXIS = 24;
const ROW = 17;
const COUNTER = 30;
const THIN = 8;			// a row of what overlaps what is above it
const HEADING = 22;
const SPAN_MIN = 50;		// ns in view, at least

let source = null;
const canvas = element('canvas');
const context = canvas.getContext('2d', { alpha: false });
const scroller = element('scroller');
const state = {
	start: 0, end: 1, rows: [], width: 0, height: 0, closed: new Set(), selected: null, flows: [],
	range: null, found: null, needs: false, marks: [], frames: 0, frameMs: 0, paints: [],
};

const hasAny = (track) => track.rows > 0 || source.instants(track.id).times.length > 0;
const rowHeight = (track) => track.kind === 'idle' && track.lane > 0 ? THIN : ROW;

// With its unit only where the scale beside it does not say it.
function nameOfCounter({ name, series }) {
	return /^(bytes|mW|MB\/s|MHz|%)$/.test(series) ? name : `${name} (${series})`;
}

// Findings stand beside the timeline already.
function foldJob() {
	for (const process of source.processes)
		if (process.kind === 'job')
			state.closed.add(process.id);
}

function foldAll() {
	const isOpen = source.processes.some((process) => !state.closed.has(process.id));
	state.closed = new Set(isOpen ? source.processes.map((process) => process.id) : []);
	layOut();
	redraw();
}

// One process; with `isRank` all of its rank.
function fold(process, isRank) {
	const isOpen = !state.closed.has(process.id);
	for (const one of source.processes)
		if (one === process || (isRank && one.rank === process.rank))
			state.closed[isOpen ? 'add' : 'delete'](one.id);
	layOut();
	redraw();
}

function layOut() {
	const rows = [];
	let top = AXIS;
	const put = (row, height) => {
		rows.push({ ...row, top, height });
		top += height;
	};
	for (const process of source.processes) {
		put({ kind: 'process', process, name: process.name }, HEADING);
		if (state.closed.has(process.id))
			continue;
		source.counters.forEach((counter, index) => {
			if (counter.process === process.id)
				put({ kind: 'counter', index, name: nameOfCounter(counter) },
					counter.isConstant ? ROW : COUNTER);
		});
		for (const track of source.tracks)
			if (track.process === process.id && hasAny(track))
				put({ kind: 'track', track, name: track.name },
					Math.max(track.rows, 1) * rowHeight(track) + (track.lane > 0 ? 2 : 4));
	}
	state.rows = rows;
	state.bottom = top + 20;
	element('room').style.height = `${Math.max(0, state.bottom - scroller.clientHeight)}px`;
}

const room = () => Math.max(state.width - GUTTER, 10);
const toX = (ns) => GUTTER + (ns - state.start) / (state.end - state.start) * room();
const toNs = (x) => state.start + (x - GUTTER) / room() * (state.end - state.start);

function setView(start, end) {
	const span = Math.min(Math.max(end - start, SPAN_MIN), (source.end - source.start) * 1.1);
	const middle = (start + end) / 2;
	const slack = span * 0.6;
	const low = Math.min(Math.max(middle - span / 2, source.start - slack), source.end - span + slack);
	state.start = low;
	state.end = low + span;
	element('tip').hidden = true;
	redraw();
}

function fitView() {
	const rim = (source.end - source.start) * 0.01;
	setView(source.start - rim, source.end + rim);
}

function rowOfTrack(id) {
	const find = () => state.rows.find((row) => row.kind === 'track' && row.track.id === id);
	const track = source.tracks.find((one) => one.id === id);
	if (track && !find()) {
		state.closed.delete(track.process);
		layOut();
	}
	return find();
}

function showRow(top, height) {
	if (top < scroller.scrollTop + AXIS || top + height > scroller.scrollTop + scroller.clientHeight)
		scroller.scrollTop = Math.max(0, top - scroller.clientHeight / 3);
}

// Goes to a slice: selects it and brings it into view, with room around it.
function goTo({ track, index }, keepsZoom) {
	const slice = source.brief(track, index);
	const row = rowOfTrack(track);
	select({ track, index });
	showRow(row.top + slice.row * rowHeight(row.track), ROW);
	const span = state.end - state.start;
	const middle = slice.start + slice.duration / 2;
	if (keepsZoom && slice.duration < span && slice.duration > span / 400)
		setView(middle - span / 2, middle + span / 2);
	else
		setView(middle - Math.max(slice.duration, 200) * 3, middle + Math.max(slice.duration, 200) * 3);
}

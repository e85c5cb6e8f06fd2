// SPDX-License-Identifier: MIT
// Keys, wheel, dragging, and the part of the address that says what is shown.

const KEYS = [['W S + \u2212', 'zoom in, out'], ['A D \u2190 \u2192', 'move in time'],
	['\u2191 \u2193', 'move up, down'],
	['F', 'show everything'], ['C', 'fold or unfold all ranks'],
	['click, Shift+click on a heading', 'fold a process, all of its rank'], ['Z', 'zoom to what is selected'],
	['/', 'search; Enter, Shift+Enter: next, previous'],
	['Esc', 'select nothing'], ['wheel', 'zoom at the pointer'], ['Shift+wheel, drag', 'move'],
	['Alt+wheel', 'move up, down'],
	['drag on the axis, Shift+drag', 'select a range: statistics'], ['?', 'this help']];

function zoom(factor, at = (state.start + state.end) / 2) {
	setView(at - (at - state.start) * factor, at + (state.end - at) * factor);
}

function move(share) {
	const by = (state.end - state.start) * share;
	setView(state.start + by, state.end + by);
}

function hitAt(x, y) {
	const at = y + scroller.scrollTop;
	const row = state.rows.find((one) => at >= one.top && at < one.top + one.height);
	if (!row || row.kind !== 'track' || x < GUTTER || y < AXIS)
		return null;
	const wide = (state.end - state.start) / room();
	const depth = Math.floor((at - row.top - 2) / rowHeight(row.track));
	const time = toNs(x);
	const { times } = source.instants(row.track.id);
	const next = firstAfter(times, time - 4 * wide);
	const index = source.at(row.track.id, Math.max(depth, 0), time, 2 * wide);
	if (next < times.length && times[next] <= time + 4 * wide && (index < 0 || depth === 0 && at - row.top < 11))
		return { track: row.track.id, index: next, isInstant: true };
	return index < 0 ? null : { track: row.track.id, index };
}

// What a tip says where there is no slice: a counter's value, a name that may be cut.
function wordsAt(x, y) {
	const at = y + scroller.scrollTop;
	const row = y < AXIS ? null : state.rows.find((one) => at >= one.top && at < one.top + one.height);
	if (!row || (x >= GUTTER && row.kind !== 'counter'))
		return null;
	if (x < GUTTER)
		return { words: [row.name] };
	const { times, values, series } = source.samples(row.index);
	const next = firstAfter(times, toNs(x));
	return next === 0 ? null : { words: [`${row.name}: ${formatValue(values[next - 1], series)}`,
		`since ${formatTime(times[next - 1])}`] };
}

function clickAt(x, y, isRank) {
	const at = y + scroller.scrollTop;
	const row = state.rows.find((one) => at >= one.top && at < one.top + one.height);
	if (row && row.kind === 'process' && y >= AXIS) {
		fold(row.process, isRank);
		return;
	}
	select(hitAt(x, y));
}

function listenToPointer() {
	let drag = null;
	const place = (event) => {
		const box = canvas.getBoundingClientRect();
		return [event.clientX - box.left, event.clientY - box.top];
	};
	canvas.onpointerdown = (event) => {
		const [x, y] = place(event);
		drag = { x, y, start: state.start, end: state.end, scroll: scroller.scrollTop, moved: false,
			from: toNs(x), isRange: (y < AXIS || event.shiftKey) && x >= GUTTER };
		canvas.setPointerCapture(event.pointerId);
	};
	canvas.onpointermove = (event) => {
		const [x, y] = place(event);
		if (!drag) {
			showTip(hitAt(x, y) || wordsAt(x, y), event.clientX, event.clientY);
			return;
		}
		drag.moved ||= Math.abs(x - drag.x) + Math.abs(y - drag.y) > 4;
		if (drag.moved && drag.isRange) {
			state.range = [Math.min(drag.from, toNs(x)), Math.max(drag.from, toNs(x))];
			redraw();
		} else if (drag.moved) {
			const by = (drag.x - x) / room() * (drag.end - drag.start);
			scroller.scrollTop = drag.scroll + drag.y - y;
			setView(drag.start + by, drag.end + by);
		}
	};
	canvas.onpointerup = (event) => {
		if (drag && !drag.moved)
			clickAt(...place(event), event.shiftKey);
		else if (drag && drag.isRange)
			setRange(state.range);
		drag = null;
	};
	canvas.onpointerleave = () => showTip(null);
	scroller.addEventListener('wheel', (event) => {
		event.preventDefault();
		const size = event.deltaY || event.deltaX;
		if (event.altKey)
			scroller.scrollTop += size;
		else if (event.shiftKey || (Math.abs(event.deltaX) > Math.abs(event.deltaY) && !event.ctrlKey))
			move(size / 800);
		else
			zoom(Math.exp(size / 400), toNs(Math.max(place(event)[0], GUTTER)));
	}, { passive: false });
	scroller.onscroll = redraw;
	const overview = element('overview');
	overview.onpointerdown = overview.onpointermove = (event) => {
		if (event.buttons !== 1)
			return;
		const middle = source.start + event.offsetX / overview.clientWidth * (source.end - source.start);
		const half = Math.min(state.end - state.start, (source.end - source.start) / 4) / 2;
		setView(middle - half, middle + half);
	};
}

const ACTS = {
	w: () => zoom(0.7), '+': () => zoom(0.7), '=': () => zoom(0.7),
	s: () => zoom(1 / 0.7), '-': () => zoom(1 / 0.7),
	a: () => move(-0.2), ArrowLeft: () => move(-0.2), d: () => move(0.2), ArrowRight: () => move(0.2),
	ArrowUp: () => scroller.scrollTop -= 60, ArrowDown: () => scroller.scrollTop += 60,
	f: fitView, c: foldAll, z: () => state.selected && !state.selected.isInstant && goTo(state.selected, false),
	'/': () => element('words').focus(), '?': () => element('keys').showModal(),
	Escape: () => {
		select(null);
		setRange(null);
	},
};

function listenToKeys() {
	document.addEventListener('keydown', (event) => {
		const act = ACTS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
		const isTyping = event.target.tagName === 'INPUT';
		if (isTyping && event.key === 'Escape')
			scroller.focus();
		if (isTyping && event.key === 'Enter')
			find(event.shiftKey ? -1 : 1);
		if (isTyping || !act || event.ctrlKey || event.metaKey || event.altKey)
			return;
		event.preventDefault();
		act();
	});
	element('next').onclick = () => find(1);
	element('previous').onclick = () => find(-1);
	element('fit').onclick = fitView;
	element('fold').onclick = foldAll;
	element('theme').onclick = () => {
		setTheme(!theme.isDark);
		redraw();
	};
	element('help').onclick = ACTS['?'];
	const close = button('close', () => element('keys').close());
	element('keys').append(make('h2', '', 'Keys'),
		table(KEYS.map(([key, text]) => [make('kbd', '', key), text])), close);
}

let hashTimer = 0;
function keepHash() {
	clearTimeout(hashTimer);
	hashTimer = setTimeout(() => {
		const { selected } = state;
		const chosen = selected ? `&s=${selected.track}.${selected.index}${selected.isInstant ? 'i' : ''}` : '';
		const hash = `#t0=${Math.round(state.start)}&t1=${Math.round(state.end)}${chosen}`;
		history.replaceState(null, '', hash);
	}, 250);
}

function followHash() {
	const wanted = new URLSearchParams(location.hash.slice(1));
	const [start, end] = [Number(wanted.get('t0') ?? NaN), Number(wanted.get('t1') ?? NaN)];
	if (end > start)
		setView(start, end);
	else
		fitView();
	followSelection(location.hash);
}

function followSelection(hash) {
	const wanted = new URLSearchParams(hash.slice(1));
	const [, track, index, mark] = /^(\d+)\.(\d+(?:\.\d+)?)(i?)$/.exec(wanted.get('s') || '') || [];
	const found = track && trackOf(Number(track));
	const made = found && source.indexOf(found.id, index, mark === 'i');
	if (made !== undefined)
		select({ track: found.id, index: made, isInstant: mark === 'i' });
}

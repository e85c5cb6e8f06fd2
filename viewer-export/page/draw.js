// SPDX-License-Identifier: MIT
// The canvas: only what is in view, at most one frame at a time.

const FONT = '11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const widths = new Map();		// of texts in FONT

function widthOf(text) {
	let width = widths.get(text);
	if (width === undefined) {
		if (widths.size > 8192)
			widths.clear();
		width = context.measureText(text).width;
		widths.set(text, width);
	}
	return width;
}

// The text, cut where it is wider.
function fitText(text, space) {
	const width = widthOf(text);
	if (width <= space)
		return text;
	let fits = Math.floor(text.length * space / width);
	while (fits > 0 && context.measureText(text.slice(0, fits) + '\u2026').width > space)
		fits--;
	return fits > 0 ? text.slice(0, fits) + '\u2026' : '';
}

function redraw() {
	if (state.needs)
		return;
	state.needs = true;
	requestAnimationFrame(() => {
		state.needs = false;
		const begin = performance.now();
		draw();
		state.frames++;
		state.frameMs = performance.now() - begin;
		keepHash();
	});
}

function resize() {
	const scale = window.devicePixelRatio || 1;
	state.width = scroller.clientWidth;
	state.height = scroller.clientHeight;
	canvas.width = state.width * scale;
	canvas.height = state.height * scale;
	canvas.style.height = `${state.height}px`;
	context.setTransform(scale, 0, 0, scale, 0, 0);
	const overview = element('overview');
	overview.width = overview.clientWidth * scale;
	overview.height = overview.clientHeight * scale;
	state.density = null;
	layOut();
	redraw();
}

function tickStep() {
	const least = (state.end - state.start) / room() * 110;
	const power = 10 ** Math.floor(Math.log10(least));
	return Math.max([1, 2, 5, 10].find((factor) => factor * power >= least) * power, 1);
}

function drawAxis() {
	context.fillStyle = theme.panel;
	context.fillRect(0, 0, state.width, AXIS);
	const step = tickStep();
	for (let i = Math.ceil(state.start / step); i * step < state.end; i++) {
		const x = toX(i * step);
		if (x < GUTTER)
			continue;
		context.fillStyle = theme.line;
		context.fillRect(x, AXIS - 6, 1, 6);
		context.fillStyle = theme.dim;
		const text = formatTick(i * step, step);
		if (x + 4 + widthOf(text) < state.width)
			context.fillText(text, x + 4, 15);
	}
	context.fillStyle = theme.panel;
	context.fillRect(0, 0, GUTTER, AXIS);
	context.fillStyle = theme.text;
	context.fillText(`${formatTime(state.end - state.start)} in view`, 8, 15);
	context.fillStyle = theme.line;
	context.fillRect(0, AXIS - 1, state.width, 1);
}

// Indexes of a server are "table.row".
const numberOf = (index) => Number(String(index).split('.').pop());

// Steps as bands over everything: those of the first GPU that has any.
function drawSteps() {
	const track = source.tracks.find((one) => one.kind === 'steps');
	if (!track)
		return;
	const lines = [];
	source.paint(track.id, 0, state.start, state.end, room(), (first, last, busy, label, index) => {
		if (last - first < 6)
			return;
		context.fillStyle = theme.band;
		if (numberOf(index) & 1)
			context.fillRect(GUTTER + first, AXIS, last - first, state.height);
		lines.push(GUTTER + first);
	});
	context.fillStyle = theme.line;
	for (const x of lines)
		context.fillRect(x, AXIS, 1, state.height);
}

function drawTexts(texts) {
	context.fillStyle = '#101418';
	for (const [text, x, y, width, plate] of texts) {
		const cut = fitText(text, width - 6);
		if (cut.length < 2)
			continue;
		if (plate) {
			context.fillStyle = plate;
			context.fillRect(x + 1, y - 10, widthOf(cut) + 5, 12);
			context.fillStyle = '#101418';
		}
		context.fillText(cut, x + 3, y);
	}
}

function hatch(x, y, width, height) {
	context.save();
	context.beginPath();
	context.rect(x, y, width, height);
	context.clip();
	context.strokeStyle = 'rgba(255,255,255,0.6)';
	context.beginPath();
	for (let at = Math.floor(x / 7) * 7 - height; at < x + width; at += 7) {
		context.moveTo(at, y + height);
		context.lineTo(at + height, y);
	}
	context.stroke();
	context.restore();
}

// The latest rank of a collective, for which the others wait: a frame, and a word where there is room.
function drawLate(x, y, width) {
	context.strokeStyle = theme.late;
	context.lineWidth = 2;
	context.strokeRect(x + 1, y + 1, Math.max(width - 2, 1), ROW - 4);
	context.lineWidth = 1;
}

function drawTrack({ track }, top) {
	const texts = [];
	const tall = rowHeight(track);
	const late = source.latest(track.id);
	const frames = [];
	let runX = 0, runEnd = -1, runStyle = null;
	for (let row = 0; row < track.rows; row++) {
		const y = top + 2 + row * tall;
		if (y > state.height || y + tall < AXIS)
			continue;
		const flush = () => {
			if (runStyle !== null) {
				context.fillStyle = runStyle;
				context.fillRect(runX, y, runEnd - runX, tall - 2);
			}
			runStyle = null;
		};
		source.paint(track.id, row, state.start, state.end, room(), (first, last, busy, label, index) => {
			const x = GUTTER + first;
			const end = Math.min(GUTTER + last, state.width);
			const style = shadesOf(label)[Math.ceil(busy * SHADES)];
			if (end - x < 2 && style === runStyle && x <= runEnd + 0.01) {
				runEnd = Math.max(runEnd, end);
				return;
			}
			flush();
			runX = x;
			runEnd = Math.max(end, x + 0.5);
			runStyle = style;
			if (end - x >= 5) {
				runEnd -= 0.7;
				flush();
				if (track.kind === 'waits')
					hatch(x, y, end - x, tall - 2);
				const isLate = late.has(index);
				if (isLate)
					frames.push([x, y, end - x]);
				if (end - x > 24 && tall === ROW)
					texts.push([(isLate ? 'latest: ' : '') + visible(source.label(label).name, 160),
						x, y + 11.5, end - x, track.kind === 'waits' ? '#f0a3a3' : null]);
			}
		});
		flush();
	}
	drawInstants(track, top);
	for (const frame of frames)
		drawLate(...frame);
	drawTexts(texts);
}

function drawInstants(track, top) {
	const { times } = source.instants(track.id);
	context.fillStyle = theme.accent;
	const wide = (state.end - state.start) / room();
	for (let i = firstAfter(times, state.start - 1); i < times.length && times[i] <= state.end;
		i = firstAfter(times, times[i] + wide, i)) {
		const x = toX(times[i]);
		context.beginPath();
		context.moveTo(x, top + 5);
		context.lineTo(x + 3, top);
		context.lineTo(x - 3, top);
		context.fill();
	}
}

function drawGutter(row, top) {
	const isHead = row.kind === 'process';
	context.fillStyle = isHead ? theme.panel : theme.back;
	context.fillRect(0, top, isHead ? state.width : GUTTER, row.height);
	context.fillStyle = theme.line;
	context.fillRect(0, top, state.width, isHead ? 1 : 0.5);
	context.fillStyle = isHead ? theme.text : theme.dim;
	if (isHead) {
		drawHead(row, top);
		return;
	}
	const { minimum, maximum, series, isConstant, values } = source.counters[row.index] || {};
	const name = isConstant ? `${row.name}: ${formatValue(values[0], series)}` : row.name;
	const isThin = row.kind === 'track' && rowHeight(row.track) === THIN;
	if (!isThin || row.track.lane === 1)
		context.fillText(isThin ? 'overlapping' : fitText(visible(name, 200), GUTTER - 26), isThin ? 32 : 20,
			top + (isThin ? 8 : 13));
	if (row.kind === 'counter' && !isConstant) {
		const least = minimum === 0 ? '0' : formatValue(minimum, series);
		const scale = `${least} \u2026 ${formatValue(maximum, series)}`;
		context.globalAlpha = 0.7;
		context.fillText(fitText(scale, GUTTER - 26), 20, top + 25);
		context.globalAlpha = 1;
	}
}

// A folded process still shows what runs on it; findings are no work, and stand beside the timeline.
function drawHead({ process, name }, top) {
	const isClosed = state.closed.has(process.id);
	const findings = process.kind === 'job' && source.analysis ? source.analysis.findings.length : 0;
	if (isClosed && findings === 0) {
		const own = source.tracks.filter((track) => track.process === process.id && track.rows > 0);
		const work = own.filter(({ kind }) => kind === 'work');
		for (const track of work.length > 0 ? work : own.slice(0, 1))
			source.paint(track.id, 0, state.start, state.end, room(), (first, last, busy, label) => {
				const x = GUTTER + first;
				context.fillStyle = shadesOf(label)[Math.ceil(busy * SHADES)];
				context.fillRect(x, top + 4, Math.max(Math.min(GUTTER + last, state.width) - x, 0.5),
					HEADING - 7);
			});
	}
	context.fillStyle = theme.text;
	context.font = `600 ${FONT}`;
	const told = findings === 0 ? '' : findings === 1 ? ': 1 finding' : `: ${findings} findings`;
	const text = (isClosed ? '\u25b8 ' : '\u25be ') + visible(name, 200) + told;
	const fits = isClosed ? GUTTER - 12 : state.width - 20;
	const width = context.measureText(text).width;
	context.fillText(width > fits ? text.slice(0, Math.floor(text.length * fits / width) - 1) + '\u2026' : text, 8,
		top + 15);
	context.font = FONT;
}

// Where a slice is on the canvas; null where its row is not shown.
function placeOf({ track, index }) {
	const row = state.rows.find((one) => one.kind === 'track' && one.track.id === track);
	if (!row)
		return null;
	const slice = source.brief(track, index);
	if (!slice)
		return null;
	const y = row.top - scroller.scrollTop + 2 + slice.row * rowHeight(row.track);
	return { x: toX(slice.start), end: toX(slice.start + slice.duration), y };
}

function drawSelection() {
	context.save();
	context.beginPath();
	context.rect(GUTTER, AXIS, room(), state.height);
	context.clip();
	context.lineWidth = 1.5;
	for (const { from, to, kind } of state.flows) {
		const [a, b] = [placeOf(from), placeOf(to)];
		if (!a || !b)
			continue;
		context.strokeStyle = kind === 'launch' ? theme.accent : '#d1495b';
		const bend = Math.max(Math.abs(b.x - a.x) / 2, 20);
		const [y1, y2] = [a.y + ROW / 2 - 1, b.y + ROW / 2 - 1];
		context.beginPath();
		context.moveTo(a.x, y1);
		context.bezierCurveTo(a.x + bend, y1, b.x - bend, y2, b.x, y2);
		context.moveTo(b.x - 6, y2 - 4);
		context.lineTo(b.x, y2);
		context.lineTo(b.x - 6, y2 + 4);
		context.stroke();
	}
	const place = state.selected && !state.selected.isInstant && placeOf(state.selected);
	if (place) {
		context.strokeStyle = theme.text;
		context.lineWidth = 2;
		context.strokeRect(place.x, place.y, Math.max(place.end - place.x, 2), ROW - 2);
	}
	if (state.range) {
		const [a, b] = [toX(state.range[0]), toX(state.range[1])];
		context.fillStyle = 'rgba(90,150,240,0.16)';
		context.fillRect(a, AXIS, b - a, state.height);
		context.fillStyle = theme.accent;
		context.fillRect(a, AXIS, 1, state.height);
		context.fillRect(b, AXIS, 1, state.height);
	}
	context.restore();
	context.lineWidth = 1;
}

// How busy the GPUs (without any: all tracks) are, over the whole time.
function densityOf(pixels) {
	const gpus = source.tracks.filter((track) => track.kind === 'work' && track.rows > 0);
	const list = gpus.length > 0 ? gpus : source.tracks.filter((track) => track.rows > 0);
	const sums = new Float64Array(pixels);
	const wide = (source.end - source.start) / pixels;
	for (const track of list) {
		const own = new Float64Array(pixels);
		source.paint(track.id, 0, source.start, source.end, pixels, (first, last, busy) => {
			for (let x = Math.floor(first); x < Math.min(Math.ceil(last), pixels); x++)
				own[x] += busy * (Math.min(last, x + 1) - Math.max(first, x));
		});
		// A slice that begins in a pixel with others is in both.
		own.forEach((share, x) => sums[x] += Math.min(share, 1));
	}
	return { sums, most: Math.max(1e-9, ...sums), wide };
}

function drawOverview() {
	const overview = element('overview');
	const pen = overview.getContext('2d', { alpha: false });
	const scale = window.devicePixelRatio || 1;
	const [width, height] = [overview.clientWidth, overview.clientHeight];
	pen.setTransform(scale, 0, 0, scale, 0, 0);
	state.density ||= densityOf(Math.max(width, 1));
	pen.fillStyle = theme.back;
	pen.fillRect(0, 0, width, height);
	pen.fillStyle = theme.isDark ? '#4f7fb8' : '#86aede';
	state.density.sums.forEach((sum, x) => {
		const tall = sum / state.density.most * (height - 6);
		if (tall > 0)
			pen.fillRect(x, height - Math.max(tall, 1), 1, Math.max(tall, 1));
	});
	const place = (ns) => (ns - source.start) / (source.end - source.start) * width;
	const [a, b] = [place(state.start), place(state.end)];
	pen.fillStyle = theme.isDark ? 'rgba(0,0,0,0.5)' : 'rgba(90,100,115,0.22)';
	pen.fillRect(0, 0, a, height);
	pen.fillRect(b, 0, width - b, height);
	pen.strokeStyle = theme.accent;
	pen.strokeRect(Math.max(a, 0) + 0.5, 0.5, Math.max(Math.min(b, width) - Math.max(a, 0), 2) - 1, height - 1);
}

function draw() {
	context.font = FONT;
	context.fillStyle = theme.back;
	context.fillRect(0, 0, state.width, state.height);
	drawSteps();
	const shown = state.rows.filter((row) => row.top + row.height > scroller.scrollTop + AXIS &&
		row.top < scroller.scrollTop + state.height);
	for (const row of shown) {
		const top = row.top - scroller.scrollTop;
		if (row.kind === 'track')
			drawTrack(row, top);
		else if (row.kind === 'counter')
			drawCounter(row, top);
		drawGutter(row, top);
	}
	drawSelection();
	drawAxis();
	drawOverview();
}

// SPDX-License-Identifier: MIT
// Counters as areas: a sample holds until the next. Of many samples in a pixel the highest is drawn, then the last.

const PEAK = 64;		// samples

function peaksOf(values) {
	const peaks = new Float64Array(Math.ceil(values.length / PEAK)).fill(-Infinity);
	for (let i = 0; i < values.length; i++)
		peaks[i / PEAK | 0] = Math.max(peaks[i / PEAK | 0], values[i]);
	return peaks;
}

// Of samples [from, to): only the rims are looked at one by one.
function highestOf({ values, peaks }, from, to) {
	let most = -Infinity;
	for (let i = from; i < to;) {
		const isWhole = i % PEAK === 0 && i + PEAK <= to;
		most = Math.max(most, isWhole ? peaks[i / PEAK] : values[i]);
		i += isWhole ? PEAK : 1;
	}
	return most;
}

function firstAfter(times, time, from = 0) {
	let [low, high] = [from, times.length];
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (times[middle] <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

function drawArea(x, right, y, zero) {
	context.fillRect(x, Math.min(y, zero), Math.max(right - x, 1), Math.max(Math.abs(zero - y), 0.5));
}

function drawCounter(row, top) {
	const counter = source.samples(row.index);
	if (counter.isConstant)
		return;
	const { times, values, minimum, maximum } = counter;
	const height = COUNTER - 5;
	const toY = (value) => top + 3 + height * (1 - (value - minimum) / Math.max(maximum - minimum, 1e-9));
	const zero = toY(0);
	context.fillStyle = theme.isDark ? '#4f7fb8' : '#9dbfe6';
	const wide = (state.end - state.start) / room();
	let i = Math.max(firstAfter(times, state.start) - 1, 0);
	while (i < times.length && times[i] < state.end) {
		const x = Math.max(toX(times[i]), GUTTER);
		const next = Math.max(firstAfter(times, toNs(x) + wide, i), i + 1);
		const right = next < times.length ? Math.min(toX(times[next]), state.width) : toX(source.end);
		drawArea(x, x + 1, toY(highestOf(counter, i, next)), zero);
		drawArea(x, right, toY(values[next - 1]), zero);
		i = next;
	}
}

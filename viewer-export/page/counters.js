// SPDX-License-Identifier: MIT
// Counters as areas: a sample holds until the next. Of many samples in a pixel the highest is drawn, then the last.

function firstAfter(times, time) {
	let [low, high] = [0, times.length];
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
	const { times, values, minimum, maximum } = counter;
	const height = COUNTER - 5;
	const toY = (value) => top + 3 + height * (1 - (value - minimum) / Math.max(maximum - minimum, 1e-9));
	const zero = toY(0);
	context.fillStyle = theme.isDark ? '#4f7fb8' : '#9dbfe6';
	let i = Math.max(firstAfter(times, state.start) - 1, 0);
	while (i < times.length && times[i] < state.end) {
		const x = Math.max(toX(times[i]), GUTTER);
		let next = i + 1;
		let value = values[i];
		while (next < times.length && toX(times[next]) < x + 1) {
			value = Math.max(value, values[next]);
			next++;
		}
		const right = next < times.length ? Math.min(toX(times[next]), state.width) : toX(source.end);
		drawArea(x, x + 1, toY(value), zero);
		drawArea(x, right, toY(values[next - 1]), zero);
		i = next;
	}
	context.fillStyle = theme.dim;
	context.textAlign = 'right';
	context.fillText(maximum.toLocaleString('en'), state.width - 6, top + 11);
	context.textAlign = 'left';
}

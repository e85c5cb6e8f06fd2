// SPDX-License-Identifier: MIT
// Of a range of time: how busy each GPU is, which kernels take it, why it idles. Sums are exact.

const isCommunication = (label) => label.color === 'thread_state_iowait';

// Union in [from, to) of the slices that pass, over tracks.
async function unionOf(tracks, from, to, passes) {
	const edges = [];
	for (const track of tracks)
		await source.each(track.id, from, to, (start, end, label, row) => {
			if (row === 0 && passes(label))
				edges.push([Math.max(start, from), Math.min(end, to)]);
		});
	edges.sort((a, b) => a[0] - b[0]);
	let sum = 0;
	let reach = from;
	for (const [start, end] of edges) {
		sum += Math.max(0, end - Math.max(start, reach));
		reach = Math.max(reach, end);
	}
	return sum;
}

async function sumByLabel(tracks, from, to) {
	const sums = new Map();
	for (const track of tracks)
		await source.each(track.id, from, to, (start, end, label) => {
			const { name } = source.label(label);
			const sum = sums.get(name) || { ns: 0, count: 0 };
			sum.ns += Math.min(end, to) - Math.max(start, from);
			sum.count++;
			sums.set(name, sum);
		});
	return [...sums].sort((a, b) => b[1].ns - a[1].ns || (a[0] < b[0] ? -1 : 1));
}

async function statisticsOf(from, to) {
	const gpus = [];
	for (const process of source.processes.filter(({ kind }) => kind === 'gpu')) {
		const own = source.tracks.filter((track) => track.process === process.id);
		const work = own.filter((track) => track.kind === 'work' || track.kind === 'graphs');
		const busy = await unionOf(work, from, to, () => true);
		const rest = await unionOf(work, from, to, (label) => !isCommunication(source.label(label)));
		gpus.push({ name: process.name, busy, exposed: busy - rest,
			idle: await sumByLabel(own.filter((track) => track.kind === 'idle'), from, to) });
	}
	const kernels = await sumByLabel(source.tracks.filter((track) => track.kind === 'work'), from, to);
	return { from, to, gpus, kernels };
}

async function showRange() {
	const place = element('range');
	place.replaceChildren();
	place.hidden = !state.range;
	if (!state.range)
		return;
	if (!source.isWhole) {
		place.append(make('p', 'dim', 'still reading: numbers come when all is there'));
		return;
	}
	const { range } = state;
	let told;
	try {
		told = await statisticsOf(...range);
	} catch (problem) {
		place.replaceChildren(make('p', 'dim', visible(problem.message)));
		return;
	}
	if (state.range !== range)
		return;
	const { from, to, gpus, kernels } = told;
	const span = to - from;
	const idle = gpus.flatMap((gpu) => gpu.idle.map(([cause, sum]) => [gpu.name, visible(cause, 60),
		formatTime(sum.ns)]));
	place.replaceChildren(make('h2', '', `Range of ${formatTime(span)} from ${formatTime(from)}`),
		table([['GPU', 'busy', 'exposed comm.'], ...gpus.map((gpu) => [visible(gpu.name, 60),
			formatShare(gpu.busy, span), formatTime(gpu.exposed)])]));
	if (idle.length > 0)
		place.append(make('h2', '', 'Idle, by cause'), table(idle));
	place.append(make('h2', '', 'Kernels and copies'), table(kernels.slice(0, 30).map(([name, sum]) =>
		[visible(name, 80), `${sum.count}\u202f\u00d7`, formatTime(sum.ns)])),
	make('div', 'row', button('zoom to it', () => setView(from, to)),
		button('close', () => setRange(null))));
	element('panel').scrollTop = 0;
}

function setRange(range) {
	state.range = range && [Math.round(range[0]), Math.round(range[1])];
	redraw();
	return showRange();
}

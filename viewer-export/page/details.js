// SPDX-License-Identifier: MIT
// What was clicked, with all its numbers, and ways to what it belongs to.

function trackOf(id) {
	return source.tracks.find((track) => track.id === id);
}

function processOf(track) {
	return source.processes.find((process) => process.id === track.process);
}

function argumentText(value) {
	return visible(Array.isArray(value) ? value.join(' \u00d7 ') : String(value));
}

const lineOf = ([key, value]) => key.endsWith(' ns') ? [visible(key.slice(0, -3)), formatExact(value)] :
	[visible(key), argumentText(value)];

function flowButton(flow, selected) {
	const isTo = flow.to.track === selected.track && flow.to.index === selected.index;
	const other = isTo ? flow.from : flow.to;
	const word = flow.kind === 'launch' ? (isTo ? 'launched by' : 'launches') :
		isTo ? 'waited for' : 'made wait';
	const name = visible(source.brief(other.track, other.index).name, 60);
	return button(`${word} ${name}`, () => goTo(other, true));
}

function showDetails(slice) {
	const place = element('details');
	place.replaceChildren();
	place.hidden = !slice;
	if (!slice)
		return;
	const { track, isInstant } = state.selected;
	const where = trackOf(track);
	place.append(make('h2', 'name', visible(slice.name || '(no name)')),
		table([['kind', slice.category], ['start', formatExact(slice.start)],
			['duration', formatExact(slice.duration)],
			['end', formatExact(slice.start + slice.duration)],
			['track', visible(where.name)], ['process', visible(processOf(where).name)],
			...slice.arguments.map(lineOf)]));
	const ways = state.flows.slice(0, 12).map((flow) => flowButton(flow, state.selected));
	if (!isInstant)
		ways.push(button('zoom to it', () => goTo(state.selected, false)));
	place.append(make('div', 'row', ...ways));
	element('panel').scrollTop = 0;
}

// The answers of a server come later, perhaps when something else is selected.
async function select(selected) {
	state.selected = selected;
	state.flows = [];
	redraw();
	if (!selected) {
		showDetails(null);
		return;
	}
	const { track, index, isInstant } = selected;
	const slice = await (isInstant ? source.instant(track, index) : source.slice(track, index));
	const flows = isInstant ? [] : await source.flows(track, index);
	if (state.selected !== selected)
		return;
	state.flows = flows;
	showDetails(slice);
	redraw();
}

const TOLD = new Set(['step', 'call', 'range', 'next operation', 'latest rank', 'operation', 'bytes', 'GB/s',
	'communication wait ns', 'idle ns']);

function wordsOf({ track, index, isInstant }) {
	const slice = isInstant ? source.instant(track, index) : source.brief(track, index);
	const told = slice.arguments.filter(([key]) => TOLD.has(key)).slice(0, 4);
	return [slice.name || '(no name)', isInstant ? `at ${formatTime(slice.start)}, ${slice.category}` :
		`${formatTime(slice.duration)} at ${formatTime(slice.start)}, ${slice.category}`,
	...source.latest(track).has(index) && !isInstant ? ['the latest of its collective: others wait for it'] : [],
	...told.map(([key, value]) => `${key}: ${key.endsWith(' ns') ? formatTime(Number(value)) :
		argumentText(value)}`)];
}

function showTip(hit, x, y) {
	const tip = element('tip');
	tip.hidden = !hit;
	if (!hit)
		return;
	const [name, ...lines] = hit.words || wordsOf(hit);
	tip.replaceChildren(make('div', '', visible(name, 200)),
		...lines.map((line) => make('div', 'dim', visible(line, 200))));
	tip.style.left = `${Math.min(x + 14, window.innerWidth - tip.offsetWidth - 8)}px`;
	tip.style.top = `${Math.min(y + 14, window.innerHeight - tip.offsetHeight - 8)}px`;
}

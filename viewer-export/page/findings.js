// SPDX-License-Identifier: MIT
// What the analysis found, each with a way to where it shows.

// A place for the finding: the longest piece of idle time or of waiting of its GPU, else the GPU.
function placeOfFinding({ name, process, place }) {
	if (place !== undefined)
		return place && { track: place.track, index: place.row };
	const kinds = /idle|launch|sync|host|stall|gap/.test(name) ? ['idle', 'waits'] : ['waits', 'idle'];
	const near = source.tracks.filter((track) => track.process === process);
	for (const kind of kinds)
		for (const track of near.length > 0 ? near : source.tracks)
			if (track.kind === kind && track.count > 0)
				return { track: track.id, index: source.longest(track.id) };
	return null;
}

function goToFinding(finding) {
	const place = placeOfFinding(finding);
	if (place) {
		source.know(finding.place);
		goTo(place, false);
		return;
	}
	const row = state.rows.find((one) => one.kind === 'process' && one.process.id === finding.process);
	fitView();
	if (row)
		scroller.scrollTop = Math.max(0, row.top - AXIS);
}

function showFindings() {
	const place = element('findings');
	const { analysis } = source;
	const texts = { none: 'no rank makes the others wait', culprit: 'one rank makes the others wait',
		'co-culprits': 'some ranks make the others wait', rotating: 'the latest rank changes from step to step',
		pause: 'pauses, not a slow rank', limited: 'not enough evidence for a straggler',
		unknown: 'no straggler can be told' };
	if (!analysis) {
		const { hint } = source;
		element('verdict').textContent = '';
		place.replaceChildren(make('h2', '', 'Findings'), make('p', 'dim', hint));
		return;
	}
	const verdict = texts[analysis.verdict] || analysis.verdict;
	// The words of the report; a sidecar of an older version has none.
	const words = (analysis.words || verdict).split('\n').filter((line) => line);
	const age = analysis.current === false ? ' (analysed before the traces changed)' : '';
	element('verdict').textContent = visible(`Verdict: ${words[0]}${age}`);
	element('verdict').title = words.map(visible).join('\n');
	place.replaceChildren(make('h2', '', 'Verdict'), ...words.map((line) => make('p', '', visible(line))),
		make('h2', '', `Findings (${analysis.findings.length})`),
		make('p', 'dim', visible(`Straggler: ${verdict}${analysis.reason ? `; ${analysis.reason}` : ''}.`)),
		...analysis.findings.map(foldedFinding));
}

// The first is open; of the others their names show.
function foldedFinding(finding, i) {
	const severity = ['error', 'warning', 'info'].includes(finding.severity) ? finding.severity : '';
	const made = make('details', '', make('summary', '',
		make('span', `severity ${severity}`, finding.severity), ` ${visible(finding.name)}`,
		finding.gpu_ns > 0 ? `, ${formatTime(Number(finding.gpu_ns), 1)}` : ''),
	make('p', '', visible(finding.text)), make('p', 'advice', visible(finding.advice)),
	button('show', () => goToFinding(finding)));
	made.open = i === 0;
	return made;
}

function showColors() {
	const causes = new Map();
	for (const label of source.labels)
		if (label.category === 'idle')
			causes.set(label.name, rgbText(colorOf(label)));
	const kinds = [['kernel', 'kernel'], ['communication', 'nccl'], ['copy', 'gpu_memcpy'],
		['memset', 'gpu_memset'], ['synchronisation', 'sync']]
		.map(([name, category]) => [name, rgbText(colorOf({ name, category }))]);
	const line = ([name, color]) => {
		const swatch = make('span', 'swatch');
		swatch.style[color ? 'background' : 'border'] = color || '2px solid var(--late)';
		return make('li', '', swatch, ` ${visible(name, 60)}`);
	};
	element('colors').replaceChildren(make('h2', '', 'Colours'), make('ul', '', ...kinds.map(line),
		...[...causes].map(([name, color]) => line([`idle: ${name}`, color])),
		...source.flowList.length > 0 ? [line(['latest rank of a collective', null])] : []));
}

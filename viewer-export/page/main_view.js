// SPDX-License-Identifier: MIT
// The page of `laggard view`: the same page, with a source that asks the server. `laggard` is what a test looks at.

function showStatus(tiles) {
	element('progress').textContent = tiles.status;
	element('progress').hidden = tiles.status === '';
}

function followSource(tiles) {
	let hadAnalysis = Boolean(tiles.analysis);
	let labelCount = 0;
	tiles.onChange = (what) => {
		if (what === 'tracks' && Boolean(tiles.analysis) !== hadAnalysis) {
			hadAnalysis = !hadAnalysis;
			showFindings();
		}
		if (tiles.labels.length > labelCount) {
			labelCount = tiles.labels.length;
			showColors();
		}
		if (what === 'tracks' || what === 'rows')
			layOut();
		if (what === 'tracks' || what === 'whole')
			state.density = null;
		showStatus(tiles);
		redraw();
	};
}

async function start() {
	setTheme(window.matchMedia('(prefers-color-scheme: dark)').matches);
	const tiles = new TileSource();
	await tiles.load();
	element('progress').classList.add('aside');
	showStatus(tiles);
	showSource(tiles);
	followSource(tiles);
	listen();
	draw();
	window.laggard = { source, state, statisticsOf, goTo, select, find, setView, setRange, placeOf, draw, toX,
		fitView };
	document.body.dataset.state = 'ready';
}

start().catch((error) => {
	element('progress').textContent = `cannot show the traces: ${error.message}`;
	document.body.dataset.state = 'failed';
	throw error;
});

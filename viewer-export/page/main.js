// SPDX-License-Identifier: MIT
// From the data to the first picture. `laggard` is what a test looks at; its times begin with the way to the page.

async function start() {
	const dark = window.matchMedia('(prefers-color-scheme: dark)');
	setTheme(dark.matches);
	source = new EmbeddedSource();
	source.onChange = redraw;
	await source.load();
	element('progress').remove();
	const loaded = performance.now();
	dark.onchange = () => {
		setTheme(dark.matches);
		redraw();
	};
	showFindings();
	showColors();
	foldJob();
	resize();
	followHash();
	listenToPointer();
	listenToKeys();
	window.onresize = resize;
	window.onhashchange = followHash;
	draw();
	window.laggard = { source, state, statisticsOf, goTo, select, find, setView, setRange, placeOf, draw,
		toX, fitView, loadMs: loaded, firstDrawMs: performance.now() };
	document.body.dataset.state = 'ready';
}

start().catch((error) => {
	const progress = element('progress') || document.body.appendChild(make('p', 'error'));
	progress.textContent = `cannot show this file: ${error.message}`;
	document.body.dataset.state = 'failed';
	throw error;
});

// SPDX-License-Identifier: MIT
// From the data to the first picture, and to the whole. `laggard` is what a test looks at; its times begin with the
// way to the page.

// When the browser has put on the screen what was drawn just now.
function shownAt() {
	return new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => resolve(performance.now()))));
}

// What can be seen before all is decoded; where there is no picture, the page waits.
async function showPicture() {
	const picture = new PictureSource();
	const isGood = await picture.load().catch(() => false);
	if (!isGood || source !== null)
		return;
	showSource(picture);
	listen();
	element('progress').textContent = 'coarse picture, reading the rest';
	element('progress').classList.add('aside');
	document.body.dataset.picture = 'drawn';
	window.laggard = { ...window.laggard, picture };
	shownAt().then((time) => window.laggard = { ...window.laggard, pictureMs: time });
}

async function start() {
	setTheme(window.matchMedia('(prefers-color-scheme: dark)').matches);
	const wanted = location.hash;
	const whole = new EmbeddedSource();
	const loading = whole.load();
	await Promise.race([loading, showPicture()]);
	await loading;
	const loaded = performance.now();
	const isFirst = source === null;
	element('progress').remove();
	showSource(whole);
	if (isFirst)
		listen();
	else if (state.selected === null)
		followSelection(wanted);
	if (state.range)
		showRange();
	draw();
	window.laggard = { ...window.laggard, source, state, statisticsOf, goTo, select, find, setView, setRange,
		placeOf, draw, toX, fitView, loadMs: loaded, firstDrawMs: performance.now() };
	document.body.dataset.state = 'ready';
}

start().catch((error) => {
	const progress = element('progress') || document.body.appendChild(make('p', 'error'));
	progress.textContent = `cannot show this file: ${error.message}`;
	document.body.dataset.state = 'failed';
	throw error;
});

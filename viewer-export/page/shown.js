// SPDX-License-Identifier: MIT
// The page with a source: the same for one that is embedded and one that asks a server.

function showSource(made) {
	const isFirst = source === null;
	source = made;
	source.onChange = redraw;
	palette.shades = [];
	state.density = null;
	showFindings();
	showColors();
	if (isFirst)
		foldJob();
	resize();
	if (isFirst)
		followHash();
}

function listen() {
	const dark = window.matchMedia('(prefers-color-scheme: dark)');
	dark.onchange = () => {
		setTheme(dark.matches);
		redraw();
	};
	listenToPointer();
	listenToKeys();
	window.onresize = resize;
	window.onhashchange = followHash;
}

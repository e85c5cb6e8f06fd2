// SPDX-License-Identifier: MIT
// Light and dark, and what colour a slice has: the kind decides, and among kernels and ranges the name.

const theme = { isDark: false, back: '', line: '', text: '', dim: '', band: '', accent: '', late: '' };
const SHADES = 16;
const CAUSES = { sync: '#3c8dad', 'after-sync': '#7fb7c9', alloc: '#c9a227', 'module-load': '#a08a5b',
	'comm-setup': '#d98880', data: '#8d6cab', 'launch-bound': '#6a994e', 'host-other': '#e08e45',
	'blocked-comm': '#f0703c', 'blocked-copy': '#48a868', 'blocked-stream': '#6f7fd8', 'launch-latency': '#d1495b',
	unexplained: '#9aa0a6', 'not-recorded': '#c9ced6' };		// idle_cause.h names them
const palette = { styles: [], shades: [] };	// by label: colour; by label: strings of growing opacity

function hashOf(text) {
	let hash = 7;
	for (let i = 0; i < text.length && i < 200; i++)
		hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
	return (hash ^ hash >>> 15) >>> 0;
}

function rgbOf(hue, saturation, light) {
	const spread = saturation * Math.min(light, 1 - light);
	const part = (n) => {
		const k = (n + hue / 30) % 12;
		return Math.round(255 * (light - spread * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
	};
	return [part(0), part(8), part(4)];
}

function hexOf(text) {
	return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

function colorOf({ name, category, color }) {
	const hash = hashOf(name);
	if (category === 'idle')
		return hexOf(CAUSES[name] || CAUSES.unexplained);
	if (color === 'thread_state_iowait' || category === 'nccl' || category === 'collective')
		return rgbOf(20, 0.85, 0.54);
	if (category === 'collective wait')
		return rgbOf(352, 0.7, 0.5);
	if (category === 'step')
		return color === 'grey' ? rgbOf(215, 0.1, 0.6) : rgbOf(215, 0.45, 0.55 + 0.08 * (hash & 1));
	if (category === 'finding')
		return color === 'terrible' ? rgbOf(4, 0.7, 0.5) : color === 'bad' ? rgbOf(38, 0.8, 0.5) :
			rgbOf(150, 0.35, 0.45);
	if (category === 'gpu_memcpy')
		return rgbOf(130, 0.42, 0.46);
	if (category === 'gpu_memset')
		return rgbOf(75, 0.4, 0.46);
	if (category === 'sync' || category === 'overhead' || /[Ss]ynchronize/.test(name))
		return rgbOf(215, 0.06, 0.62);
	if (category === 'kernel' || category === 'cuda_graph')
		return rgbOf(190 + hash % 90, 0.48 + (hash >>> 8) % 12 / 100, 0.52 + (hash >>> 12) % 12 / 100);
	return rgbOf(hash % 360, 0.32, 0.6);
}

function rgbText([red, green, blue]) {
	return `rgb(${red},${green},${blue})`;
}

function shadesOf(label) {
	let shades = palette.shades[label];
	if (!shades) {
		const [red, green, blue] = colorOf(source.label(label));
		shades = [];
		for (let i = 0; i <= SHADES; i++)
			shades.push(`rgba(${red},${green},${blue},${(0.26 + 0.74 * i / SHADES).toFixed(3)})`);
		palette.shades[label] = shades;
	}
	return shades;
}

function setTheme(isDark) {
	document.documentElement.classList.toggle('dark', isDark);
	const style = getComputedStyle(document.documentElement);
	for (const name of ['back', 'line', 'text', 'dim', 'accent', 'panel', 'late'])
		theme[name] = style.getPropertyValue(`--${name}`).trim();
	theme.isDark = isDark;
	theme.band = isDark ? 'rgba(255,255,255,0.045)' : 'rgba(20,60,120,0.05)';
}

// SPDX-License-Identifier: MIT
// Numbers and texts for a person. Text of a trace only ever becomes textContent or text on a canvas.

function formatTime(ns, digits = 3) {
	const size = Math.abs(ns);
	const [unit, name] = size >= 1e9 ? [1e9, 's'] : size >= 1e6 ? [1e6, 'ms'] :
		size >= 1e3 ? [1e3, 'us'] : [1, 'ns'];
	return `${(ns / unit).toFixed(unit === 1 ? 0 : digits)} ${name}`;
}

// As many digits as tell one tick from the next.
function formatTick(ns, step) {
	const size = Math.abs(ns);
	const unit = size >= 1e9 ? 1e9 : size >= 1e6 ? 1e6 : size >= 1e3 ? 1e3 : 1;
	return ns === 0 ? '0' : formatTime(ns, Math.max(0, Math.ceil(Math.log10(unit / step) - 1e-9)));
}

// 1234567.8 to 1,234,567.8. (toLocaleString takes 50 ms when it is called first.)
function grouped(digits) {
	const [whole, part] = digits.split('.');
	return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',') + (part ? `.${part}` : '');
}

// A counter's value with its unit, in the size a person would say.
function formatValue(value, unit) {
	const size = Math.abs(value);
	const [scale, prefix] = size >= 1e9 ? [1e9, 'G'] : size >= 1e6 ? [1e6, 'M'] : [1e3, 'k'];
	const round = (number) => grouped(String(Math.round(number * 10) / 10));
	if (unit === 'bytes')
		return size < 1000 ? `${value} B` : `${round(value / scale)} ${prefix}B`;
	if (unit === 'mW')
		return `${round(value / 1000)} W`;
	if (unit === 'MB/s' && size >= 1000)
		return `${round(value / 1000)} GB/s`;
	return `${round(value)} ${/^[\w%/\u00b0]{1,6}$/.test(unit) ? unit : ''}`.trim();
}

// Every nanosecond, in groups of three digits.
function formatExact(ns) {
	return `${String(ns).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f')} ns`;
}

function formatShare(part, whole) {
	return whole > 0 ? `${(100 * part / whole).toFixed(1)} %` : '';
}

// Control characters and those that turn the direction of text show as what they are.
function visible(text, limit = Infinity) {
	const cut = text.length > limit ? text.slice(0, limit) + '\u2026' : text;
	return cut.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g, (sign) =>
		sign < ' ' ? String.fromCharCode(0x2400 + sign.charCodeAt(0)) : `\u27e8U+${
			sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}\u27e9`);
}

function element(id) {
	return document.getElementById(id);
}

// make('p', 'class', 'text', child, ...)
function make(tag, style, ...inside) {
	const made = document.createElement(tag);
	if (style)
		made.className = style;
	made.append(...inside);
	return made;
}

function button(text, act) {
	const made = make('button', '', text);
	made.onclick = act;
	return made;
}

function table(rows) {
	return make('table', '', make('tbody', '', ...rows.map((cells) => make('tr', '', ...cells.map((cell, i) =>
		i === 0 ? make('th', '', cell) : make('td', typeof cell === 'string' && /^[\d\u202f.,%-]/.test(cell) &&
			cells.length > 2 ? 'number' : '', cell instanceof Node ? cell : make('div', 'cell', cell)))))));
}

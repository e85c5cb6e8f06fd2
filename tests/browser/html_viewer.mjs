// SPDX-License-Identifier: MIT
// Opens HTML exports in a headless Chromium from file:// and prints, one JSON line a page, what the page holds and
// what it did when it was used: slices, instants, counters, launches, complaints, requests, times.
//
//     node html_viewer.mjs PICTURE-FOLDER|- PAGE.html...
//
// Environment: CHROMIUM names the program; BRIEF=1: times and memory only.

import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const NAMES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync',
	'--enable-precise-memory-info', '--js-flags=--expose-gc'];
const LOAD_MS_MAX = 120000;

// Runs in the page: everything it decoded, as one text: as objects the way out would take ten times as long.
function readAll() {
	const { source } = window.laggard;
	const tracks = source.tracks.map((track) => {
		const { data } = track;
		const slices = [];
		for (let row = 0; row < data.rows; row++)
			for (let i = data.first[row]; i < data.first[row + 1]; i++)
				slices.push([data.start(i), data.duration(i), data.label(i), row]);
		const launches = [];
		const own = [];
		for (const block of track.blocks)
			source.readBlock(block, (i, values, flow) => {
				own.push(values);
				if (flow > 0)
					launches.push([flow, values.find(([key]) => key === 'correlation')[1]]);
			});
		return { id: track.id, kind: track.kind, name: track.name, slices, launches, own,
			instants: [...track.points.times] };
	});
	const counters = source.counters.map(({ process, name, series, times, values }) =>
		({ process, name, series, samples: [...times].map((time, i) => [time, values[i]]) }));
	return JSON.stringify({ base: source.head.base_ns, tracks, counters,
		labels: source.labels.map(({ name, category }) => [name, category]),
		arrows: source.flowList.map(({ fromTime }) => fromTime),
		latest: source.tracks.reduce((sum, { id }) => sum + source.latest(id).size, 0),
		findings: source.analysis?.findings.map(({ text }) => text),
		panel: document.getElementById('findings').textContent });
}

// Runs in the page: shading at several zooms, against sums of its own; some arrows, from both ends.
function probe() {
	const { source } = window.laggard;
	const bad = [];
	const busy = [];
	for (const track of source.tracks.filter((one) => one.rows > 0).slice(0, 40)) {
		const span = Math.ceil(source.end - source.start);
		for (const wide of [Math.ceil(span / 800), Math.ceil(span / 8000), 7]) {
			const from = Math.floor(source.start + (wide === 7 ? span / 3 : 0));
			const to = from + wide * 800;
			busy.push([track.id, from, to, source.busy(track.id, 0, from, to)]);
			source.paint(track.id, 0, from, to, 800, (first, last, share) => {
				if (share === 1 || bad.length > 3)
					return;
				const at = from + first * wide;
				const want = source.busy(track.id, 0, at, at + wide);
				if (share * wide !== want && Math.abs(share * wide - want) > 1e-6)
					bad.push([track.name, wide, first, last, share * wide, want]);
			});
		}
	}
	let joined = 0;
	for (const track of source.tracks.filter(({ kind }) => kind === 'work')) {
		const step = Math.max(1, Math.floor(track.count / 4));
		for (let i = 0; i < track.count; i += step)
			for (const flow of source.flows(track.id, i).filter(({ kind }) => kind === 'launch')) {
				const [call, work] = [flow.from, flow.to].map((end) =>
					source.slice(end.track, end.index));
				const id = (slice) => source.correlationOf(slice.arguments);
				const back = source.flows(flow.from.track, flow.from.index);
				if (id(call) !== id(work) ||
					!back.some(({ to }) => to.track === track.id && to.index === i))
					bad.push(['flow', track.name, i, call.name, work.name]);
				joined++;
			}
	}
	return JSON.stringify({ bad, busy, joined });
}

// Runs in the page: the coarse picture against the whole, bucket by bucket.
function comparePicture() {
	const { source, picture } = window.laggard;
	if (!picture)
		return JSON.stringify({ isThere: false });
	const told = { isThere: true, cells: 0, off: 0, sums: [], wrong: [], rows: [] };
	const names = (one) => JSON.stringify([one.start, one.end, one.processes,
		one.tracks.map(({ id, name, kind }) => [id, name, kind]),
		one.counters.map(({ name, series, maximum, isConstant }) =>
		[name, series, maximum, isConstant]), one.analysis]);
	told.isSame = names(source) === names(picture);
	for (const track of source.tracks) {
		const coarse = picture.byId.get(track.id);
		// Lanes of work are drawn as one row, whatever damaged times make of them.
		if (coarse.rows !== (track.kind === 'work' ? Math.min(track.rows, 1) : Math.min(track.rows, 24)))
			told.rows.push([track.name, track.kind, coarse.rows, track.rows]);
		const marks = source.instants(track.id).times;
		if ((marks.length > 0) !== (coarse.points.times.length > 0) ||
			[...coarse.points.times].some((time) => !marks.includes(time)))
			told.wrong.push([track.name, 'instants']);
		const buckets = coarse.cells[0]?.shades.length || 0;
		for (let i = 0; i < buckets; i++) {
			let [sum, least, most] = [0, 0, 0];
			for (let row = 0; row < coarse.rows; row++) {
				const exact = source.busy(track.id, row, i * picture.wide, (i + 1) * picture.wide);
				const shade = coarse.cells[row].shades[i];
				told.cells++;
				told.off += Math.ceil(exact / picture.wide * 16) !== Math.max(shade - 1, 0);
				sum += exact / picture.wide;
				most += Math.max(shade - 1, 0) / 16;
				least += Math.max(shade - 2, 0) / 16;
			}
			const isCut = track.rows !== coarse.rows || track.kind === 'findings';
			if (!isCut && (sum > most + 1e-9 || sum < least - 1e-9))
				told.sums.push([track.name, i, least, sum, most]);
		}
	}
	told.sums = told.sums.slice(0, 5);
	return JSON.stringify(told);
}

async function use(page) {
	const did = {};
	const view = () => page.evaluate(() => [window.laggard.state.start, window.laggard.state.end]);
	const place = await page.evaluate(() => {
		const { source, goTo, state, placeOf } = window.laggard;
		const track = source.tracks.find(({ kind, count }) => kind === 'work' && count > 0);
		if (!track)
			return null;
		const index = source.longest(track.id);
		goTo({ track: track.id, index }, false);
		const { x, end, y } = placeOf({ track: track.id, index });
		const box = document.getElementById('canvas').getBoundingClientRect();
		const slice = source.slice(track.id, index);
		window.laggard.select(null);
		return { x: box.left + (x + end) / 2, y: box.top + y + 6, start: slice.start,
			duration: slice.duration };
	});
	if (place) {
		await page.mouse.move(place.x, place.y);
		did.tip = await page.evaluate(() => !document.getElementById('tip').hidden);
		await page.mouse.click(place.x, place.y);
		const text = await page.locator('#details').innerText();
		const digits = text.replace(/\u202f/g, '');
		did.details = digits.includes(`${place.start} ns`) && digits.includes(`${place.duration} ns`);
		const [before] = [await view()];
		await page.mouse.wheel(0, -200);
		const after = await view();
		did.wheel = after[1] - after[0] < before[1] - before[0];
		await page.waitForTimeout(350);
		did.hash = (await page.evaluate(() => location.hash)).includes('&s=');
	}
	await page.locator('#scroller').focus();
	const wide = await view();
	await page.keyboard.press('w');
	const near = await view();
	await page.keyboard.press('d');
	const right = await view();
	await page.keyboard.press('f');
	const all = await view();
	did.keys = near[1] - near[0] < wide[1] - wide[0] && right[0] > near[0] && all[1] - all[0] > near[1] - near[0];
	await page.keyboard.press('Escape');
	await page.keyboard.press('/');
	const word = await page.evaluate(() => window.laggard.source.labels.find(({ name }) =>
		/^\w{3,}/.test(name))?.name.slice(0, 12));
	if (word) {
		await page.keyboard.type(word);
		await page.keyboard.press('Enter');
		did.search = /^1 of \d+/.test(await page.locator('#found').innerText()) &&
			(await page.evaluate(() => window.laggard.state.selected !== null));
	}
	await page.keyboard.press('Escape');
	did.range = await page.evaluate(async () => {
		const { source, setRange } = window.laggard;
		await setRange([source.start, source.end]);
		const text = document.getElementById('range').innerText;
		setRange(null);
		return text.includes('busy');
	});
	return did;
}

async function measure(page) {
	return page.evaluate(async (isBench) => {
		const { state, fitView, setView, draw, loadMs, pictureMs, firstDrawMs } = window.laggard;
		fitView();
		const frames = [];
		const [start, end] = [state.start, state.end];
		for (let i = 0; i < 30; i++) {
			state.start = start + (end - start) * i / 3000;
			state.end = end + (end - start) * i / 3000;
			const begin = performance.now();
			draw();
			if (isBench)
				document.getElementById('canvas').getContext('2d').getImageData(0, 0, 1, 1);
			frames.push(performance.now() - begin);
			await new Promise((next) => requestAnimationFrame(next));
		}
		setView(start, end);
		frames.sort((a, b) => a - b);
		if (window.gc)
			window.gc();
		const memory = performance.memory.usedJSHeapSize;
		return { loadMs, pictureMs, firstDrawMs, frameMs: frames[15], frameMsMax: frames[29],
			heapBytes: memory };
	}, Boolean(process.env.BRIEF));
}

// Most memory that the page's process has had.
async function peakBytes(browser) {
	const session = await browser.newBrowserCDPSession();
	const { processInfo } = await session.send('SystemInfo.getProcessInfo');
	const peaks = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => {
		const [, size] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8')) || [0, 0];
		return Number(size) * 1024;
	});
	return Math.max(...peaks);
}

async function picture(page, folder, path) {
	const name = basename(path, '.html');
	for (const scheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme: scheme });
		await page.evaluate(() => window.laggard.fitView());
		await page.waitForTimeout(150);
		await page.screenshot({ path: join(folder, `${name}.${scheme}.png`) });
	}
	await page.evaluate(() => {
		const { source, goTo, setView } = window.laggard;
		const track = source.tracks.find(({ kind, count }) => kind === 'work' && count > 0);
		if (!track)
			return;
		const { data } = source.tracks.find(({ id }) => id === track.id);
		const index = Math.floor(data.count / 2);
		goTo({ track: track.id, index }, true);
		const span = (source.end - source.start) / 60;
		setView(data.start(index) - span, data.start(index) + span);
	});
	await page.waitForTimeout(150);
	await page.screenshot({ path: join(folder, `${name}.near.png`) });
}

async function look(browser, path, folder) {
	const context = await browser.newContext({ viewport: process.env.BRIEF ? { width: 1600, height: 900 } :
		{ width: 1366, height: 768 } });
	const page = await context.newPage();
	const told = { page: path, complaints: [], requests: [] };
	page.on('console', (message) => ['error', 'warning'].includes(message.type()) &&
		told.complaints.push(message.text()));
	page.on('pageerror', (error) => told.complaints.push(String(error)));
	page.on('dialog', (dialog) => {
		told.complaints.push(`dialog: ${dialog.message()}`);
		dialog.dismiss();
	});
	// The page's own worker is no request.
	page.on('request', (request) => request.url().split('#')[0] !== pathToFileURL(path).href &&
		!request.url().startsWith('blob:') && told.requests.push(request.url().slice(0, 200)));
	const begin = performance.now();
	await page.goto(pathToFileURL(path).href);
	await page.waitForSelector('body[data-state]', { timeout: LOAD_MS_MAX });
	told.readyMs = performance.now() - begin;
	told.state = await page.evaluate(() => document.body.dataset.state);
	if (told.state === 'ready') {
		if (process.env.BRIEF) {
			told.times = await measure(page);
			told.times.peakBytes = await peakBytes(browser);
		} else {
			Object.assign(told, JSON.parse(await page.evaluate(readAll)));
			Object.assign(told, JSON.parse(await page.evaluate(probe)));
			told.picture = JSON.parse(await page.evaluate(comparePicture));
			told.did = await use(page);
			told.scripts = await page.evaluate(() => document.scripts.length);
		}
		if (folder !== '-')
			await picture(page, folder, path);
	}
	await context.close();
	return told;
}

const [folder, ...pages] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM || NAMES.find((name) => existsSync(name));
const browser = await chromium.launch({ executablePath, args: ARGUMENTS });
for (const path of pages)
	console.log(JSON.stringify(await look(browser, resolve(path), folder)));
await browser.close();

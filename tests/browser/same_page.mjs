// SPDX-License-Identifier: MIT
// Opens the page of `laggard view` and an HTML export of the same traces in a headless Chromium and prints, one JSON
// line each, what both answer when they are asked the same.
//
//     node same_page.mjs WORDS ADDRESS PAGE.html
//
// Environment: CHROMIUM names the program.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const NAMES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync'];
const PIXELS = 400;

// Runs in the page. Until a server's answers are there, what is drawn is coarser: so each is drawn until none comes.
async function tell([words, pixels]) {
	const { source, state, statisticsOf, find, setView } = window.laggard;
	const settled = async () => {
		for (;;) {
			await new Promise((next) => setTimeout(next, 60));
			if (!source.queue || (source.isSettled && source.running === 0 && source.queue.size === 0))
				return;
		}
	};
	const nameOf = (track) => {
		const process = source.processes.find(({ id }) => id === track.process);
		return [process.name, track.name, track.kind].join(' / ');
	};
	const shown = source.tracks.filter(({ kind, rows }) => rows > 0 && kind !== 'losses' && kind !== 'findings');
	const within = (first, last, x) => Math.min(last, x + 1) - Math.max(first, x);
	const isCoarse = (track) => [track.near, track.whole].every((tile) => !tile?.slices);
	// How many pixels' worth a track has a slice at all, up to each pixel, from the slices themselves.
	const unionOf = (track, start, end, wide) => {
		const edges = [];
		source.each(track.id, start, end, (from, to) => edges.push([Math.max(from, start), Math.min(to, end)]));
		edges.sort((a, b) => a[0] - b[0]);
		const shares = new Array(pixels).fill(0);
		let reach = start;
		for (const [from, to] of edges) {
			let at = Math.max(from, reach);
			for (let x = Math.floor((at - start) / wide); at < to && x < pixels; x++) {
				const next = Math.min(to, start + (x + 1) * wide);
				shares[x] += Math.max(next - at, 0) / wide;
				at = Math.max(next, at);
			}
			reach = Math.max(reach, to);
		}
		let sum = 0;
		return shares.map((share) => sum += share);
	};
	// How much of its first row a track is busy up to each pixel, and the slices that are wide enough. What is
	// embedded knows the first exactly; of a server the drawn shares are added up.
	const paint = async (start, end) => {
		const all = () => shown.map((track) => {
			const [shares, slices] = [new Array(pixels).fill(0), []];
			const wide = (end - start) / pixels;
			for (let row = 0; row < track.rows; row++)
				source.paint(track.id, row, start, end, pixels, (first, last, busy, label) => {
					if (row === 0 && source.queue)
						for (let x = Math.floor(first); x < Math.min(last, pixels); x++)
							shares[x] += busy * within(first, last, x);
					if (last - first >= 4 && busy === 1)
						slices.push([row, Math.round(first * 100), Math.round(last * 100),
							source.label(label).name]);
				});
			slices.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
			let sum = 0;
			const sums = shares.map((share, x) => sum += source.queue ? share :
				source.busy(track.id, 0, start + x * wide, start + (x + 1) * wide) / wide);
			return [nameOf(track), sums, slices, source.queue ? isCoarse(track) :
				unionOf(track, start, end, wide)];
		});
		for (let i = 0; i < 3; i++) {
			all();
			await settled();
		}
		return all();
	};
	await settled();
	const { start, end } = source;
	const span = end - start;
	const processes = source.processes.filter(({ kind }) => kind !== 'job').map(({ name }) => name);
	const told = { start, end, processes };
	told.whole = await paint(start, end);
	const near = [start + Math.floor(span * 0.4), start + Math.floor(span * 0.4) + Math.ceil(span / 200)];
	told.near = await paint(...near);
	told.statistics = [await statisticsOf(start, end), await statisticsOf(...near)];
	setView(start, end);
	document.getElementById('words').value = words;
	told.hits = [];
	for (let i = 0; i < 5; i++) {
		await find(1);
		const { track, index } = state.selected;
		const slice = await source.slice(track, index);
		told.hits.push([document.getElementById('found').textContent, nameOf(source.byId.get(track)),
			slice.name, slice.start, slice.duration, slice.category, slice.arguments.length > 0]);
		told.flows = (await source.flows(track, index)).length;
	}
	told.verdict = document.getElementById('verdict').textContent;
	told.findings = source.analysis?.findings.map(({ text }) => text);
	return told;
}

const [words, ...pages] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM || NAMES.find((name) => existsSync(name));
const browser = await chromium.launch({ executablePath, args: ARGUMENTS });
for (const path of pages) {
	const page = await (await browser.newContext({ viewport: { width: 1366, height: 768 } })).newPage();
	const complaints = [];
	page.on('pageerror', (problem) => complaints.push(String(problem)));
	page.on('console', (line) => ['error', 'warning'].includes(line.type()) && complaints.push(line.text()));
	await page.goto(path.startsWith('http') ? path : pathToFileURL(resolve(path)).href);
	await page.waitForSelector('body[data-state=ready]');
	console.log(JSON.stringify({ ...await page.evaluate(tell, [words, PIXELS]), complaints }));
}
await browser.close();

// SPDX-License-Identifier: MIT
// Opens the page of `laggard view` in a headless Chromium as a person would: looks, zooms, searches, clicks. Prints
// one JSON line of what it saw.
//
//     node view_page.mjs ADDRESS WORDS PICTURE|-
//
// Environment: CHROMIUM names the program.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const CHROMIUM_NAMES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const CHROMIUM_ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync'];

const [address, words, picture] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'laggard-browser-'));
const browser = await chromium.launchPersistentContext(profile, {
	executablePath: process.env.CHROMIUM || CHROMIUM_NAMES.find((path) => existsSync(path)),
	args: CHROMIUM_ARGUMENTS, headless: true, viewport: { width: 1600, height: 900 },
});
const complaints = [];
const requests = [];
const seen = {};

// How much of the canvas right of the names is not white.
const painted = (page) => page.evaluate(() => {
	const canvas = document.getElementById('canvas');
	const { data, width } = canvas.getContext('2d').getImageData(220, 26, canvas.width - 220, canvas.height - 26);
	let count = 0;
	for (let i = 0; i < data.length; i += 4)
		count += data[i] + data[i + 1] + data[i + 2] < 650;
	return width > 0 ? count : -1;
});
const settle = (page) => page.waitForFunction(() => {
	const { source, state } = window.laggard;
	return source.isSettled && source.running === 0 && source.queue.size === 0 && !state.needs;
}).then(() => page.waitForTimeout(150));

try {
	const page = await browser.newPage();
	page.setDefaultTimeout(30000);
	page.on('pageerror', (problem) => complaints.push(String(problem)));
	page.on('console', (line) => ['error', 'warning'].includes(line.type()) && complaints.push(line.text()));
	page.on('dialog', (dialog) => {
		complaints.push(`a dialog: ${dialog.message()}`);
		dialog.dismiss();
	});
	page.on('request', (request) => requests.push(request.url()));
	await page.goto(address);
	await page.waitForSelector('body[data-state=ready]');
	await settle(page);
	seen.state = await page.textContent('#progress');
	seen.verdict = await page.textContent('#findings');
	seen.shows = await page.locator('#findings button').count();
	seen.rows = await page.evaluate(() => window.laggard.state.rows.map((row) => row.name));
	seen.painted = await painted(page);
	const view = () => page.evaluate(() => [window.laggard.state.start, window.laggard.state.end]);
	seen.whole = await view();
	await page.focus('#scroller');
	for (let i = 0; i < 5; i++)
		await page.keyboard.press('w');
	await settle(page);
	seen.zoomed = await view();
	seen.hash = await page.waitForFunction(() => location.hash).then(() => page.evaluate(() => location.hash));
	await page.fill('#words', words);
	await page.press('#words', 'Enter');
	await page.waitForFunction(() => document.getElementById('found').textContent !== '');
	await settle(page);
	seen.hits = await page.textContent('#found');
	seen.found = await page.textContent('#details');
	// A click on a slice that is drawn.
	const place = await page.evaluate(() => {
		const { state, toX } = window.laggard;
		const scroll = document.getElementById('scroller').scrollTop;
		const canvas = document.getElementById('canvas');
		for (const row of state.rows) {
			const covers = (one) => one?.slices && one.start <= state.start && one.end >= state.end;
			const tile = row.kind === 'track' && [row.track.near, row.track.whole].find(covers);
			const top = row.top - scroll;
			if (!tile || top < 30 || top > 800)
				continue;
			const { start, duration, depth, row: rows } = tile.slices;
			for (let i = 0; i < start.length; i++) {
				const x = (toX(start[i]) + toX(start[i] + duration[i])) / 2;
				// Those of the analysis (table 1000) have a test of their own.
				if (rows[i].startsWith('1000.'))
					continue;
				const own = toX(start[i] + duration[i]) - toX(start[i]) > 3;
				if (x > 220 && x < canvas.clientWidth - 10 && depth[i] < 5 && own)
					return { x, y: top + 2 + depth[i] * 17 + 8, track: row.track.id, row: rows[i],
						start: start[i], duration: duration[i] };
			}
		}
		return null;
	});
	seen.place = place;
	if (place) {
		const box = await page.locator('#canvas').boundingBox();
		await page.evaluate(() => window.laggard.select(null));
		await page.mouse.click(box.x + place.x, box.y + place.y);
		await page.waitForFunction(() => document.getElementById('details').textContent !== '');
		await page.waitForTimeout(200);
		seen.selected = await page.evaluate(() => window.laggard.state.selected);
		seen.clicked = await page.textContent('#details');
	}
	seen.bold = await page.evaluate(() =>
		document.querySelectorAll('#panel script, #panel img, #verdict script').length);
	if (picture !== '-')
		await page.screenshot({ path: picture });
} finally {
	await browser.close();
	rmSync(profile, { recursive: true, force: true });
}
const origin = new URL(address).origin;
console.log(JSON.stringify({ complaints, elsewhere: requests.filter((url) => !url.startsWith(origin) &&
	!url.startsWith('data:')), requests: requests.length, ...seen }));

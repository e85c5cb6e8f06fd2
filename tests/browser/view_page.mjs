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
	const { data, width } = canvas.getContext('2d').getImageData(270, 22, canvas.width - 270, canvas.height - 22);
	let count = 0;
	for (let i = 0; i < data.length; i += 4)
		count += data[i + 3] > 0 && data[i] + data[i + 1] + data[i + 2] < 700;
	return width > 0 ? count : -1;
});
const settle = (page) => page.waitForFunction(() => {
	const { state } = window.laggardView;
	return state.tracks && state.tracks.exact && state.tracks.analysis_state !== 'making' &&
		!state.isAsking && !state.isDrawing && state.running.size === 0;
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
	await page.waitForFunction(() => window.laggardView && window.laggardView.state.tracks);
	await settle(page);
	seen.state = await page.textContent('#state');
	seen.verdict = await page.textContent('#verdict');
	seen.shows = await page.locator('#verdict button').count();
	seen.rows = await page.evaluate(() => window.laggardView.state.rows.map((row) => row.name));
	seen.painted = await painted(page);
	const view = () => page.evaluate(() => [window.laggardView.state.start, window.laggardView.state.end]);
	seen.whole = await view();
	await page.focus('#canvas');
	for (let i = 0; i < 5; i++)
		await page.keyboard.press('w');
	await settle(page);
	seen.zoomed = await view();
	seen.hash = await page.waitForFunction(() => location.hash).then(() => page.evaluate(() => location.hash));
	await page.fill('#words', words);
	await page.press('#words', 'Enter');
	await page.waitForFunction(() => document.getElementById('hits').textContent !== '');
	await settle(page);
	seen.hits = await page.textContent('#hits');
	seen.found = await page.textContent('#details');
	// A click on a slice that is drawn.
	const place = await page.evaluate(() => {
		const { state, toX } = window.laggardView;
		const scroll = document.getElementById('scroller').scrollTop;
		for (const row of state.rows) {
			const tile = row.kind === 'track' && state.tiles.get(row.key);
			const top = row.top - scroll;
			if (!tile || !tile.slices || top < 30 || top > 800)
				continue;
			const { start, duration, depth, row: rows } = tile.slices;
			for (let i = 0; i < start.length; i++) {
				const x = (toX(start[i]) + toX(start[i] + duration[i])) / 2;
				// Those of the analysis (table 1000) have a test of their own.
				if (rows[i].startsWith('1000.'))
					continue;
				if (x > 300 && x < canvas.clientWidth - 10 && depth[i] < 5)
					return { x, y: top + depth[i] * 16 + 6, track: row.id, row: rows[i],
						start: start[i], duration: duration[i] };
			}
		}
		return null;
	});
	seen.place = place;
	if (place) {
		const box = await page.locator('#canvas').boundingBox();
		const answered = page.waitForResponse((response) => response.url().includes('api/slice'));
		await page.mouse.click(box.x + place.x, box.y + place.y);
		await answered;
		await page.waitForTimeout(200);
		seen.selected = await page.evaluate(() => window.laggardView.state.selected);
		seen.clicked = await page.textContent('#details');
	}
	seen.bold = await page.evaluate(() =>
		document.querySelectorAll('#details script, #details img, #verdict script').length);
	if (picture !== '-')
		await page.screenshot({ path: picture });
} finally {
	await browser.close();
	rmSync(profile, { recursive: true, force: true });
}
const origin = new URL(address).origin;
console.log(JSON.stringify({ complaints, elsewhere: requests.filter((url) => !url.startsWith(origin) &&
	!url.startsWith('data:')), requests: requests.length, ...seen }));

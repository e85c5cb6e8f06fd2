// SPDX-License-Identifier: MIT
// Loads traces into the real Trace Viewer (what chrome://tracing shows) in a headless Chromium and prints, one
// JSON line a trace, what the viewer made of each: processes, tracks, slices, flows, counters, warnings.
//
//     node trace_viewer.mjs VIEWER-FOLDER SCREENSHOT-FOLDER|- TRACE.json...
//
// VIEWER-FOLDER holds trace_viewer_full.html and webcomponents.min.js. With SCREENSHOT-FOLDER a picture
// <trace>.png is written for each. Environment: CHROMIUM names the program. Everything is served on 127.0.0.1.

import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { chromium } from 'playwright-core';

const CHROMIUM_NAMES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const CHROMIUM_ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync'];
const LOAD_MS_MAX = 120000;

const PAGE = `<!DOCTYPE html>
<meta charset="utf-8">
<style>
html, body { margin: 0; height: 100%; }
#viewer { width: 100%; height: 100%; }
/* The remark about the polyfill says nothing about the trace. */
tr-ui-b-info-bar-group { display: none !important; }
</style>
<script src="/viewer/webcomponents.min.js"></script>
<link rel="import" href="/viewer/trace_viewer_full.html">
<body></body>`;

function serve(viewerFolder, traces) {
	const server = createServer((request, response) => {
		const [, kind, name] = request.url.split('/');
		let path = null;
		if (request.url === '/') {
			response.writeHead(200, { 'Content-Type': 'text/html' });
			response.end(PAGE);
			return;
		}
		if (kind === 'viewer' && ['trace_viewer_full.html', 'webcomponents.min.js'].includes(name))
			path = join(viewerFolder, name);
		else if (kind === 'trace')
			path = traces[Number(name)];
		if (!path || !existsSync(path)) {
			response.writeHead(404);
			response.end();
			return;
		}
		response.writeHead(200, { 'Content-Length': statSync(path).size });
		createReadStream(path).pipe(response);
	});
	return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

// Runs in the page: imports one trace, shows it, and tells what the model holds.
async function importTrace(url) {
	const response = await fetch(url);
	const bytes = await response.arrayBuffer();
	const isGzip = new Uint8Array(bytes)[0] === 0x1f;
	const data = isGzip ? bytes : new TextDecoder().decode(bytes);
	const model = new tr.Model();
	const options = new tr.importer.ImportOptions();
	options.showImportWarnings = false;
	const begin = performance.now();
	await new tr.importer.Import(model, options).importTracesWithProgressDialog([data]);
	const importMs = Math.round(performance.now() - begin);

	if (!window.viewer) {
		const container = document.createElement('track-view-container');
		container.id = 'track_view_container';
		window.viewer = document.createElement('tr-ui-timeline-view');
		window.viewer.track_view_container = container;
		Polymer.dom(window.viewer).appendChild(container);
		window.viewer.id = 'viewer';
		window.viewer.globalMode = true;
		Polymer.dom(document.body).appendChild(window.viewer);
	}
	window.viewer.model = model;
	window.viewer.viewTitle = url;

	const depthOf = (slice) => {
		let depth = 0;
		for (let at = slice.parentSlice; at; at = at.parentSlice)
			depth++;
		return depth;
	};
	const describeThread = (thread) => {
		const slices = thread.sliceGroup.slices;
		let depth = 0;
		let overlaps = 0;
		let lastEnd = -Infinity;
		for (const slice of slices) {
			depth = Math.max(depth, depthOf(slice));
			if (!slice.parentSlice) {
				// Times are milliseconds in doubles: a tenth of a nanosecond is noise.
				if (slice.start < lastEnd - 1e-7)
					overlaps++;
				lastEnd = Math.max(lastEnd, slice.end);
			}
		}
		return { tid: thread.tid, name: thread.name, order: thread.sortIndex,
			slices: slices.length, depth, overlaps };
	};
	const describeCounter = (counter) => ({
		name: counter.name,
		samples: counter.series.reduce((sum, series) => sum + series.samples.length, 0),
		series: counter.series.map((series) => series.name),
	});
	const describeProcess = (process) => ({
		pid: process.pid, name: process.name, order: process.sortIndex,
		threads: Object.values(process.threads).map(describeThread)
			.sort((a, b) => a.order - b.order),
		counters: Object.values(process.counters).map(describeCounter),
		instants: process.instantEvents.length,
	});
	const describeFlow = (flow) => ({
		id: flow.id,
		title: flow.title,
		isBound: Boolean(flow.startSlice && flow.endSlice),
		from: flow.startSlice && [flow.startSlice.parentContainer.tid, flow.startSlice.title,
			flow.startSlice.args.correlation],
		to: flow.endSlice && [flow.endSlice.parentContainer.tid, flow.endSlice.title,
			flow.endSlice.args.correlation],
	});
	const processes = model.getAllProcesses().map(describeProcess).sort((a, b) => a.order - b.order);
	const flows = model.flowEvents.map(describeFlow);
	// Both ends say which launch they belong to, so a flow tied to the wrong slice shows. One between ranks leads
	// from a kernel to a kernel of the same name on another process.
	const isJoined = (flow) => flow.isBound && (flow.title === 'collective' ?
		flow.from[1] === flow.to[1] && flow.from[0] !== flow.to[0] : flow.from[2] === flow.to[2]);
	return {
		importMs,
		processes,
		slices: processes.reduce((sum, process) =>
			sum + process.threads.reduce((part, thread) => part + thread.slices, 0), 0),
		counterSamples: processes.reduce((sum, process) =>
			sum + process.counters.reduce((part, counter) => part + counter.samples, 0), 0),
		flows: flows.length,
		flowsBound: flows.filter((flow) => flow.isBound).length,
		flowsJoined: flows.filter(isJoined).length,
		flowsWrong: flows.filter((flow) => !isJoined(flow)).slice(0, 10),
		warnings: model.importWarnings.map((warning) => warning.type + ': ' + warning.message)
			.slice(0, 20),
		beginMs: model.bounds.min,
		endMs: model.bounds.max,
		metadata: model.metadata.map((entry) => entry.name),
	};
}

async function main() {
	const [viewerFolder, pictures, ...traces] = process.argv.slice(2);
	const executablePath = process.env.CHROMIUM || CHROMIUM_NAMES.find((path) => existsSync(path));
	const profile = mkdtempSync(join(tmpdir(), 'laggard-browser-'));
	const server = await serve(viewerFolder, traces);
	const origin = `http://127.0.0.1:${server.address().port}/`;
	const context = await chromium.launchPersistentContext(profile, {
		executablePath, args: CHROMIUM_ARGUMENTS, headless: true,
		viewport: { width: 1600, height: 900 },
	});
	try {
		for (let i = 0; i < traces.length; i++) {
			const page = await context.newPage();
			const complaints = [];
			page.on('pageerror', (problem) => complaints.push(String(problem)));
			// A name that is executed would show itself so.
			page.on('dialog', (dialog) => {
				complaints.push(`dialog: ${dialog.message()}`);
				dialog.dismiss();
			});
			page.setDefaultTimeout(LOAD_MS_MAX);
			await page.goto(origin);
			await page.waitForFunction(() => window.tr && tr.importer && tr.importer.Import &&
				window.Polymer);
			const made = await page.evaluate(importTrace, `${origin}trace/${i}`);
			if (pictures !== '-') {
				await page.waitForTimeout(500);
				await page.screenshot({ path: join(pictures, basename(traces[i]) + '.png') });
			}
			await page.close();
			console.log(JSON.stringify({ trace: traces[i], complaints, ...made }));
		}
	} finally {
		await context.close();
		server.close();
		rmSync(profile, { recursive: true, force: true });
	}
}

await main();

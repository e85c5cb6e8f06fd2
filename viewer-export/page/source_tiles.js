// SPDX-License-Identifier: MIT
// The traces as `laggard view` serves them: every question is a request, every answer a part of the timeline. Times
// are nanoseconds since the base, as numbers (exact for a hundred days). What the questions and answers are stands
// in viewer-export/tiles.h.

export class TileSource {
	constructor(base = 'api/') {
		this.base = base;
	}

	async ask(name, parameters = {}, signal = undefined) {
		const query = new URLSearchParams(parameters).toString();
		const response = await fetch(this.base + name + (query ? '?' + query : ''), { signal });
		if (!response.ok)
			throw new Error((await response.text()).trim() || `status ${response.status}`);
		return response.json();
	}

	// Processes, tracks, counters, bounds, the analysis; `exact` says whether all answers are from now on.
	tracks(signal) {
		return this.ask('tracks', {}, signal);
	}

	// Slices of a track where they are few, else buckets.
	tile(track, start, end, buckets, slices, signal) {
		const time = { start: Math.floor(start), end: Math.ceil(end) };
		return this.ask('tile', { track, ...time, buckets, slices }, signal);
	}

	slice(track, row, signal) {
		return this.ask('slice', { track, row }, signal);
	}

	// `from` is the `next` of the answer before, to go on with the search.
	search(text, limit, from, signal) {
		return this.ask('search', from ? { text, limit, from } : { text, limit }, signal);
	}

	counter(counter, start, end, buckets, signal) {
		return this.ask('counter', { counter, start: Math.floor(start), end: Math.ceil(end), buckets }, signal);
	}
}

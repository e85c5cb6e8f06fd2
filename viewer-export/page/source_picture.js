// SPDX-License-Identifier: MIT
// The coarse picture that stands before the data (viewer-export/html_picture.h): what the page shows until all is
// decoded. It knows how busy each row is in buckets of time and of which colour, and no single slice.

class PictureSource extends EmbeddedSource {
	constructor() {
		super();
		this.isWhole = false;
		this.wide = 1;		// ns of a bucket
	}

	// Its element stands before the scripts. False: there is none.
	async load() {
		const element = document.querySelector('script[type="application/x-picture"]');
		if (!element)
			return false;
		const decoder = new TextDecoder();
		const records = new RecordStream((type, bytes, from, to) => this.take(type, bytes, from, to, decoder));
		const inflater = inflaterOf((part) => records.push(part));
		inflater.write(element.textContent);
		element.remove();
		await inflater.close();
		this.tracks.sort((a, b) => a.order - b.order);
		this.processes.sort((a, b) => a.order - b.order);
		for (const counter of this.counters)
			this.finishCounter(counter);
		return records.isEnded;
	}

	take(type, bytes, from, to, decoder) {
		if (type === RECORD.GRID)
			this.takeGrid(new Reader(bytes, from));
		else if (type === RECORD.CELLS)
			this.takeCells(new Reader(bytes, from));
		else
			super.take(type, bytes, from, to, decoder);
	}

	addTrack(track) {
		super.addTrack(track);
		Object.assign(track, { data: null, points: { times: [], labels: [] }, cells: [] });
	}

	takeGrid(reader) {
		this.start = reader.varint();
		this.end = Math.max(reader.varint(), this.start + 1);
		this.wide = 2 ** reader.varint();
	}

	takeCells(reader) {
		const track = this.byId.get(reader.varint());
		track.rows = reader.varint();
		const times = new Float64Array(reader.varint());
		for (let i = 0, time = 0; i < times.length; i++)
			times[i] = time += reader.zigzag();
		track.points = { times, labels: [] };
		const count = reader.varint();
		for (let row = 0; count > 0 && row < track.rows; row++) {
			const shades = reader.bytes.slice(reader.at, reader.at += count);
			const labels = new Uint32Array(count);
			for (let i = 0, label = 0; i < count; i++)
				if (shades[i] > 0)
					labels[i] = label += reader.zigzag();
			track.cells.push({ shades, labels });
		}
	}

	// visit(start, end, share, label) of the buckets with anything in them, cut to [from, to).
	eachCell(track, row, from, to, visit) {
		const cells = this.byId.get(track).cells[row];
		if (!cells)
			return;
		const { shades, labels } = cells;
		const last = Math.min(Math.ceil(to / this.wide), shades.length);
		for (let i = Math.max(Math.floor(from / this.wide), 0); i < last; i++)
			if (shades[i] > 0)
				visit(Math.max(i * this.wide, from, this.start),
					Math.min((i + 1) * this.wide, to, this.end), (shades[i] - 1) / SHADES,
					labels[i]);
	}

	paint(track, row, from, to, pixels, sink) {
		const scale = pixels / (to - from);
		this.eachCell(track, row, from, to, (start, end, share, label) => {
			if (end > start)
				sink((start - from) * scale, (end - from) * scale, share, label, -1);
		});
	}

	at() {
		return -1;
	}

	latest() {
		return new Set();
	}

	longest() {
		return -1;
	}
}

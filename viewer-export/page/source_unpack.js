// SPDX-License-Identifier: MIT
// The data elements of the page to a stream of bytes, while the browser still reads the file. A worker inflates: the
// page decodes the part before meanwhile. Where there can be no worker, the page inflates itself.

function base64Bytes(text) {
	if (Uint8Array.fromBase64)
		return Uint8Array.fromBase64(text);
	const binary = atob(text);
	const bytes = new Uint8Array(binary.length);
	for (let i = 0; i < binary.length; i++)
		bytes[i] = binary.charCodeAt(i);
	return bytes;
}

// Texts of base64 in, parts of bytes out. Its text is that of the worker, too: it uses nothing but base64Bytes.
function inflaterOf(take) {
	const inflate = new DecompressionStream('deflate');
	const writer = inflate.writable.getWriter();
	const reading = (async () => {
		const reader = inflate.readable.getReader();
		for (let part = await reader.read(); !part.done; part = await reader.read())
			take(part.value);
	})();
	reading.catch(() => {});	// close tells
	return {
		write: (text) => writer.write(base64Bytes(text)).catch(() => {}),
		close: () => writer.close().then(() => reading),
	};
}

function workInflater() {
	const inflater = inflaterOf((part) => postMessage(part, [part.buffer]));
	onmessage = ({ data }) => {
		if (data !== null)
			inflater.write(data);
		else
			inflater.close().then(() => postMessage(null), (error) => postMessage(String(error)));
	};
	postMessage('ready');
}

// As inflaterOf; throws where there can be no worker. It takes a tenth of a second to start, so texts go to it at once;
// until it says that it runs they are kept, for the page's own inflater where the browser does not start it after all.
function workerInflaterOf(take) {
	const source = `'use strict';${base64Bytes}${inflaterOf}(${workInflater})();`;
	const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
	const worker = new Worker(address);
	let kept = [];
	let own = null;
	let end;
	const ended = new Promise((resolve, reject) => end = { resolve, reject });
	ended.catch(() => {});
	worker.onmessage = ({ data }) => {
		if (data === 'ready')
			kept = null;
		else if (data === null)
			end.resolve();
		else if (typeof data === 'string')
			end.reject(new Error(data));
		else
			take(data);
	};
	worker.onerror = (event) => {
		if (kept === null) {
			end.reject(new Error(event.message));
			return;
		}
		own = inflaterOf(take);
		for (const text of kept)
			if (text !== null)
				own.write(text);
			else
				own.close().then(end.resolve, end.reject);
		kept = null;
	};
	const send = (text) => {
		kept?.push(text);
		worker.postMessage(text);
	};
	return {
		write: (text) => own ? own.write(text) : send(text),
		close: () => {
			if (own)
				return own.close();
			send(null);
			return ended.finally(() => {
				worker.terminate();
				URL.revokeObjectURL(address);
			});
		},
	};
}

// The text of one data element after the other, as soon as the browser has read it; it is removed to free its text.
async function *dataTexts() {
	let wake = () => {};
	const wakeUp = () => wake();
	const observer = new MutationObserver(wakeUp);
	observer.observe(document.body, { childList: true });
	document.addEventListener('readystatechange', wakeUp);
	for (;;) {
		const isWhole = document.readyState !== 'loading';
		const data = document.querySelector('script[type="application/x-trace"]');
		if (data && (isWhole || data.nextSibling)) {
			const text = data.textContent;
			data.remove();
			yield text;
		} else if (isWhole) {
			break;
		} else {
			await new Promise((resolve) => wake = resolve);
		}
	}
	observer.disconnect();
	document.removeEventListener('readystatechange', wakeUp);
}

function anyInflaterOf(take) {
	try {
		return workerInflaterOf(take);
	} catch {
		return inflaterOf(take);
	}
}

// take(part) for all bytes of the data, in order.
async function unpackData(take) {
	let problem = null;
	const careful = (part) => {
		try {
			if (!problem)
				take(part);
		} catch (error) {
			problem = error;
		}
	};
	const inflater = anyInflaterOf(careful);
	for await (const text of dataTexts())
		inflater.write(text);
	await inflater.close();
	if (problem)
		throw problem;
}

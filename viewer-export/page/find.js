// SPDX-License-Identifier: MIT
// Search in names: text, or a regular expression between slashes.

let finding = { words: '', test: null, count: 0, at: 0 };

function testOf(words) {
	const parts = /^\/(.+)\/(i?)$/.exec(words);
	if (parts) {
		const expression = new RegExp(parts[1], parts[2]);
		return (name) => expression.test(name);
	}
	const low = words.toLowerCase();
	return (name) => name.toLowerCase().includes(low);
}

async function find(direction) {
	const words = element('words').value;
	if (words === '')
		return;
	if (!source.isWhole) {
		element('found').textContent = 'still reading';
		return;
	}
	if (words !== finding.words) {
		try {
			const test = Object.assign(testOf(words), { words });
			finding = { words, test, count: 0, at: 0, place: null };
			finding.count = await source.count(test);
		} catch (problem) {
			finding.words = '';
			element('found').textContent = problem instanceof SyntaxError ? 'no regex' :
				problem.message;
			return;
		}
		if (words !== element('words').value)
			return;
	}
	const place = await source.search(finding.test, finding.place, direction) ||
		await source.search(finding.test, null, direction);
	element('found').textContent = finding.count === 0 ? 'nothing' : '';
	if (!place)
		return;
	finding.at = finding.place === null && direction < 0 ? finding.count :
		(finding.at - 1 + direction + finding.count) % finding.count + 1;
	finding.place = place;
	element('found').textContent = `${finding.at} of ${finding.count}${source.hasMore ? ' or more' : ''}`;
	goTo(place, true);
}

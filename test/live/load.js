// load.js SECONDS [ROUNDS] - a node program with something to do: closures, maps, JSON, regular expressions,
// sorting, a little garbage. Prints "rounds N" at the end, which is what the benchmark measures.
'use strict';

function countWords(words) {
	const count = new Map();

	for (const w of words)
		count.set(w, (count.get(w) || 0) + 1);
	return [...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 200);
}

function primes(limit) {
	const sieve = new Uint8Array(limit);
	let n = 0;

	for (let i = 2; i < limit; i++) {
		if (sieve[i])
			continue;
		n++;
		for (let j = i * 2; j < limit; j += i)
			sieve[j] = 1;
	}
	return n;
}

function oneRound(words) {
	const text = JSON.stringify(countWords(words));

	return JSON.parse(text).length + (text.match(/w\d*7/g) || []).length + primes(50000);
}

const words = Array.from({ length: 20000 }, (_, i) => 'w' + ((i * 7919) % 3001));
const end = Date.now() + Number(process.argv[2] || 5) * 1000;
const most = Number(process.argv[3] || Infinity);
let rounds = 0, sum = 0;

while (Date.now() < end && rounds < most) {
	sum += oneRound(words);
	rounds++;
}
console.log('rounds', rounds, 'sum', sum);

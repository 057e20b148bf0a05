// all.mjs - runs every test in one browser, and counts: pages of files a few at a time, then one after the other
// those that are about time or have a server.
import { closeBrowser, Skip, tests } from "./harness.mjs";

await import("./svg.mjs");
await import("./html.mjs");
await import("./html_edge.mjs");
await import("./waits.mjs");
await import("./views.mjs");
await import("./serve.mjs");

const only = process.argv[2], BESIDE = 4; // pages of files mostly wait for the browser's own clock
const chosen = tests.filter(({ name }) => !only || name.includes(only));
let passed = 0, failed = 0, skipped = 0;

async function take(queue) {
	for (let next; (next = queue.shift());) {
		const { name, run } = next, began = performance.now();

		try {
			await run();
			console.log(`ok ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
			passed++;
		} catch (error) {
			if (error instanceof Skip) {
				console.log(`skipped ${name}: ${error.message}`);
				skipped++;
				continue;
			}
			console.log(`FAILED ${name}\n${error.stack}`);
			failed++;
		}
	}
}

const beside = chosen.filter((t) => !t.alone);
await Promise.all(Array.from({ length: BESIDE }, () => take(beside)));
await take(chosen.filter((t) => t.alone));
await closeBrowser();
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`);
process.exit(failed || !passed ? 1 : 0);

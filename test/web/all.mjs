// all.mjs - runs every test file in one browser, one after the other, and counts.
import { closeBrowser, tests } from "./harness.mjs";

await import("./svg.mjs");
await import("./html.mjs");
await import("./html_edge.mjs");
await import("./waits.mjs");

const only = process.argv[2];
let passed = 0, failed = 0;

for (const { name, run } of tests) {
	if (only && !name.includes(only))
		continue;
	try {
		await run();
		console.log(`ok ${name}`);
		passed++;
	} catch (error) {
		console.log(`FAILED ${name}\n${error.stack}`);
		failed++;
	}
}
await closeBrowser();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);

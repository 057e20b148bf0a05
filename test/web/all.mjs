// all.mjs - runs every test file in one browser, one after the other, and counts.
import { closeBrowser, Skip, tests } from "./harness.mjs";

await import("./svg.mjs");
await import("./html.mjs");
await import("./html_edge.mjs");
await import("./waits.mjs");
await import("./views.mjs");
await import("./serve.mjs");

const only = process.argv[2];
let passed = 0, failed = 0, skipped = 0;

for (const { name, run } of tests) {
	if (only && !name.includes(only))
		continue;
	try {
		await run();
		console.log(`ok ${name}`);
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
await closeBrowser();
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`);
process.exit(failed || !passed ? 1 : 0);

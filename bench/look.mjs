// look.mjs WORK URL - keeps a live page open in a Chromium and says every ten seconds what it shows and holds, until it
// is ended. WORK holds node_modules/playwright-core ($CHROMIUM: the browser).
import { createRequire } from "node:module";

const [work, url] = process.argv.slice(2);
const { chromium } = createRequire(`${work}/`)("playwright-core");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();

for (const signal of ["SIGTERM", "SIGINT"])
	process.on(signal, () => browser.close().finally(() => process.exit(0)));
await page.goto(url);
await page.waitForSelector("html[data-ready]", { timeout: 60000, state: "attached" });
for (;;) {
	console.log(await page.evaluate(() => `${window.waggle.tree.sum} shown, ` +
		`${(performance.memory.usedJSHeapSize / 2 ** 20).toFixed(0)} MiB`));
	await page.waitForTimeout(10000);
}

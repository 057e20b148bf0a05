// page.mjs WORK FILE.html [SPEEDSCOPE_DIR FILE.speedscope.json] - how fast the page shows and moves a profile, and
// speedscope with the same one. WORK holds node_modules/playwright-core ($CHROMIUM: the browser).
//
// First paint: from the start of the navigation until the frame after the graph was drawn first. Moving: real wheel
// events, one a frame: zoom in, pan, zoom out; the time from the event to the task behind the next frame's callbacks
// (the handler, waiting for the frame, drawing), and the time from one such frame to the next.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [work, file, speedscope, json] = process.argv.slice(2);
const { chromium } = createRequire(`${work}/`)("playwright-core");
const ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
	"--allow-file-access-from-files"];
const RUNS = 3, FRAMES = 120;

// Runs in the page: wheel events on what is in the middle of the graph.
async function move({ selector, frames }) {
	const canvas = document.querySelector(selector), box = canvas.getBoundingClientRect();
	const at = { clientX: box.x + box.width * 0.4, clientY: box.y + box.height * 0.6, bubbles: true, cancelable: true };
	const target = document.elementFromPoint(at.clientX, at.clientY) ?? canvas;
	const work = [], between = [];
	let last = 0;

	for (let i = 0; i < frames; i++) {
		const [start, end] = await new Promise((done) => requestAnimationFrame((stamp) => {
			const begin = performance.now(), channel = new MessageChannel();
			const step = Math.floor(i / (frames / 3));

			if (step === 1)
				target.dispatchEvent(new WheelEvent("wheel", { ...at, shiftKey: true, deltaX: i % 2 ? 40 : 30, deltaY: 0 }));
			else
				target.dispatchEvent(new WheelEvent("wheel", { ...at, ctrlKey: true, deltaY: step ? 12 : -12 }));
			// Handlers draw in the next animation frame, or at once; both are over when this message comes.
			requestAnimationFrame(() => {
				channel.port1.onmessage = () => done([begin, performance.now(), stamp]);
				channel.port2.postMessage(0);
			});
		}));

		work.push(end - start);
		if (last)
			between.push(end - last);
		last = end;
	}
	return { work, between };
}

const at = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];

async function measure(name, url, ready, selector) {
	const firsts = [], frames = [], between = [];
	let memory = 0;

	for (let run = 0; run < RUNS; run++) {
		const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
		const page = await (await browser.newContext({ viewport: { width: 1600, height: 900 } })).newPage();

		await page.goto(url, { waitUntil: "commit" });
		await page.waitForFunction(ready, null, { polling: "raf", timeout: 120000 });
		firsts.push(await page.evaluate(() => new Promise((done) =>
			requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))));
		const seen = await page.evaluate(move, { selector, frames: FRAMES });

		frames.push(...seen.work);
		between.push(...seen.between);
		memory = Math.max(memory, await page.evaluate(() => performance.memory.usedJSHeapSize));
		await browser.close();
	}
	console.log(`${name}: first paint ${(at(firsts, 0.5) / 1000).toFixed(2)} s (worst ${(Math.max(...firsts) / 1000).toFixed(2)}), ` +
		`event to drawn median ${at(frames, 0.5).toFixed(1)} ms, 95 % ${at(frames, 0.95).toFixed(1)} ms, worst ` +
		`${Math.max(...frames).toFixed(1)} ms; frame to frame 95 % ${at(between, 0.95).toFixed(1)} ms; ` +
		`heap ${(memory / 2 ** 20).toFixed(0)} MiB`);
}

await measure("waggle", pathToFileURL(file).href, () => document.documentElement.dataset.ready === "1", "#flame");
if (speedscope) {
	const script = `${work}/speedscope-profile.js`;

	writeFileSync(script, `speedscope.loadFileFromBase64("profile.json", "${readFileSync(json).toString("base64")}")`);
	await measure("speedscope", `${pathToFileURL(speedscope).href}/index.html#localProfilePath=${script}`,
		() => document.querySelectorAll("canvas").length > 0 && !/Loading|loading/.test(document.body.innerText.slice(0, 400)),
		"canvas");
}

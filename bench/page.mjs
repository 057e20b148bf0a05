// page.mjs WORK FILE.html [SPEEDSCOPE_DIR FILE.speedscope.json] - how fast the page shows and moves a profile, and
// speedscope with the same one; a page with one word in it is the floor. WORK holds node_modules/playwright-core
// ($CHROMIUM: the browser).
//
// All programs are watched by the same script, which is in the page before them and asks nothing while they load:
// First paint: from the start of the navigation until the main thread has handed over the first frame with the graph.
// Answers: until five frames in a row behind it took less than 500 ms each, when hands begin to be of use; ours,
// which draws first what can be seen, must have all of the profile by then (html[data-ready]).
// Moving: one wheel event in every animation frame - sideways, in, sideways there, out.
// Work: what a frame keeps the main thread busy, from the start of its callbacks (the drawing for the event before,
// then the handler) to the first task behind it.
// Interval: from frame to frame, as the browser stamps them; it also has what other threads and processes need.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { loadavg } from "node:os";
import { pathToFileURL } from "node:url";

const [work, file, speedscope, json] = process.argv.slice(2);
const { chromium } = createRequire(`${work}/`)("playwright-core");
const ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
	"--allow-file-access-from-files"];
const RUNS = Number(process.env.BENCH_ROUNDS || 3), STEPS = 40;

// In the page, before everything else: counts drawing, and tells when the graph is there and when it answers.
// `drawn` names what has drawn once the graph is there: a kind of context, or "none".
function watch({ drawn, least }) {
	const counts = globalThis.benchDraws = { "2d": 0, webgl: 0 };
	const count = (type, kind, name) => {
		const real = type?.prototype[name];

		if (real)
			type.prototype[name] = function counted(...args) {
				counts[kind]++;
				return real.apply(this, args);
			};
	};

	count(globalThis.CanvasRenderingContext2D, "2d", "clearRect");
	for (const type of [globalThis.WebGLRenderingContext, globalThis.WebGL2RenderingContext])
		for (const name of ["drawArrays", "drawElements"])
			count(type, "webgl", name);
	let first = 0, frames = 0, even = 0, last = 0;
	const seen = () => drawn === "none" ? document.readyState === "complete"
		: counts[drawn] >= least && [...document.querySelectorAll("canvas")].some((c) => c.clientHeight > 300);
	const whole = () => drawn !== "2d" || document.documentElement.dataset.ready;
	const look = () => {
		const now = performance.now();

		even = now - last < 500 && whole() ? even + 1 : 0;
		last = now;
		if (!frames && seen()) {
			const channel = new MessageChannel();

			channel.port1.onmessage = () => first = performance.now();
			channel.port2.postMessage(0);
			even = 0;
		}
		if (frames || seen())
			frames++;
		if (first && even >= 5)
			globalThis.benchReady(JSON.stringify([first, now]));
		else
			requestAnimationFrame(look);
	};

	requestAnimationFrame(look);
}

// Runs in the page: wheel events on what is in the middle of the graph.
async function move({ steps }) {
	const canvas = [...document.querySelectorAll("canvas")].sort((a, b) => b.clientHeight - a.clientHeight)[0];
	const box = canvas.getBoundingClientRect(), channel = new MessageChannel();
	const at = { clientX: box.x + box.width * 0.4, clientY: box.y + box.height * 0.6, bubbles: true, cancelable: true };
	const target = document.elementFromPoint(at.clientX, at.clientY) ?? canvas;
	const aside = { shiftKey: true, deltaX: 35, deltaY: 0 }, inwards = { ctrlKey: true, deltaY: -20 };
	const phases = [aside, inwards, inwards, aside, { ctrlKey: true, deltaY: 20 }, { ctrlKey: true, deltaY: 20 }];
	const work = [], between = [], total = () => Object.values(globalThis.benchDraws).reduce((a, b) => a + b);
	let drawn = 0, last = 0, before = total(), step = 0;

	let begin = 0;
	const start = () => { // registered before the handler's own callback, so it runs before the drawing
		begin = performance.now();
	};

	return new Promise((done) => {
		const tick = (stamp) => {
			channel.port1.onmessage = () => {
				work.push(performance.now() - begin);
				drawn += total() > before ? 1 : 0;
				before = total();
			};
			channel.port2.postMessage(0);
			if (last)
				between.push(stamp - last);
			last = stamp;
			requestAnimationFrame(start);
			if (step < steps * phases.length)
				target.dispatchEvent(new WheelEvent("wheel", { ...at, ...phases[Math.floor(step / steps)] }));
			if (step++ > steps * phases.length)
				setTimeout(done, 100, { work: work.slice(2), between, drawn });
			else
				requestAnimationFrame(tick); // behind the drawing, as the next event comes behind it
		};

		requestAnimationFrame(start);
		requestAnimationFrame(tick);
	});
}

const at = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];
const three = (list) => [0.5, 0.95, 1].map((share) => at(list, share).toFixed(1)).join(" / ");
const seconds = (list) => `${(at(list, 0.5) / 1000).toFixed(2)} (${(Math.max(...list) / 1000).toFixed(2)})`;

async function run(url, drawn, least, seen) {
	const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
	const page = await (await browser.newContext({ viewport: { width: 1600, height: 900 } })).newPage();
	const protocol = await page.context().newCDPSession(page);

	await protocol.send("Runtime.enable");
	await protocol.send("Runtime.addBinding", { name: "benchReady" });
	await page.addInitScript(watch, { drawn, least });
	const ready = new Promise((done, fail) => {
		protocol.on("Runtime.bindingCalled", ({ payload }) => done(JSON.parse(payload)));
		setTimeout(() => fail(new Error(`${url}: nothing drawn in two minutes`)), 120000).unref();
	});

	await page.goto(url, { waitUntil: "commit" });
	const [first, answers] = await ready;

	seen.first.push(first);
	seen.answers.push(answers);
	if (drawn !== "none") {
		const moved = await page.evaluate(move, { steps: STEPS });

		for (const key of ["work", "between"])
			seen[key].push(...moved[key]);
		seen.drawn += moved.drawn;
		seen.heap = Math.max(seen.heap, await page.evaluate(() => performance.memory.usedJSHeapSize) / 2 ** 20);
	}
	await browser.close();
}

const blank = `${work}/blank.html`, programs = [{ name: "a blank page", url: pathToFileURL(blank).href, drawn: "none" }];

writeFileSync(blank, "<!doctype html><title>blank</title><p>blank");
programs.push({ name: "waggle", url: pathToFileURL(file).href, drawn: "2d" });
if (speedscope) {
	const script = `${work}/speedscope-profile.js`;

	writeFileSync(script, `speedscope.loadFileFromBase64("profile.json", "${readFileSync(json).toString("base64")}")`);
	programs.push({ name: "speedscope", drawn: "webgl",
		url: `${pathToFileURL(speedscope).href}/index.html#localProfilePath=${script}` });
}
for (const p of programs)
	p.seen = { first: [], answers: [], work: [], between: [], drawn: 0, heap: 0 };
const load = loadavg()[0];

for (let round = 0; round < RUNS; round++) // side by side, so that a disturbance meets all of them
	for (const p of programs)
		await run(p.url, p.drawn, 1, p.seen);
console.log(`${RUNS} rounds; load average ${load.toFixed(1)} before, ${loadavg()[0].toFixed(1)} behind\n`);
console.log("| | first paint, s: median (worst) | answers, s | work a frame, ms: median / 95 % / worst | " +
	"frame to frame, ms | frames drawn | heap |\n|---|--:|--:|--:|--:|--:|--:|");
for (const { name, drawn, seen } of programs) {
	const moving = drawn === "none" ? ["", "", "", ""] : [three(seen.work), three(seen.between),
		`${seen.drawn} of ${seen.work.length}`, `${seen.heap.toFixed(0)} MiB`];

	console.log(`| ${[name, seconds(seen.first), seconds(seen.answers), ...moving].join(" | ")} |`);
}

// harness.mjs - a browser, pages that must stay silent and offline, and the truth to compare with.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(`${process.env.WORK}/`)("playwright-core");
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync"];

// Cannot run here; its message says why.
export class Skip extends Error {}

export const tests = [];
let browser; // being launched, or there

export async function closeBrowser() {
	await (await browser)?.close();
}

const free = new Map(); // options of a context -> pages of such contexts that nobody uses

// Half of a test would be the start of a page's processes. Pages keep nothing (no storage, no cookies) and a page of
// a file is left by the next address, so those are used again.
async function takePage(options) {
	const there = free.get(JSON.stringify(options))?.pop();

	if (there)
		return there;
	browser ??= chromium.launch({ executablePath: process.env.CHROMIUM, args: ARGS });
	return (await (await browser).newContext(options)).newPage();
}

async function givePage(page, options) {
	const key = JSON.stringify(options);

	page.removeAllListeners();
	await page.mouse.move(-1, -1);
	await page.goto("about:blank");
	free.set(key, [...(free.get(key) ?? []), page]);
}

// A test gets a page of the given file, or of the address that `serve` starts (it returns { url, stop }). Afterwards
// it must not have logged an error, thrown, opened a dialog, or asked for anything but the file or its server.
// What has a server, or says so (`alone`), runs with nothing beside it.
export function test(name, { file = "", serve, hash = "", alone = Boolean(serve), viewport = { width: 1280, height: 800 },
	...context }, body) {
	tests.push({ name, alone, run: async () => {
		const server = await serve?.(), trouble = [];
		const url = server?.url ?? pathToFileURL(`${process.env.WORK}/${file}`).href;
		const ours = server ? new URL(url).origin : url;

		const options = { viewport, reducedMotion: "reduce", ...context };
		const page = await takePage(options);
		let well = false;

		// A server that was stopped is missed by the browser, too.
		page.on("console", (m) => ["error", "warning"].includes(m.type()) &&
			!(server?.gone && m.text().startsWith("Failed to load resource")) && trouble.push(m.text()));
		page.on("pageerror", (e) => trouble.push(e.stack));
		page.on("dialog", (d) => trouble.push(`dialog: ${d.message()}`) && d.dismiss());
		page.on("request", (r) => {
			if (!r.url().startsWith("data:") && !r.url().startsWith("blob:") &&
				(server ? new URL(r.url()).origin !== ours : r.url().split("#")[0] !== ours))
				trouble.push(`asked for ${r.url()}`);
		});
		try {
			await page.goto(url + hash);
			if (server || file.endsWith(".html"))
				await page.waitForSelector("html[data-ready]", { timeout: 20000, state: "attached" })
					.catch((error) => { throw new Error(`${error.message}\n${trouble.join("\n")}`); });
			await body(page, server);
			equal(trouble, [], "errors, dialogs and requests");
			well = !server;
		} finally {
			await (well ? givePage(page, options) : page.context().close());
			await server?.stop();
		}
	} });
}

export function equal(got, want, what = "value") {
	const a = JSON.stringify(got), b = JSON.stringify(want);

	if (a !== b)
		throw new Error(`${what}: got ${a}, expected ${b}`);
}

export function ok(condition, what) {
	if (!condition)
		throw new Error(what);
}

// What generate.c says is in the profile, worked out here without any of the page's code.
export class Truth {
	constructor(kind, { comm = true } = {}) {
		const text = readFileSync(`${process.env.WORK}/${kind}.tsv`, "utf8");

		this.samples = text.split("\n").filter(Boolean).map((line) => {
			const [time, pid, tid, thread, process, value, stack] = line.split("\t");
			const frames = stack.split(";").map((f) => ({
				name: f.replace(/_\[[kij]\]$/, ""), kernel: f.endsWith("_[k]"),
			}));

			return {
				time: Number(time), pid: Number(pid), tid: Number(tid), thread, process,
				value: Number(value), frames, root: comm ? thread : null,
			};
		});
	}

	where(fits) {
		return Object.assign(Object.create(Truth.prototype), { samples: this.samples.filter(fits) });
	}

	withoutKernel() {
		const samples = this.samples.map((s) => ({ ...s, frames: s.frames.filter((f) => !f.kernel) }));

		return Object.assign(Object.create(Truth.prototype), { samples });
	}

	get total() {
		return this.samples.reduce((sum, s) => sum + s.value, 0);
	}

	names(s) {
		return [...(s.root === null ? [] : [s.root]), ...s.frames.map((f) => f.name)];
	}

	matched(regex) {
		return this.where((s) => this.names(s).some((n) => regex.test(n))).total;
	}

	// name -> { self, total }
	functions() {
		const out = new Map();
		const at = (name) => out.get(name) ?? out.set(name, { self: 0, total: 0 }).get(name);

		for (const s of this.samples) {
			for (const name of new Set(s.frames.map((f) => f.name)))
				at(name).total += s.value;
			if (s.frames.length)
				at(s.frames[s.frames.length - 1].name).self += s.value;
		}
		return out;
	}

	// Value of the box that a path of names leads to.
	box(path) {
		return this.where((s) => path.every((name, i) => this.names(s)[i] === name)).total;
	}

	// Every box as "a;b;c" -> value.
	boxes() {
		const out = new Map();

		for (const s of this.samples) {
			let path = "";

			for (const name of this.names(s)) {
				path += `;${name}`;
				out.set(path, (out.get(path) ?? 0) + s.value);
			}
		}
		return out;
	}
}

// As the page writes it.
export function share(part, whole) {
	const pct = 100 * part / whole;

	return `${pct >= 99.995 || pct === 0 ? pct.toFixed(0) : pct.toFixed(pct < 10 ? 2 : 1)} %`;
}

export const count = (n) => n.toLocaleString("en-US");

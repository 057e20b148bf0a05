// serve.mjs - the page of `waggle serve`: recordings, and a capture that goes on (root). The numbers are those of
// `waggle report` on a recording of the same capture.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, copyFileSync, openSync, readFileSync } from "node:fs";
import { equal, ok, Skip, test, Truth } from "./harness.mjs";

const WORK = process.env.WORK, WAGGLE = `${process.env.BUILD}/waggle`;
const hashOf = (page) => Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.slice(1)));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// A server and its address; `stop` ends it as Ctrl-C does.
async function start(...args) {
	const log = `${WORK}/serve.log`, child = spawn(WAGGLE, ["serve", "--port", "0", ...args],
		{ stdio: ["ignore", "ignore", openSync(log, "w")] });
	const ended = new Promise((done) => child.once("exit", done));

	for (let i = 0; i < 200; i++) {
		const url = /live page at (\S+)/.exec(readFileSync(log, "utf8"))?.[1];

		if (url)
			return { url, gone: false, stop() {
				this.gone = true;
				child.kill("SIGINT");
				return ended;
			} };
		await sleep(50);
	}
	child.kill("SIGKILL");
	throw new Error(`no address: ${readFileSync(log, "utf8")}`);
}

function capture(...args) {
	if (process.getuid() !== 0)
		throw new Skip("needs root");
	return start(...args);
}

function shelf() {
	mkdirSync(`${WORK}/shelf`, { recursive: true });
	for (const name of ["demo.waggle", "wall.waggle"])
		copyFileSync(`${WORK}/${name}`, `${WORK}/shelf/${name}`);
	return start(`${WORK}/shelf`);
}

// Stacks with their values, as the page holds them.
const folded = (page) => page.evaluate(() => foldTree(window.waggle.profile, window.waggle.tree) // eslint-disable-line no-undef
	.trim().split("\n").sort());
// Names may have become known between two looks, which moves stacks together: then the sums are compared.
const sumOf = (lines) => lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
const report = (file, ...args) => execFileSync(WAGGLE, ["report", "-q", file, "--folded", ...args], { encoding: "utf8" })
	.trim().split("\n").sort();

test("serve: recordings are chosen by name, and look as saved pages do", { serve: shelf }, async (page) => {
	const truth = new Truth("demo");

	equal(await page.locator("#recording option").allTextContents(), ["demo.waggle", "wall.waggle"]);
	equal(await page.evaluate(() => window.waggle.tree.sum), truth.total);
	ok(await page.locator("#live").isHidden(), "nothing is live");
	await page.locator("#recording").selectOption({ label: "wall.waggle" });
	await page.waitForFunction(() => window.waggle.tree.sum === 40e9);
	ok(await page.locator("#classes").isVisible(), "its classes");
	equal(hashOf(page).rec, "1");
	await page.reload();
	await page.waitForSelector("html[data-ready]", { state: "attached" });
	equal(await page.evaluate(() => window.waggle.tree.sum), 40e9);
});

test("serve: the selection is saved in any format, as report writes it", { serve: shelf }, async (page) => {
	await page.evaluate(() => window.waggle.setState({ range: "2000-4000", task: "p4711" }));
	await page.locator("#save").click();
	ok(await page.locator("#save-panel button").count() >= 6, "formats");
	const [download] = await Promise.all([page.waitForEvent("download"),
		page.locator("#save-panel button", { hasText: ".folded" }).first().click()]);

	equal(readFileSync(await download.path(), "utf8").trim().split("\n").sort(),
		report(`${WORK}/demo.waggle`, "--from", "2s", "--to", "4s", "-p", "4711"));
});

test("serve: what is hidden on the page is not in what is saved", { serve: shelf }, async (page) => {
	for (const hide of ["kernel", "inlined", "user.inlined", "kernel.jit.cut"]) {
		await page.evaluate((kinds) => window.waggle.setState({ hide: kinds }), hide);
		await page.locator("#save").click();
		const [download] = await Promise.all([page.waitForEvent("download"),
			page.locator("#save-panel button", { hasText: ".folded" }).first().click()]);

		equal(readFileSync(await download.path(), "utf8").trim().split("\n").sort(), await folded(page), hide);
	}
});

test("serve: live, what a workload does is seen within a second", { serve: () => capture() }, async (page) => {
	const seen = [];

	await page.waitForFunction(() => document.getElementById("live-text").textContent === "Live");
	for (let i = 0; i < 3; i++) {
		const name = `burn${i}`;

		copyFileSync("/bin/sh", `${WORK}/${name}`);
		execFileSync("chmod", ["755", `${WORK}/${name}`]);
		const begin = Date.now(), child = spawn("nice", ["-n", "5", `${WORK}/${name}`, "-c", "while :; do :; done"], { stdio: "ignore" });

		try {
			await page.waitForFunction((label) => {
				const { shown, profile } = window.waggle;

				return shown.children(0).some((n) => profile.label(shown.frame[n]) === label);
			}, name, { polling: 20, timeout: 15000 });
		} finally {
			child.kill("SIGKILL");
		}
		seen.push(Date.now() - begin);
	}
	seen.sort((a, b) => a - b);
	console.log(`  seen after ${seen.join(", ")} ms`);
	ok(seen[1] <= 1000, `seen after ${seen.join(", ")} ms`);
});

test("serve: live, a range freezes; its graph is that of 'waggle report --from --to'", {
	serve: () => capture("-o", `${WORK}/live.waggle`),
}, async (page, server) => {
	await page.waitForFunction(() => window.waggle.profile.buckets.n * window.waggle.profile.buckets.width > 4e9,
		null, { timeout: 20000 });
	await page.evaluate(() => window.waggle.setState({ range: "1000-3000" }));
	equal(await page.locator("#live").getAttribute("data-state"), "frozen");
	const before = await folded(page), url = page.url();

	ok(before.length > 1, "there is something");
	await sleep(2500);
	equal(await folded(page), before, "it stays while it is looked at");
	ok((await page.locator("#live-text").textContent()).includes("behind"), "and says so");
	await page.goto("about:blank");
	await page.goto(url);
	await page.waitForSelector("html[data-ready]", { state: "attached" });
	equal(sumOf(await folded(page)), sumOf(before), "the same by its address");
	await page.keyboard.press("Escape");
	await page.waitForFunction(() => document.getElementById("live").dataset.state === "running");
	await page.evaluate(() => window.waggle.setState({ range: "1000-3000" }));
	const after = await page.evaluate(async () => (await (await window.waggle.live.remote.get("/api/export.folded",
		{ from: "1000ms", to: "3000ms" })).text()).trim().split("\n").sort());

	equal(await folded(page), after, "what the page shows is what the server exports");
	await page.goto("about:blank");
	await server.stop();
	equal(sumOf(after), sumOf(report(`${WORK}/live.waggle`, "--from", "1s", "--to", "3s")), "report");
});

test("serve: live, freezing by key, the end, and a server that is gone", {
	serve: () => capture("--", "sh", "-c", "i=0; while [ $i -lt 900000 ]; do i=$((i+1)); done"),
}, async (page, server) => {
	const state = () => page.locator("#live").getAttribute("data-state");

	await page.keyboard.press("z");
	equal(await state(), "frozen");
	ok(/^[\d.]+-[\d.]+$/.test(hashOf(page).at), "the address says when");
	await page.keyboard.press("z");
	equal(hashOf(page).at, undefined);
	await page.waitForFunction(() => document.getElementById("live").dataset.state === "ended", null, { timeout: 40000 });
	ok(await page.evaluate(() => window.waggle.tree.sum > 20), "what it found stays");
	await page.locator("#live-window").selectOption("all");
	await page.waitForFunction(() => new URLSearchParams(location.hash.slice(1)).get("win") === "all");
	// What the browser says about a server that went away is not an error of the page.
	await page.evaluate(() => { window.waggle.live.remote.get = () => Promise.reject(new Error("gone")); });
	await server.stop();
	await page.waitForFunction(() => document.getElementById("live").dataset.state === "lost", null, { timeout: 10000 });
	equal(await page.locator("#live-text").textContent(), "No connection");
});

test("serve: hover and focus survive new data", { serve: () => capture() }, async (page) => {
	await page.locator("#flame").focus();
	await page.keyboard.press("ArrowUp");
	await page.keyboard.press("ArrowUp");
	const focused = () => page.evaluate(() => {
		const { flame, shown, profile } = window.waggle;

		return flame.focused < 0 ? null : profile.label(shown.frame[flame.focused]);
	});
	const was = await focused(), sum = await page.evaluate(() => window.waggle.tree.sum);

	ok(was, "something has the focus");
	await page.waitForFunction((old) => window.waggle.tree.sum > old, sum, { timeout: 10000 });
	equal(await focused(), was);
});

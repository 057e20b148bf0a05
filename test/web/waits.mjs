// waits.mjs - profiles of waits: the legend of classes and its switches, colours, the numbers behind them.
// The profiles are those of test/unit/profile/waits_example.h.
import { readFileSync } from "node:fs";
import { equal, ok, test } from "./harness.mjs";

const WALL = { file: "wall.html" }, OFF = { file: "off.html" };
const S = 1e9;

const summary = (page) => page.locator("#summary").textContent();
const hashOf = (page) => Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.slice(1)));
const legend = (page) => page.locator("#classes button").evaluateAll((all) => all.map((b) =>
	[b.dataset.class, b.querySelector("em").textContent, b.getAttribute("aria-pressed")]));
const press = (page, key, options) => page.locator(`#classes [data-class="${key}"]`).click(options);

// Value of every function of the tree that is shown.
const totals = (page) => page.evaluate(() => {
	const { shown, profile } = window.waggle, out = {};

	for (let i = 1; i < shown.n; i++)
		out[profile.label(shown.frame[i])] = (out[profile.label(shown.frame[i])] ?? 0) + shown.total[i];
	return out;
});
const sum = (page) => page.evaluate(() => window.waggle.shown.sum);

test("waits: the legend, from hot to cold, with what each class took", WALL, async (page) => {
	equal(await legend(page), [["on-cpu", "40.0 %", "true"], ["run-queue", "0.25 %", "true"],
		["preempted", "12.3 %", "true"], ["lock", "10.0 %", "true"], ["disk", "12.5 %", "true"],
		["poll", "25.0 %", "true"]]);
	equal(await summary(page), "40 s");
	ok((await page.locator('[data-class="lock"]').getAttribute("title")).startsWith("Waiting for a lock"), "title");
	equal(await page.locator("#value option").allTextContents(), ["wall", "waits"], "what adds up");
});

test("waits: a class that is switched off is in no number and no box", WALL, async (page) => {
	await press(page, "poll");
	equal(await sum(page), 30 * S);
	equal(await summary(page), "30 s of 40 s (75.0 %) · without poll");
	equal(hashOf(page).off, "poll");
	const seen = await totals(page);

	ok(!("[blocked: poll]" in seen) && !("accept_loop" in seen), "its stacks are gone");
	equal(seen.crunch, 10 * S);
	const width = await page.evaluate(() => {
		const { flame, shown, profile } = window.waggle;
		const node = shown.children(0).find((i) => profile.label(shown.frame[i]) === "main");

		return flame.boxOf(node).width / flame.boxOf(0).width;
	});

	ok(Math.abs(width - 1 / 3) < 0.001, `main is ${width} wide`);
	equal((await legend(page)).find(([k]) => k === "poll"), ["poll", "25.0 %", "false"], "it still says how much");
	await press(page, "on-cpu");
	equal(await sum(page), 14 * S);
	ok(!("parse" in await totals(page)), "what ran is gone too");
	equal((await totals(page)).crunch, 5 * S);
	await press(page, "poll");
	equal(await sum(page), 24 * S);
	await page.keyboard.press("Escape");
	equal(await sum(page), 40 * S);
	equal(hashOf(page).off, undefined);
});

test("waits: the tables, the threads and the strip follow", WALL, async (page) => {
	await press(page, "on-cpu");
	const rows = await page.evaluate(() => Object.fromEntries(window.waggle.table.all.map((r) =>
		[window.waggle.profile.label(r.frame), [r.self, r.total]])));

	equal(rows["[blocked: disk]"], [5 * S, 5 * S]);
	equal(rows.query, [0, 9 * S]);
	ok(!("sort_rows" in rows), "no function that ran");
	const tasks = await page.evaluate(() => window.waggle.picker.groups.map((g) => [g.name, g.sum]));

	equal(tasks, [["mariadbd", 19 * S], ["job", 5 * S]]);
	equal(await page.evaluate(() => window.waggle.strip.data.reduce((a, b) => a + b, 0)), 24 * S);
});

test("waits: by keyboard, and only one with Shift", WALL, async (page) => {
	await page.locator('[data-class="lock"]').focus();
	await page.keyboard.press("Space");
	equal(await sum(page), 36 * S);
	await page.keyboard.press("Tab");
	await page.keyboard.press("Enter");
	equal(hashOf(page).off, "lock.disk");
	equal(await sum(page), 31 * S);
	await press(page, "disk", { modifiers: ["Shift"] });
	equal(await sum(page), 5 * S);
	equal((await legend(page)).filter(([, , on]) => on === "true").map(([k]) => k), ["disk"]);
	await press(page, "disk", { modifiers: ["Shift"] });
	equal(await sum(page), 40 * S);
});

test("waits: the address brings the switches back", { ...WALL, hash: "#off=poll.nonsense.lock" }, async (page) => {
	equal(await sum(page), 26 * S);
	equal((await legend(page)).filter(([, , on]) => on === "false").map(([k]) => k), ["lock", "poll"]);
	await page.locator("#reset").click();
	equal(await sum(page), 40 * S);
});

test("waits: numbers instead of time, and both inverted", WALL, async (page) => {
	await page.locator("#value").selectOption({ label: "waits" });
	equal(await summary(page), "2,651 waits");
	await press(page, "preempted");
	equal(await sum(page), 1451);
	await page.keyboard.press("i");
	equal((await totals(page))["[blocked: disk]"], 1000);
	ok(!("[preempted]" in await totals(page)), "inverted without it");
});

test("waits: without frames of classes the switches work all the same", OFF, async (page) => {
	equal((await legend(page)).map(([k]) => k), ["run-queue", "preempted", "lock", "disk", "poll"]);
	await press(page, "preempted");
	equal((await totals(page)).crunch, 0.1 * S);
	await press(page, "run-queue");
	ok(!("crunch" in await totals(page)), "the job is gone");
});

// hsl() as the browser mixes it, against the colours that C wrote into the SVG.
test("waits: colours by class, the same in page and picture", { ...WALL, colorScheme: "light" }, async (page) => {
	const svg = readFileSync(`${process.env.WORK}/wall.svg`, "utf8");
	const rgb = (name) => {
		const key = svg.match(new RegExp(`<g class="(\\w+)" v="[^"]*"><title>${name.replace(/[[\]]/g, "\\$&")}\n`))[1];
		const hex = svg.match(new RegExp(`\\.${key}\\{fill:#(......)\\}`))[1];

		return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
	};
	const names = ["[blocked: lock]", "[blocked: disk]", "[blocked: poll]", "[preempted]", "[run queue]"];
	const got = await page.evaluate((list) => list.map((name) => {
		const { profile, flame } = window.waggle, dot = document.createElement("i");
		const frame = profile.strings.indexOf(name);

		for (let f = 0; f < profile.frames.n; f++) {
			if (profile.frames.label[f] === frame)
				dot.style.color = flame.colours[f];
		}
		document.body.append(dot);
		const colour = getComputedStyle(dot).color.match(/\d+/g).map(Number);

		dot.remove();
		return colour;
	}), names);

	names.forEach((name, i) => {
		const want = rgb(name);

		ok(want.every((v, k) => Math.abs(v - got[i][k]) <= 1), `${name}: ${got[i]} in the page, ${want} in the SVG`);
	});
	ok(new Set(got.map(String)).size === names.length, "every class has its own");
	const [lock, , poll, preempted] = got;

	ok(lock[2] > lock[0] + 30, `blocked is blue: ${lock}`);
	ok(Math.max(...poll) - Math.min(...poll) < 24, `idle is grey: ${poll}`);
	ok(preempted[0] > preempted[2] + 80, `ready is orange: ${preempted}`);
});

test("waits: other profiles have no such legend", { file: "demo.html" }, async (page) => {
	ok(await page.locator("#classes").isHidden(), "hidden");
	equal(await page.locator("#classes button").count(), 0);
});

test("waits: the picture has the classes in its legend", { file: "wall.svg" }, async (page) => {
	const words = await page.locator("#foot text").allTextContents();

	for (const key of ["lock", "disk", "poll", "run-queue", "preempted"])
		ok(words.includes(key), `${key} in ${words}`);
	ok(words.some((w) => w.includes("2,651 waits")), "the ledger's line");
});

// views.mjs - heat map, call tree, threads, comparison, pinning and saving, on the profile whose truth is known.
import { readFileSync } from "node:fs";
import { count, equal, ok, test, Truth } from "./harness.mjs";

const FILE = { file: "demo.html", hash: "#heat=1" };
const truth = new Truth("demo");
const ms = (s) => s.time / 1e6;
const hashOf = (page) => Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.slice(1)));
const summary = (page) => page.locator("#summary").textContent();
const range = (from, to) => truth.where((s) => ms(s) >= from && ms(s) < to);

test("views: the heat map holds every sample in its cell", FILE, async (page) => {
	const { cells, lines, column, columns } = await page.evaluate(() => {
		const { cells, lines, column, columns } = window.waggle.heat; // eslint-disable-line no-shadow

		return { cells: [...cells], lines, column, columns };
	});

	equal([column, columns], [1e9, 10]);
	const want = new Array(columns * lines).fill(0);

	for (const s of truth.samples) // a bucket is a millisecond
		want[Math.floor(s.time / 1e9) * lines + Math.floor((Math.floor(s.time / 1e6) % 1000 + 0.5) / 1000 * lines)] += s.value;
	equal(cells, want);
});

test("views: from cell to cell is a range", FILE, async (page) => {
	const box = await page.locator("#heat").boundingBox();
	const { w, h, lines } = await page.evaluate(() => ({ w: window.waggle.heat.columnWidth,
		h: window.waggle.heat.rowHeight, lines: window.waggle.heat.lines }));

	await page.mouse.move(box.x + 3.5 * w, box.y + 10.5 * h);
	await page.mouse.down();
	await page.mouse.move(box.x + 5.5 * w, box.y + 20.5 * h, { steps: 3 });
	await page.mouse.up();
	const [from, to] = hashOf(page).range.split("-").map(Number);

	ok(Math.abs(from - (3000 + 10 * 1000 / lines)) <= 1 && Math.abs(to - (5000 + 21 * 1000 / lines)) <= 1, `${from}-${to}`);
	ok((await summary(page)).startsWith(`${count(range(from, to).total)} samples of`), await summary(page));
	await page.keyboard.press("Escape");
	await page.locator("#heat").focus();
	await page.keyboard.press("ArrowRight");
	await page.keyboard.press("Enter");
	await page.keyboard.press("Shift+ArrowRight");
	const [a, b] = hashOf(page).range.split("-").map(Number);

	ok(a === 1000 && Math.abs(b - (2000 + 1000 / lines)) <= 1, `by keys: ${a}-${b}`);
	await page.keyboard.press("h");
	ok(await page.locator("#heat-box").isHidden(), "h hides it");
});

test("views: the call tree opens row by row, with the numbers of the boxes", { file: "demo.html", hash: "#view=calls" }, async (page) => {
	const rows = () => page.locator("#calls .row").evaluateAll((all) => all.map((r) => [r.getAttribute("aria-level"),
		r.querySelector(".name span").textContent, r.children[1].title, r.getAttribute("aria-expanded")]));
	const find = async (name) => (await rows()).find((r) => r[1] === name);

	ok(await page.locator("#scroller").isHidden(), "no graph");
	equal(await find("all"), ["1", "all", `${count(truth.total)} samples`, "true"]);
	equal((await find("postgres"))[2], `${count(truth.box(["postgres"]))} samples`);
	ok(!await find("PostmasterMain"), "not open yet");
	await page.locator("#calls .row", { hasText: "postgres" }).first().click();
	equal((await find("postgres"))[3], "true");
	await page.keyboard.press("ArrowRight"); // into its first callee, and that one open
	await page.keyboard.press("ArrowRight");
	ok((await rows()).filter((r) => r[0] === "3" && r[1] === "_start").length >= 1, "its callees");
	await page.keyboard.press("ArrowLeft");
	await page.keyboard.press("ArrowLeft");
	await page.keyboard.press("ArrowLeft");
	equal((await find("postgres"))[3], "false");
	await page.keyboard.press("r");
	ok(await page.locator("#scroller").isVisible(), "r goes back to the graph");
});

test("views: threads with their shares; a row selects", { file: "wall.html", hash: "#table=threads" }, async (page) => {
	const rows = await page.locator("#tasks .row").evaluateAll((all) => all.map((r) =>
		[r.querySelector(".name span").textContent, r.children[0].textContent, r.children[1].title]));

	ok(rows.length >= 2, JSON.stringify(rows));
	const whole = rows.filter(([name]) => name === "mariadbd" || name === "job").map(([, , title]) => title).join();

	ok(whole.includes("running") && whole.includes("blocked"), whole);
	await page.locator("#tasks .row", { hasText: "job" }).first().focus();
	await page.keyboard.press("Enter");
	ok(/^[pt]\d+$/.test(hashOf(page).task), hashOf(page).task);
	const part = await page.evaluate(() => window.waggle.tree.sum);

	ok(part > 0 && part < 40e9, `${part}`);
	await page.locator("#tasks-toggle").click();
	ok(await page.locator("#tasks").isHidden(), "the button closes it");
});

test("views: two ranges compared, red for more and blue for less", { file: "demo.html" }, async (page) => {
	await page.evaluate(() => window.waggle.setState({ range: "0-3000" }));
	await page.locator("#compare").click();
	equal([hashOf(page).base, hashOf(page).range], ["0-3000", undefined]);
	await page.evaluate(() => window.waggle.setState({ range: "4000-7000" }));
	const a = range(0, 3000), b = range(4000, 7000), name = "ExecScanHashBucket";
	const before = a.functions(), now = b.functions();
	const rows = await page.evaluate(() => Object.fromEntries(window.waggle.table.all.map((r) =>
		[window.waggle.profile.label(r.frame), r.total])));

	for (const [f, v] of now) {
		const want = v.total / b.total - (before.get(f)?.total ?? 0) / a.total;

		ok(f in rows && (Math.abs(rows[f] - want) < 1e-9 || f === "main" || f.startsWith("_")), `${f}: ${rows[f]}, expected ${want}`);
	}
	const colours = await page.evaluate(() => {
		const { flame, shown, profile } = window.waggle;
		const of = (label) => shown.children(0).find((i) => profile.label(shown.frame[i]) === label);

		return [flame.colourOf(of("postgres")), flame.colourOf(of("redis-server"))];
	});

	ok(colours[0].startsWith("hsl(8 ") && colours[1].startsWith("hsl(214 "), `postgres is more, redis less: ${colours}`);
	ok(now.get(name).total > 0 && (await summary(page)).includes("compared with 0 s to 3 s"), await summary(page));
	equal(await page.locator('[data-sort="total"]').textContent(), "Δ total");
	await page.keyboard.press("i");
	ok(await page.evaluate(() => window.waggle.shown.base[0] > 0), "inverted, too");
	await page.keyboard.press("c");
	equal(hashOf(page).base, undefined);
	equal(await page.locator('[data-sort="total"]').textContent(), "Total");
});

test("views: a deep link brings back zoom, range, comparison, search and pin", { file: "demo.html" }, async (page) => {
	await page.evaluate(() => window.waggle.setState({ range: "4000-7000", base: "0-3000", q: "tcp", view: "icicle" }));
	await page.evaluate(() => {
		const { shown, flame } = window.waggle;

		flame.on.zoom(shown.children(shown.children(0)[1])[0]);
	});
	const crumbs = await page.locator("#crumbs button").allTextContents(), before = await summary(page);
	const url = page.url();

	equal(crumbs.length, 2);
	await page.goto("about:blank");
	await page.goto(url);
	await page.waitForSelector("html[data-ready]", { state: "attached" });
	equal(await page.locator("#crumbs button").allTextContents(), crumbs);
	equal(await summary(page), before);
	equal(await page.locator("#search").inputValue(), "tcp");
});

test("views: p pins the function under the pointer", { file: "demo.html" }, async (page) => {
	const at = await page.evaluate(() => {
		const { flame, shown, profile } = window.waggle, box = flame.canvas.getBoundingClientRect();
		const node = shown.children(0).find((i) => profile.label(shown.frame[i]) === "postgres") + 1, b = flame.boxOf(node);

		return { x: box.x + b.x + b.width / 2, y: box.y + b.y + 8, label: profile.label(shown.frame[node]) };
	});

	await page.mouse.move(at.x, at.y);
	await page.keyboard.press("p");
	const lit = await page.evaluate(() => [...window.waggle.flame.match].flatMap((on, f) =>
		(on ? [window.waggle.profile.label(f)] : [])));

	equal(lit, [at.label]);
	await page.mouse.move(5, 5);
	equal(await page.evaluate(() => window.waggle.flame.match !== null), true, "it stays");
	await page.keyboard.press("Escape");
	equal(hashOf(page).pick, undefined);
});

test("views: the selection is saved as folded stacks", { file: "demo.html" }, async (page) => {
	await page.evaluate(() => window.waggle.setState({ range: "2000-4000" }));
	await page.keyboard.press("s");
	const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
	const lines = readFileSync(await download.path(), "utf8").trim().split("\n");
	const sum = lines.reduce((s, line) => s + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);

	equal(sum, range(2000, 4000).total);
	ok(lines.some((line) => line.startsWith("redis-server;_start;__libc_start_main;main;")), lines[0]);
});

test("views: a frame of a million boxes costs what is seen", { file: "big.html", alone: true }, async (page) => {
	const { times, boxes } = await page.evaluate(async () => {
		const { flame } = window.waggle, all = flame.tree.sum, out = [];
		let most = 0;

		for (let i = 0; i < 200; i++) { // zoom in, pan, zoom out
			const width = all * 0.93 ** (i < 80 ? i : i < 120 ? 80 : 200 - i), at = all * 0.37 + (i > 80 ? width * 0.01 * (i - 80) : 0);

			[flame.x0, flame.x1] = [at, at + width];
			const start = performance.now();

			flame.paint();
			out.push(performance.now() - start);
			most = Math.max(most, flame.boxes);
			if (i % 20 === 0)
				await new Promise((done) => setTimeout(done, 0));
		}
		return { times: out.sort((a, b) => a - b), boxes: most };
	});

	ok(boxes < 30000, `${boxes} boxes`);
	ok(times[100] < 16, `half of the frames within ${times[100].toFixed(1)} ms`);
	console.log(`  frames: median ${times[100].toFixed(1)} ms, 95 % ${times[189].toFixed(1)} ms, worst ${times[199].toFixed(1)} ms`);
});

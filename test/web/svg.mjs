// svg.mjs - the flame graph SVG: the numbers in it, and everything a hand can do to it.
import { readFileSync } from "node:fs";
import { count, equal, ok, test, Truth } from "./harness.mjs";

const FILE = { file: "demo.svg" };
const truth = new Truth("demo");

// Boxes as the document has them: path of names -> value, rebuilt from x ranges alone.
const readBoxes = (page) => page.evaluate(() => {
	const open = [], out = {};

	for (const g of document.querySelectorAll("#frames > g")) {
		const [start, total] = g.getAttribute("v").split(" ").map(Number);
		const name = g.getAttribute("aria-label")?.split(", ").slice(0, -1).join(", ") ??
			g.querySelector("title").textContent.split("\n")[0];

		while (open.length && start >= open[open.length - 1].end)
			open.pop();
		open.push({ name, end: start + total });
		if (open.length > 1)
			out[open.slice(1).map((o) => `;${o.name}`).join("")] = total;
	}
	return out;
});

const frameCalled = (page, name) => page.locator(`#frames > g[aria-label^="${name},"]`).first();
const rectOf = (frame) => frame.locator("rect").evaluate((r) => [r.x.baseVal.value, r.width.baseVal.value]);
const shown = (page) => page.locator('#frames > g:not([style*="none"])').count();

test("svg: every box has the right value", { ...FILE, javaScriptEnabled: false }, async (page) => {
	const boxes = Object.fromEntries([...truth.boxes()].sort());

	equal(Object.fromEntries(Object.entries(await readBoxes(page)).sort()), boxes, "boxes");
});

test("svg: widths add up to the picture", FILE, async (page) => {
	const [x, width] = await rectOf(page.locator("#frames > g").first());
	const children = await page.locator("#frames > g").evaluateAll((gs) => gs
		.filter((g) => g.querySelector("rect").getAttribute("y") ===
			String(Number(gs[0].querySelector("rect").getAttribute("y")) - 18))
		.map((g) => g.querySelector("rect").width.baseVal.value + 0.5));

	equal(x, 16);
	ok(Math.abs(width - (1280 - 32)) < 1, `the root is ${width} px wide in a window of 1280`);
	ok(Math.abs(children.reduce((a, b) => a + b, 0) - (1280 - 32)) < 2, `children: ${children}`);
});

test("svg: a click zooms, Reset and Escape take it back", FILE, async (page) => {
	const all = await shown(page), frame = frameCalled(page, "processCommand");
	const before = await rectOf(frame);

	await frame.click();
	const [x, width] = await rectOf(frame);

	ok(x === 16 && width > 1240, `zoomed to ${x}+${width} from ${before}`);
	ok(await shown(page) < all, "frames beside it are gone");
	ok((await frameCalled(page, "all").getAttribute("class")).includes("around"), "callers are marked");
	ok(/#zoom=\d+$/.test(page.url()), page.url());
	await page.locator("#reset").click();
	equal(await rectOf(frame), before, "after Reset");
	equal(await shown(page), all);
	await frame.click();
	await page.keyboard.press("Escape");
	equal(await rectOf(frame), before, "after Escape");
	ok(!await page.locator("#reset").isVisible(), "nothing left to reset");
});

test("svg: text fits its box", FILE, async (page) => {
	const wide = await page.locator("#frames > g").evaluateAll((gs) => gs.filter((g) => {
		const text = g.querySelector("text");

		return text && text.getComputedTextLength() > g.querySelector("rect").width.baseVal.value;
	}).length);

	equal(wide, 0, "texts wider than their box");
	ok(await page.locator("#frames text").filter({ hasText: /./ }).count() > 20, "there are texts");
});

for (const [how, keys] of [["Ctrl-F", "Control+f"], ["/", "/"]]) {
	test(`svg: search by ${how} shows the matched share`, FILE, async (page) => {
		await page.keyboard.press(keys);
		await page.keyboard.type("^(tcp_|ip_queue)");
		const want = (100 * truth.matched(/^(tcp_|ip_queue)/) / truth.total).toFixed(2);

		equal(await page.locator("#matched").textContent(), `${want} % matched`);
		ok((await frameCalled(page, "main").getAttribute("class")).includes("faded"), "others fade");
		ok(!(await frameCalled(page, "tcp_push").getAttribute("class")).includes("faded"), "matches do not");
		await page.keyboard.press("Escape");
		equal(await page.locator("#frames .faded").count(), 0, "faded after Escape");
		equal(await page.locator("#matched").textContent(), "");
	});
}

test("svg: search by its button; a bad expression is said", FILE, async (page) => {
	await page.locator("#search").click();
	await page.keyboard.type("tcp(");
	equal(await page.locator("#matched").textContent(), "not a regular expression");
	await page.keyboard.press("Enter");
	await page.locator("#reset").click();
	equal(await page.locator("#matched").textContent(), "");
});

test("svg: hovering tells name, value, share and object", FILE, async (page) => {
	await frameCalled(page, "processInputBuffer").hover();
	const value = truth.functions().get("processInputBuffer").total;

	equal(await page.locator(".tip .name").textContent(), "processInputBuffer");
	equal(await page.locator(".tip text").nth(1).textContent(),
		`${count(value)} samples · ${+(100 * value / truth.total).toFixed(2)} % · redis-server`);
	ok(await page.locator(".tip").isVisible(), "the hint is visible");
});

test("svg: zoom and search come from the address", { ...FILE, hash: "#zoom=5&search=main" }, async (page) => {
	const frame = page.locator('#frames > g[data-id="5"]');

	equal((await rectOf(frame))[0], 16);
	equal(await page.locator("#matched").textContent(), "100.00 % matched".replace("100.00",
		(100 * truth.matched(/main/i) / truth.total).toFixed(2)));
});

test("svg: arrows walk, Enter zooms", FILE, async (page) => {
	await page.keyboard.press("Tab");
	const current = () => page.evaluate(() => document.activeElement.getAttribute("aria-label"));

	ok((await current()).startsWith("all, "), await current());
	await page.keyboard.press("ArrowUp");
	const widest = ["nginx", "node", "postgres", "redis-server", "bio_lazy_free"]
		.sort((a, b) => truth.box([b]) - truth.box([a]));

	ok((await current()).startsWith(`${widest[0]}, ${count(truth.box([widest[0]]))} samples`), await current());
	await page.keyboard.press("ArrowUp");
	await page.keyboard.press("Enter");
	ok(/zoom=/.test(page.url()), page.url());
	await page.keyboard.press("ArrowDown");
	ok((await current()).startsWith(widest[0]), await current());
});

for (const colorScheme of ["light", "dark"]) {
	test(`svg: readable in ${colorScheme}`, { ...FILE, colorScheme }, async (page) => {
		const [page_, head] = await page.evaluate(() => [".page", ".head"].map((s) =>
			getComputedStyle(document.querySelector(s)).fill.match(/\d+/g).reduce((a, b) => a + Number(b), 0)));

		ok(Math.abs(page_ - head) > 450, `contrast of ${page_} and ${head}`);
		equal(page_ > 400, colorScheme === "light", "a light page");
	});
}

test("svg: still and whole without scripts", { ...FILE, javaScriptEnabled: false }, async (page) => {
	ok(await page.locator("#frames > g > title").count() > 50, "titles serve as hints");
	ok((await page.locator("#foot").textContent()).includes("0 lost"), "the ledger is in the footer");
	equal(await page.locator("#search").count(), 0, "dead buttons");
});

test("svg: hostile names stay text", { file: "odd.svg" }, async (page) => {
	const names = await page.locator("#frames > g").evaluateAll((gs) => gs.map((g) => g.getAttribute("aria-label")));

	for (const name of ["</script><script>alert(1)</script>", "]]>&<title>'\"", "ünï¢ødé 函数::호출 🐝",
		"\ufffd\ufffd bad utf8 \ufffd(", "ctrl\ufffd\ufffd[31m", "__proto__", "constructor"])
		ok(names.some((n) => n.startsWith(`${name}, `)), `${name} in ${names.join(" | ")}`);
});

test("svg: narrow frames are counted in the footer", { file: "big.svg" }, async (page) => {
	const foot = await page.locator("#foot").textContent();
	const [, culled] = /([\d,]+) frames narrower than 0\.1 px not drawn/.exec(foot) ?? [];

	ok(culled && Number(culled.replaceAll(",", "")) > 100000, foot);
	ok(/not drawn: [\d.]+ % of samples/.test(foot), foot);
	await page.keyboard.press("/");
	await page.keyboard.type("function_0$");
	ok(/^at least [\d.]+ % matched$/.test(await page.locator("#matched").textContent()),
		"matches among what is not drawn are not denied");
});

test("svg: nothing sampled is a picture too", { file: "empty.svg" }, async (page) => {
	equal(await page.locator("#frames > g").count(), 1);
});

test("svg: the file is well-formed XML", { file: "odd.svg" }, async (page) => {
	const text = readFileSync(`${process.env.WORK}/odd.svg`, "utf8");

	equal(await page.evaluate((xml) => new DOMParser().parseFromString(xml, "image/svg+xml")
		.querySelectorAll("parsererror").length, text), 0, "parse errors");
});

test("svg: a picture taller than the window starts at its root", { file: "deep.svg" }, async (page) => {
	const visible = (selector) => page.locator(selector).first().evaluate((el) => {
		const box = el.getBoundingClientRect();

		return box.top >= 0 && box.bottom <= innerHeight;
	});

	ok(await page.evaluate(() => scrollY) > 4000, "scrolled");
	ok(await visible("#frames > g"), "the root is in sight");
	ok(await visible("#search") && await visible(".head"), "so are title and buttons");
	await page.evaluate(() => scrollTo(0, 0));
	await page.waitForFunction(() => scrollY === 0);
	ok(await visible("#search"), "also at the top");
});

test("svg: folded stacks through 'waggle report'", { file: "folded.svg" }, async (page) => {
	equal(await readBoxes(page), { ";server": 50, ";server;main": 50, ";server;main;read": 8,
		";server;main;work": 42, ";server;main;work;hash": 30 });
});

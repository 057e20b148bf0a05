// html.mjs - the page on an ordinary profile: every number against the truth, every control by hand.
import { count, equal, ok, share, test, Truth } from "./harness.mjs";

const FILE = { file: "demo.html" };
const truth = new Truth("demo");
const ms = (s) => s.time / 1e6;

const summary = (page) => page.locator("#summary").textContent();
const hashOf = (page) => Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.slice(1)));

// The middle of the box that a path of names leads to, on the page.
const boxAt = (page, path) => page.evaluate((names) => {
	const { flame, profile, shown } = window.waggle, at = flame.canvas.getBoundingClientRect();
	let node = 0;

	for (const name of names)
		node = shown.children(node).find((i) => profile.label(shown.frame[i]) === name);
	const box = flame.boxOf(node);

	return { node, x: at.x + box.x + box.width / 2, y: at.y + box.y + box.height / 2, width: box.width,
		left: box.x, total: shown.total[node], canvas: at.width };
}, path);

// All rows of the table, not just the visible ones: name -> { self, total }.
const tableRows = (page) => page.evaluate(() => {
	const { table, profile } = window.waggle, out = {};

	for (const row of table.rows) {
		const at = out[profile.label(row.frame)] ??= { self: 0, total: 0 };

		at.self += row.self;
		at.total += row.total;
	}
	return out;
});

function sameFunctions(got, want) {
	equal(Object.entries(got).sort(), [...want].filter(([, v]) => v.total > 0).sort(), "functions");
}

const REDIS = ["redis-server", "_start", "__libc_start_main", "main", "aeMain", "aeProcessEvents"];

test("html: totals, title and badge", FILE, async (page) => {
	equal(await summary(page), `${count(truth.total)} samples`);
	equal(await page.title(), await page.locator("#title").textContent());
	equal(await page.locator("#badge").textContent(), "0 lost · 99.9 % whole");
	sameFunctions(await tableRows(page), truth.functions());
});

test("html: a click zooms, crumbs and Escape lead back", FILE, async (page) => {
	const box = await boxAt(page, REDIS), want = truth.box(REDIS);

	equal(box.total, want);
	ok(Math.abs(box.width / box.canvas - want / truth.total) < 1e-6, "its width is its share");
	await page.mouse.click(box.x, box.y);
	const zoomed = await boxAt(page, REDIS);

	ok(Math.abs(zoomed.left) < 0.01 && Math.abs(zoomed.width - zoomed.canvas) < 0.01, JSON.stringify(zoomed));
	equal(await page.locator("#crumbs button").last().textContent(), "aeProcessEvents");
	await page.locator("#crumbs button").first().click();
	equal(await page.locator("#crumbs button").allTextContents(), ["redis-server"]);
	await page.keyboard.press("Escape");
	equal((await boxAt(page, REDIS)).width, box.width, "width after Escape");
	ok(await page.locator("#crumbs").isHidden(), "no crumbs at the root");
});

test("html: hovering tells everything about a box", FILE, async (page) => {
	const box = await boxAt(page, [...REDIS, "readQueryFromClient"]);
	const total = truth.box([...REDIS, "readQueryFromClient"]);

	await page.mouse.move(box.x, box.y);
	const tip = await page.locator("#tip").innerText();

	for (const part of ["readQueryFromClient", "src/main.c:67", "/usr/bin/redis-server", `${count(total)} samples`,
		`${share(total, truth.total)} of all`, share(total, truth.box(REDIS)), "User"])
		ok(tip.includes(part), `'${part}' in '${tip}'`);
	await page.mouse.move(5, 5);
	ok(await page.locator("#tip").isHidden(), "the hint goes with the pointer");
});

test("html: search shows the matched share and filters the table", FILE, async (page) => {
	await page.keyboard.press("/");
	await page.keyboard.type("^(tcp_|sock_)");
	const regex = /^(tcp_|sock_)/;

	equal(await page.locator("#matched").textContent(), `${share(truth.matched(regex), truth.total)} matched`);
	sameFunctions(await tableRows(page), [...truth.functions()].filter(([name]) => regex.test(name)));
	equal(hashOf(page).q, "^(tcp_|sock_)");
	await page.keyboard.press("Escape");
	equal(await page.locator("#matched").textContent(), "");
	sameFunctions(await tableRows(page), truth.functions());
	await page.locator("#search").fill("tcp(");
	equal(await page.locator("#matched").textContent(), "not a regular expression");
});

test("html: search means all cases until a capital is typed", FILE, async (page) => {
	await page.locator("#search").fill("execscan");
	equal(await page.locator("#matched").textContent(), `${share(truth.matched(/execscan/i), truth.total)} matched`);
	await page.locator("#search").fill("Execscan");
	equal(await page.locator("#matched").textContent(), "0 % matched");
});

test("html: dragging over the strip selects a time range", FILE, async (page) => {
	const box = await page.locator("#strip").boundingBox(), y = box.y + 20;

	await page.mouse.move(box.x + box.width * 0.3, y);
	await page.mouse.down();
	await page.mouse.move(box.x + box.width * 0.5, y, { steps: 4 });
	await page.mouse.move(box.x + box.width * 0.7, y, { steps: 4 });
	await page.mouse.up();
	const [from, to] = hashOf(page).range.split("-").map(Number);
	const part = truth.where((s) => ms(s) >= from && ms(s) < to);

	ok(Math.abs(from - 3000) < 30 && Math.abs(to - 7000) < 30, `range ${from} to ${to}`);
	ok((await summary(page)).startsWith(`${count(part.total)} samples of ${count(truth.total)}`), await summary(page));
	sameFunctions(await tableRows(page), part.functions());
	equal((await boxAt(page, REDIS)).total, part.box(REDIS));
	await page.mouse.click(box.x + 10, y); // outside: all again
	equal(await summary(page), `${count(truth.total)} samples`);
});

test("html: the range moves with the keyboard", FILE, async (page) => {
	await page.locator("#strip").focus();
	await page.keyboard.press("ArrowRight");
	await page.keyboard.press("ArrowRight");
	await page.keyboard.press("Shift+ArrowRight");
	const [from, to] = hashOf(page).range.split("-").map(Number);

	equal([from, to], [200, 1400]);
	ok((await summary(page)).startsWith(count(truth.where((s) => ms(s) >= from && ms(s) < to).total)), await summary(page));
});

test("html: the table sorts by each column", FILE, async (page) => {
	const rows = () => page.evaluate(() => window.waggle.table.rows.map((r) =>
		[window.waggle.profile.label(r.frame), r.self, r.total]));
	const sorted = (list, by) => list.every((r, i) => !i || by(list[i - 1], r) <= 0);

	ok(sorted(await rows(), (a, b) => b[1] - a[1]), "by self, largest first");
	await page.locator('[data-sort="total"]').click();
	ok(sorted(await rows(), (a, b) => b[2] - a[2]), "by total");
	equal(await page.locator('[data-sort="total"]').getAttribute("aria-sort"), "descending");
	await page.locator('[data-sort="total"]').click();
	ok(sorted(await rows(), (a, b) => a[2] - b[2]), "by total, smallest first");
	await page.locator('[data-sort="name"]').click();
	ok(sorted(await rows(), (a, b) => (a[0] < b[0] ? -1 : 1)), "by name");
	equal(await page.locator(".row .name span").first().textContent(), (await rows())[0][0]);
	equal(hashOf(page).sort, "name-up");
});

test("html: a row highlights its function in the graph", FILE, async (page) => {
	await page.locator(".row", { hasText: "bn_mul_mont" }).click();
	const lit = await page.evaluate(() => {
		const { flame, profile } = window.waggle;

		return [...flame.match].flatMap((on, f) => (on ? [profile.label(f)] : []));
	});

	equal(lit, ["bn_mul_mont"]);
	equal(await page.locator('.row[aria-selected="true"] .name span').textContent(), "bn_mul_mont");
	await page.keyboard.press("Escape");
	equal(await page.locator('.row[aria-selected="true"]').count(), 0);
});

test("html: inverted shows who ran, and their callers", FILE, async (page) => {
	await page.keyboard.press("i");
	const tops = await page.evaluate(() => {
		const { shown, profile } = window.waggle, out = {};

		for (const i of shown.children(0))
			out[profile.label(shown.frame[i])] = shown.total[i];
		return out;
	});
	const self = [...truth.functions()].filter(([, v]) => v.self).map(([name, v]) => [name, v.self]);

	equal(Object.entries(tops).sort(), self.sort(), "leaves");
	const leaf = truth.where((s) => s.frames[s.frames.length - 1].name === "ip_queue_xmit");
	const via = leaf.where((s) => s.frames.some((f) => f.name === "tcp_sendpage"));
	const path = ["ip_queue_xmit", "__tcp_transmit_skb", "tcp_push", "tcp_sendpage"];

	equal((await boxAt(page, path)).total, via.total, "callers");
	const box = await boxAt(page, path);

	await page.mouse.click(box.x, box.y);
	ok(Math.abs((await boxAt(page, path)).width - box.canvas) < 0.01, "zoomed");
	equal(await page.locator('[data-view="inverted"]').getAttribute("aria-checked"), "true");
	await page.keyboard.press("i");
	equal((await boxAt(page, REDIS)).total, truth.box(REDIS), "upright again");
});

test("html: hidden kinds give their time to their callers", FILE, async (page) => {
	await page.locator('[data-kind="kernel"]').click();
	ok((await summary(page)).includes("kernel frames hidden"), await summary(page));
	ok((await summary(page)).startsWith(`${count(truth.total)} samples`), "nothing is lost by hiding");
	sameFunctions(await tableRows(page), truth.withoutKernel().functions());
	await page.keyboard.press("k");
	sameFunctions(await tableRows(page), truth.functions());
});

test("html: one process, one thread", FILE, async (page) => {
	const redis = truth.where((s) => s.pid === 4711), lazy = truth.where((s) => s.tid === 4714);

	await page.locator("#task").click();
	await page.locator(".option:not(.thread)", { hasText: "redis-server" }).click();
	ok((await summary(page)).startsWith(`${count(redis.total)} samples of`), await summary(page));
	sameFunctions(await tableRows(page), redis.functions());
	await page.locator("#task").click();
	await page.keyboard.type("lazy");
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("Enter");
	sameFunctions(await tableRows(page), lazy.functions());
	equal(hashOf(page).task, "t4714");
	await page.keyboard.press("Escape");
	sameFunctions(await tableRows(page), truth.functions());
});

test("html: another value of the profile", FILE, async (page) => {
	await page.locator("#value").selectOption({ label: "cpu" });
	equal(await page.evaluate(() => window.waggle.tree.sum), truth.total * 10101010);
	ok(/^39\.3 s/.test(await summary(page)), await summary(page));
});

test("html: the keyboard reaches everything", FILE, async (page) => {
	const spoken = () => page.locator("#spoken").textContent();

	await page.locator("#flame").focus();
	await page.keyboard.press("ArrowUp");
	equal((await spoken()).split(",")[0], "all");
	await page.keyboard.press("ArrowUp");
	const widest = ["nginx", "node", "postgres", "redis-server", "bio_lazy_free"]
		.sort((a, b) => truth.box([b]) - truth.box([a]))[0];

	ok((await spoken()).startsWith(`${widest}, ${count(truth.box([widest]))} samples`), await spoken());
	await page.keyboard.press("Enter");
	equal(await page.locator("#crumbs button").allTextContents(), [widest]);
	await page.keyboard.press("t");
	ok(await page.locator("#table").isHidden(), "t closes the table");
	await page.keyboard.press("t");
	ok(await page.locator("#table").isVisible(), "t opens it");
	await page.keyboard.press("?");
	ok(await page.locator("#help").isVisible(), "? opens the keys");
	await page.keyboard.press("Escape");
	ok(await page.locator("#help").isHidden(), "Escape closes them");
	equal(await page.locator("#crumbs button").allTextContents(), [widest], "the zoom survives that");
	await page.keyboard.press("f");
	equal(hashOf(page).view, "icicle");
	await page.keyboard.press("l");
	ok((await page.locator("#ledger").innerText()).includes("libcrypto.so.3"), "the ledger names the file");
});

test("html: dark and light", { ...FILE, colorScheme: "dark" }, async (page) => {
	const light = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor
		.match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0));

	ok(await light() < 150, "dark as the system is");
	await page.locator("#theme").click();
	ok(await light() > 650, "light by the button");
	await page.keyboard.press("d");
	ok(await light() < 150, "dark by the key");
});

test("html: the address carries the whole view", {
	...FILE, hash: "#view=inverted&q=tcp&range=2000-6000&task=p4711&hide=kernel&table=1&sort=total",
}, async (page) => {
	const part = truth.where((s) => ms(s) >= 2000 && ms(s) < 6000 && s.pid === 4711).withoutKernel();

	ok((await summary(page)).startsWith(`${count(part.total)} samples`), await summary(page));
	equal(await page.locator("#search").inputValue(), "tcp");
	equal(await page.locator('[data-view="inverted"]').getAttribute("aria-checked"), "true");
	equal(await page.locator('[data-sort="total"]').getAttribute("aria-sort"), "descending");
	equal(await page.locator('[data-kind="kernel"]').getAttribute("aria-pressed"), "false");
	await page.locator("#reset").click();
	equal(await summary(page), `${count(truth.total)} samples`);
});

test("html: everything has a name for those who do not see it", FILE, async (page) => {
	const nameless = await page.evaluate(() =>
		[...document.querySelectorAll("button, input, select, canvas, [role=listbox], dialog, section")]
			.filter((el) => !el.textContent.trim() && !el.ariaLabel && !el.getAttribute("aria-labelledby"))
			.map((el) => el.outerHTML.slice(0, 80)));

	equal(nameless, []);
});

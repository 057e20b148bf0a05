// readers.mjs - writes one profile in every format others read, lets them read it, and compares
// totals and stacks with the input, which is added up here without any of waggle's code.
import { execFileSync, spawnSync } from "node:child_process";
import { createReadStream, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

const { WAGGLE, WORK, INPUT, WAITS, CHROMIUM, FLAMEGRAPH_PL } = process.env;
const require = createRequire(`${WORK}/`);
const tests = [];
const test = (name, body) => tests.push({ name, body });

class Skip extends Error {}

function equal(got, want, what) {
	const a = JSON.stringify(got), b = JSON.stringify(want);

	if (a !== b)
		throw new Error(`${what}: got ${a}, expected ${b}`);
}

function waggle(output, ...more) {
	execFileSync(WAGGLE, ["report", "-q", INPUT, "-o", `${WORK}/${output}`, ...more]);
	return readFileSync(`${WORK}/${output}`);
}

// The truth: "a;b;c" -> count, names without marks.
const truth = new Map();
for (const line of readFileSync(INPUT, "utf8").split("\n").filter(Boolean)) {
	const at = line.lastIndexOf(" "), stack = line.slice(0, at).replace(/_\[[kij]\](?=;|$)/g, "");

	truth.set(stack, (truth.get(stack) ?? 0) + Number(line.slice(at + 1)));
}
const total = [...truth.values()].reduce((a, b) => a + b, 0);
const sorted = (map) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

function withName(name) {
	return [...truth].filter(([s]) => s.split(";").includes(name)).reduce((sum, [, n]) => sum + n, 0);
}

test("folded is what went in", () => {
	const got = new Map();

	for (const line of waggle("x.folded").toString().split("\n").filter(Boolean))
		got.set(line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1)));
	equal(sorted(got), sorted(truth), "stacks");
});

test("stackvis reads folded", async () => {
	waggle("x.folded");
	const Reader = require("stackvis/lib/stackvis").readerLookup("collapsed");
	const bad = [], got = new Map();

	await new Promise((done) => {
		const r = new Reader(createReadStream(`${WORK}/x.folded`), { warn: (m) => bad.push(m) });

		r.on("stack", (frames, n) => got.set(frames.join(","), n)); // it splits at commas
		r.on("end", done);
	});
	equal(bad, [], "complaints");
	equal(sorted(got), sorted(truth), "stacks");
});

test("npm flamegraph draws folded", () => {
	const lines = waggle("x.folded").toString().split("\n").filter(Boolean);
	const svg = require("flamegraph").svg(lines);

	for (const name of ["redis-server", "aeMain", "reader_loop"])
		if (!svg.includes(`${name} (${withName(name)} samples)`))
			throw new Error(`'${name}' is not in the picture with ${withName(name)} samples`);
});

test("flamegraph.pl draws folded", () => {
	if (!FLAMEGRAPH_PL || !existsSync(FLAMEGRAPH_PL))
		throw new Skip("FLAMEGRAPH_PL is not set to flamegraph.pl");
	waggle("x.folded");
	const r = spawnSync("perl", [FLAMEGRAPH_PL, `${WORK}/x.folded`], { encoding: "utf8" });

	equal(r.status, 0, "exit code");
	equal(r.stderr, "", "complaints");
	for (const name of ["redis-server", "aeMain", "bash", "naïve_café"])
		if (!r.stdout.includes(`<title>${name} (${withName(name)} samples`))
			throw new Error(`'${name}' is not in the picture with ${withName(name)} samples`);
});

test("pprof-format decodes pprof", () => {
	const { Profile } = require("pprof-format");
	const p = Profile.decode(gunzipSync(waggle("x.pb.gz")));
	const str = (i) => p.stringTable.strings[Number(i)];
	const functions = new Map(p.function.map((f) => [String(f.id), str(f.name)]));
	const locations = new Map(p.location.map((l) => [String(l.id),
		l.line.map((k) => functions.get(String(k.functionId)))]));
	const got = new Map();

	for (const s of p.sample) {
		const comm = str(s.label.find((l) => str(l.key) === "comm").str);
		const frames = s.locationId.flatMap((id) => locations.get(String(id))).reverse();

		got.set([comm, ...frames].join(";"), Number(s.value[0]));
	}
	equal(sorted(got), sorted(truth), "stacks");
	equal(p.sampleType.map((t) => `${str(t.type)}/${str(t.unit)}`), ["samples/count"], "types");
});

function go(...args) {
	const r = spawnSync("go", ["tool", "pprof", ...args], { encoding: "utf8",
		env: { ...process.env, PPROF_TMPDIR: WORK } });

	if (r.error?.code === "ENOENT")
		throw new Skip("go is not installed");
	equal(r.status, 0, `go tool pprof: ${r.stderr}`);
	return r.stdout;
}

test("go tool pprof reads pprof", () => {
	waggle("x.pb.gz");
	const top = go("-top", "-nodecount=100", `${WORK}/x.pb.gz`), tags = go("-tags", `${WORK}/x.pb.gz`);

	if (!new RegExp(`accounting for ${total}, 100% of ${total} total`).test(top))
		throw new Error(`no total of ${total} in:\n${top}`);
	for (const name of ["aeMain", "reader_loop", "do_epoll_wait", "main"]) {
		const row = top.split("\n").find((l) => l.trim().split(/\s+/).slice(5).join(" ") === name);

		equal(Number(row?.trim().split(/\s+/)[3]), withName(name), `inclusive value of ${name}`);
	}
	for (const comm of ["redis-server", "Web Content"])
		if (!new RegExp(`\\b${withName(comm)}\\.0 .*: ${comm}$`, "m").test(tags))
			throw new Error(`no tag ${comm} with ${withName(comm)} in:\n${tags}`);
});

test("waggle reads what go tool pprof wrote", () => {
	waggle("x.pb.gz");
	go("-proto", `-output=${WORK}/go.pb.gz`, `${WORK}/x.pb.gz`);
	execFileSync(WAGGLE, ["report", "-q", `${WORK}/go.pb.gz`, "-o", `${WORK}/go.folded`]);
	equal(readFileSync(`${WORK}/go.folded`, "utf8"), waggle("x.folded").toString(), "stacks");
});

// A profile of waits: times and numbers, classes as tags, and the longest as the maximum it is.
test("go tool pprof reads waits", () => {
	const file = `${WORK}/waits.pb.gz`;

	execFileSync(WAGGLE, ["report", "-q", WAITS, WAITS, "-o", file]);
	const top = go("-top", "-sample_index=off", file), tags = go("-tags", "-sample_index=waits", file);

	if (!/Total samples = 52800ms/.test(top))
		throw new Error(`no total of twice 26.4 s in:\n${top}`);
	for (const [tag, n] of [["lock", 3006], ["disk", 2000], ["0x7f12a0", 3000]])
		if (!new RegExp(`\\b${n}\\.0 .*: ${tag}$`, "m").test(tags))
			throw new Error(`no tag ${tag} with ${n} in:\n${tags}`);
	const longest = go("-top", "-sample_index=longest", "-tagfocus=disk", file);

	if (!/accounting for 20ms\b/.test(longest))
		throw new Error(`the longest wait for the disk is not 20 ms in:\n${longest}`);
});

function speedscopeTruth(file, pick) {
	const p = file.profiles[pick], got = new Map();

	p.samples.forEach((stack, i) => {
		const key = stack.map((f) => file.shared.frames[f].name).join(";");

		got.set(key, (got.get(key) ?? 0) + p.weights[i]);
	});
	return got;
}

test("speedscope's schema holds", () => {
	const file = JSON.parse(waggle("x.speedscope.json"));
	const schema = JSON.parse(readFileSync(
		`${WORK}/node_modules/speedscope/dist/release/file-format-schema.json`));
	const Ajv = require("ajv").default;
	const check = new Ajv({ strict: false }).compile(schema);

	if (!check(file))
		throw new Error(JSON.stringify(check.errors));
	equal(sorted(speedscopeTruth(file, 0)), sorted(truth), "stacks");
	equal(file.profiles[0].endValue, total, "end");
});

// speedscope itself, in a browser: what its table of functions says after loading our file.
async function speedscopeTable(name) {
	if (!CHROMIUM)
		throw new Skip("no Chromium found");
	const { chromium } = require("playwright-core");
	const js = `${WORK}/load.js`, data = waggle(name).toString("base64");

	writeFileSync(js, `speedscope.loadFileFromBase64(${JSON.stringify(name)}, "${data}")`);
	const browser = await chromium.launch({ executablePath: CHROMIUM,
		args: ["--no-sandbox", "--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader"] });
	try {
		const page = await browser.newPage();
		const index = pathToFileURL(`${WORK}/node_modules/speedscope/dist/release/index.html`).href;

		await page.goto(`${index}#localProfilePath=${js}&view=sandwich`);
		await page.waitForSelector("table tr td", { timeout: 60000, state: "attached" });
		return await page.$$eval("table tr",
			(rows) => rows.map((r) => [...r.cells].map((c) => c.textContent).join(" | ")));
	} finally {
		await browser.close();
	}
}

for (const name of ["x.speedscope.json", "x.folded", "x.pb.gz"])
	test(`speedscope opens ${name}`, async () => {
		const rows = await speedscopeTable(name);

		for (const fn of ["aeMain", "reader_loop", "naïve_café"]) {
			const row = rows.find((r) => r.trim().endsWith(fn)), n = withName(fn);

			if (!row)
				throw new Error(`no '${fn}' in its table:\n${rows.join("\n")}`);
			if (!new RegExp(`\\b${n}\\b`).test(row))
				throw new Error(`'${fn}' should have ${n}: ${row}`);
		}
	});

let passed = 0, failed = 0, skipped = 0;
for (const { name, body } of tests) {
	if (process.argv[2] && !name.includes(process.argv[2]))
		continue;
	try {
		await body();
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
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`);
process.exit(failed || !passed ? 1 : 0);

// words.js - numbers and units as people read them, the same everywhere on the page.

const COUNT = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function formatCount(n) {
	return COUNT.format(n);
}

function formatScaled(v, steps) {
	const [scale, unit] = steps.find(([s]) => Math.abs(v) >= s) ?? steps[steps.length - 1];
	const x = v / scale;

	return `${x >= 100 || Number.isInteger(x) ? Math.round(x) : x.toFixed(x >= 10 ? 1 : 2)} ${unit}`;
}

const DURATION_STEPS = [[60e9, "min"], [1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
const BYTE_STEPS = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [1024, "KiB"], [1, "B"]];

function formatDuration(ns) {
	return formatScaled(ns, DURATION_STEPS);
}

// A moment on the time axis: always seconds, so that ticks can be compared at a glance.
function formatMoment(ns, step) {
	const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step / 1e9) - 1e-9)));

	return `${(ns / 1e9).toFixed(digits)} s`;
}

// A moment by itself, as exact as it is.
function formatSeconds(ns) {
	return `${+(ns / 1e9).toFixed(6)} s`;
}

function formatValue(v, unit) {
	if (unit === "nanoseconds")
		return formatDuration(v);
	if (unit === "bytes")
		return formatScaled(v, BYTE_STEPS);
	return formatCount(v);
}

// "1,234 samples", "1.23 s"
function formatWithType(v, type) {
	const text = formatValue(v, type.unit);

	if (type.unit !== "count")
		return text;
	return `${text} ${v === 1 ? type.type.replace(/s$/, "") : type.type}`;
}

function formatShare(part, whole) {
	if (!(whole > 0))
		return "0 %";
	const pct = 100 * part / whole;

	return `${pct >= 99.995 || pct === 0 ? pct.toFixed(0) : pct.toFixed(pct < 10 ? 2 : 1)} %`;
}

// A change of a share, 0..1: "+1.2 %".
function formatChange(v) {
	const pct = 100 * v;

	return `${pct > 0 ? "+" : pct < 0 ? "−" : ""}${Math.abs(pct).toFixed(Math.abs(pct) < 10 ? 2 : 1)} %`;
}

function baseName(path) {
	return path.slice(path.lastIndexOf("/") + 1) || path;
}

// panels.js - what lies over the page: the hint beside the pointer, the ledger, the keys.

function element(tag, text, className) {
	const el = document.createElement(tag);

	if (text !== undefined)
		el.textContent = text;
	if (className)
		el.className = className;
	return el;
}

class Hint {
	constructor(el) {
		this.el = el;
	}

	show(profile, tree, node, type, event) {
		const frame = tree.frame[node], total = tree.total[node], facts = element("dl");
		const add = (name, value, note) =>
			facts.append(element("dt", name), element("dd", value), element("dd", note));

		this.el.replaceChildren(element("b", node ? profile.label(frame) : "all"));
		for (const line of [profile.place(frame), profile.object(frame)]) {
			if (line && node)
				this.el.append(element("p", line));
		}
		add("Total", formatWithType(total, type), `${formatShare(total, tree.sum)} of all`);
		add("Self", formatWithType(tree.self[node], type), `${formatShare(tree.self[node], tree.sum)} of all`);
		if (tree.base)
			add("Before", formatShare(tree.base[node], tree.base[0]),
				formatChange(tree.total[node] / (tree.sum || 1) - tree.base[node] / (tree.base[0] || 1)));
		if (tree.depth[node] > 1)
			add("Of parent", formatShare(total, tree.total[tree.parent[node]]), "");
		if (node)
			add("Kind", KIND_TEXT[profile.kind(frame)], "");
		this.el.append(facts);
		this.el.hidden = false;
		this.place(event);
	}

	place(event) {
		this.event = event;
		const { offsetWidth: w, offsetHeight: h } = this.el;
		const x = Math.min(event.clientX + 14, innerWidth - w - 8);
		const below = event.clientY + 18 + h < innerHeight;

		this.el.style.left = `${Math.max(8, x)}px`;
		this.el.style.top = `${below ? event.clientY + 18 : Math.max(8, event.clientY - h - 14)}px`;
	}

	hide() {
		this.el.hidden = true;
	}

	// The same in words, for people who do not see the picture.
	static sentence(profile, tree, node, type) {
		const name = node ? profile.label(tree.frame[node]) : "all";

		return `${name}, ${formatWithType(tree.total[node], type)}, ` +
			`${formatShare(tree.total[node], tree.sum)} of all, self ${formatShare(tree.self[node], tree.sum)}`;
	}
}

function dialogHead(dialog, title) {
	dialog.setAttribute("autofocus", ""); // not its close button
	const form = element("form"), close = element("button", "✕", "icon"), h2 = element("h2", title);

	form.method = "dialog";
	close.setAttribute("aria-label", "Close");
	h2.id = `${dialog.id}-title`;
	form.append(close);
	dialog.replaceChildren(form, h2);
}

function tableOf(rows) {
	const table = element("table");

	for (const [number, text, note, className] of rows) {
		const tr = element("tr", undefined, className), td = element("td", text);

		if (note)
			td.append(element("small", note));
		tr.append(element("td", number), td);
		table.append(tr);
	}
	return table;
}

// Good: nothing lost and nearly every user stack whole. A profile that came from elsewhere has no
// ledger to speak of, and the badge says that rather than praise it.
function ledgerBadge(ledger) {
	const lost = ledger.lost, whole = ledger.whole, some = [];
	let state = "good";

	if (ledger.known) {
		some.push(`${formatCount(lost)} lost`);
		if (lost > 0)
			state = lost > 0.01 * ledger.taken ? "bad" : "warn";
	}
	if (ledger.user_stacks > 0) {
		some.push(`${whole === 1 ? 100 : Math.min(99.9, 100 * whole).toFixed(1)} % whole`);
		if (whole < 0.99)
			state = whole < 0.9 ? "bad" : state === "bad" ? "bad" : "warn";
	}
	if (ledger.damaged > 0) {
		some.push("input damaged");
		state = "bad";
	}
	return some.length ? { state, text: some.join(" · ") } : { state: "", text: "no capture ledger" };
}

function fillLedger(dialog, head) {
	const ledger = head.ledger;
	const numbers = ledger.rows.filter(([, , n]) => n > 0).map(([key, unit, n, text]) =>
		[formatValue(n, unit), text[0].toUpperCase() + text.slice(1), "", /^lost|damaged/.test(key) ? "lost" : ""]);
	const causes = (list) => list.map(([text, object, n]) =>
		[formatCount(n), text[0].toUpperCase() + text.slice(1), object]);

	dialogHead(dialog, "What this profile holds, and what it lost");
	dialog.append(element("p", head.ledger_line));
	if (numbers.length)
		dialog.append(tableOf(numbers));
	if (ledger.cuts.length)
		dialog.append(element("h3", "Stacks cut short, in samples"), tableOf(causes(ledger.cuts)));
	if (ledger.unnamed.length)
		dialog.append(element("h3", "Frames without a name"), tableOf(causes(ledger.unnamed)));
	const facts = head.facts.filter(([, v]) => v);

	if (facts.length)
		dialog.append(element("h3", "Where it was taken"), tableOf(facts));
}

const HELP_KEYS = [
	["/", "Search by regular expression; the share of matching samples is shown beside it"],
	["Esc", "Take back: hint, search, highlight, zoom, time range"],
	["← ↑ → ↓", "Move between boxes of the graph"],
	["Enter", "Zoom into the box; a click does the same"],
	["i", "Inverted: which functions ran, and who called them"],
	["f", "Flame or icicle: root at the bottom or at the top"],
	["t", "Table of functions; a row highlights its boxes"],
	["r", "Call tree as a table; → opens a row, ← closes it"],
	["p", "Pin or unpin the function of the box in focus or under the pointer: it stays highlighted"],
	["h", "Heat map of the time instead of bars; from cell to cell: a range"],
	["c", "Compare: the range chosen now is what the next one is compared with; red is more, blue less"],
	["z", "Live: freeze or go on"],
	["s", "Save the selection as a file"],
	["k", "Hide or show kernel frames"],
	["Shift + click", "In the legend of what time went to: only this class, and again: all of them"],
	["d", "Dark or light"],
	["l", "Ledger: what was lost and what it cost"],
	["Ctrl + wheel", "Zoom at the pointer; Shift + wheel or dragging moves sideways"],
	["?", "This list"],
];

function fillHelp(dialog) {
	dialogHead(dialog, "Keys");
	dialog.append(tableOf(HELP_KEYS));
	dialog.append(element("p", "Drag over the strip at the top to see only that time. " +
		"The address of this page carries the view, so it can be kept and shared."));
}

// viewer.js - the page: one state, kept in the address, from which every view is computed.
//
// setState() is the only way anything changes. It names what changed; update() recomputes what depends
// on it (selection -> tree -> inversion, functions, matches) and hands the results to the views. setProfile() may
// come again with later data of the same capture; what somebody is looking at stays where it is.
//
// The page opens in two steps: new App() draws the graph, finish() fills what stands beside it once the graph is on
// the screen. Of a million nodes the lists cost as much as the graph, and people look at the graph first.

const DEFAULTS = {
	view: "flame", zoom: "", q: "", range: "", base: "", task: "", hide: "", off: "", pick: "", table: "", sort: "",
	value: "", heat: "", win: "60", at: "", rec: "0",
};
// What the numbers depend on.
const SELECTS = ["range", "base", "task", "hide", "off", "value"];

// When what was drawn was shown, or would have been: a tab in the background gets no frames.
function nextFrame() {
	return new Promise((done) => {
		requestAnimationFrame(() => setTimeout(done));
		setTimeout(done, 250);
	});
}

class App {
	// `live`: who talks to a server (boot.js), null in a saved page
	constructor(profile, live = null) {
		Object.assign(this, { profile, live, finished: false });
		this.state = { ...DEFAULTS, table: innerWidth >= 1180 ? "1" : "" };
		this.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
		this.el = (id) => document.getElementById(id);
		this.hint = new Hint(this.el("tip"));
		this.flame = new FlameView(this.el("scroller"), this.el("flame"), this.el("flame-space"), {
			hover: (node, event) => this.hovered(node, event),
			zoom: (node) => this.setState({ zoom: this.pathText(this.shown.path(node)) }),
			focus: (node) => this.speak(node),
		});
		this.table = new FunctionTable(this.el("table"), {
			pick: (frame) => this.setState({ pick: frame < 0 ? "" : this.profile.key(frame) }),
			sort: (key, down) => this.setState({ sort: `${key}${down ? "" : "-up"}` }),
		});
		this.strip = new TimeStrip(this.el("strip"), {
			range: (from, to) => this.setState({ range: this.rangeText(from, to) }),
		});
		this.heat = new HeatMap(this.el("heat"), {
			range: (from, to) => this.setState({ range: this.rangeText(from, to) }),
			value: (v) => formatWithType(v, this.type),
		});
		this.calls = new CallTable(this.el("calls"));
		this.threads = new ThreadTable(this.el("tasks"), {
			pick: (key) => this.setState({ task: key, zoom: "" }),
		});
		this.picker = new TaskPicker(document.querySelector(".picker"), {
			pick: (key) => this.setState({ task: key, zoom: "" }),
		});
		this.legend = new ClassLegend(this.el("classes"), profile, {
			set: (off) => this.setState({ off, zoom: "" }),
		});
		this.save = new SaveMenu(this.el("save").parentElement, live?.remote, {
			tree: () => ({ profile: this.profile, tree: this.tree }),
			params: () => this.serverParams(),
			failed: (error) => this.complain(error),
		});
		this.fillHead();
		listenToHands(this);
		this.setTheme(this.theme);
		this.readAddress();
	}

	async finish() {
		await nextFrame();
		this.finished = true;
		fillHelp(this.el("help"));
		this.fillDialog();
		this.fill(new Set(Object.keys(DEFAULTS)));
	}

	// Later data of the same capture, or another recording.
	setProfile(profile, keep = true) {
		this.profile = profile;
		this.keep = keep;
		this.legend.setProfile(profile);
		this.fillHead();
		this.update(new Set(Object.keys(DEFAULTS)));
		this.keep = false;
	}

	// -- state ------------------------------------------------------------------------------------

	setState(change) {
		const changed = Object.keys(change).filter((k) => this.state[k] !== change[k]);

		Object.assign(this.state, change);
		if (!changed.length)
			return;
		this.writeAddress();
		this.update(new Set(changed));
		this.live?.changed(changed);
	}

	readAddress() {
		const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

		for (const key of Object.keys(DEFAULTS)) {
			if (key in given)
				this.state[key] = given[key];
			else if (this.ready && key !== "table")
				this.state[key] = DEFAULTS[key];
		}
		this.ready = true;
		this.update(new Set(Object.keys(DEFAULTS)));
		this.live?.changed(["win", "at", "rec"]);
	}

	writeAddress() {
		const out = new URLSearchParams();

		for (const [key, value] of Object.entries(this.state)) {
			if (value !== DEFAULTS[key])
				out.set(key, value);
		}
		if (!this.state.table)
			out.set("table", "");
		history.replaceState(null, "", `#${out}`);
	}

	// Ranges are kept in milliseconds since the start of the capture, so that they mean the same whatever the
	// buckets are and whatever part of the capture is here.
	rangeText(from, to) {
		const { width, origin, n } = this.profile.buckets, ms = (b) => +((origin + b * width) / 1e6).toFixed(6);

		return from <= 0 && to >= n ? "" : `${ms(from)}-${ms(to)}`;
	}

	// The buckets of a range as text; all of them when there is none.
	bucketsOf(text) {
		const m = /^([\d.]+)-([\d.]+)$/.exec(text), { width, origin, n } = this.profile.buckets;

		if (!m || !this.profile.timed)
			return [0, Infinity];
		const [from, to] = [m[1], m[2]].map((ms) => Math.round((ms * 1e6 - origin) / width));

		if (to <= 0 || from >= n)
			return [n, n]; // not in the part that is here
		return [Math.max(0, from), Math.max(Math.max(0, from) + 1, to)];
	}

	// The same selection in words the server knows (doc/api.md).
	serverParams() {
		const s = this.state, out = this.live?.window() ?? {}, m = /^([\d.]+)-([\d.]+)$/.exec(s.range);

		if (m) {
			delete out.last;
			Object.assign(out, { from: `${m[1]}ms`, to: `${m[2]}ms` });
		}
		if (s.task)
			out[s.task[0] === "p" ? "pid" : "tid"] = s.task.slice(1);
		if (this.selection.classes)
			out.class = this.legend.classes.map((c) => c.key).filter((k) => !this.legend.off.includes(k)).join(",");
		const hide = [...this.hidden].filter((k) => k !== "task").join(","); // a task is no frame to the server

		if (hide)
			out.hide = hide;
		if (this.type)
			out.value = this.type.type;
		return out;
	}

	get hidden() {
		return new Set(this.state.hide.split(".").filter((k) => KINDS.includes(k)));
	}

	get type() {
		return this.profile.values[this.selection.value];
	}

	// -- from state to picture --------------------------------------------------------------------

	update(changed) {
		const any = (...keys) => keys.some((k) => changed.has(k)), before = this.tree;

		if (any(...SELECTS))
			this.select();
		if (any("table"))
			this.showSide();
		if (any(...SELECTS, "view"))
			this.reshape();
		else if (any("zoom"))
			this.rezoom();
		if (this.finished)
			this.fill(changed);
		if (before && before !== this.tree)
			before.retire();
	}

	// What stands beside the graph.
	fill(changed) {
		const any = (...keys) => keys.some((k) => changed.has(k));

		if (any(...SELECTS))
			this.fillLists();
		if (any(...SELECTS, "view", "q", "pick"))
			this.mark();
		if (any("table", "sort"))
			this.showTable();
		if (any("heat"))
			this.showHeat();
		this.showState();
	}

	select() {
		const p = this.profile, [from, to] = this.bucketsOf(this.state.range);
		const base = this.state.base && p.timed ? this.bucketsOf(this.state.base) : null;
		const value = Math.min(Number(this.state.value || p.head.default_value) || 0, p.values.length - 1);
		const hidden = this.hidden, tasks = tasksOfKey(p, this.state.task);
		const classes = this.legend.chosen(this.state.off);

		this.selection = new Selection({ value, from, to, base, tasks, classes, hidden });
		this.tree = buildTree(p, this.selection);
	}

	fillLists() {
		const p = this.profile, { keep } = this, { from, to, base } = this.selection;

		this.legend.setSums(sumClasses(p, this.selection), this.type);
		this.table.setRows(p, base ? compareFunctions(p, this.tree) : sumFunctions(p, this.tree),
			{ sum: this.tree.sum, type: this.type, palette: this.palette, compared: Boolean(base) });
		this.selectTasks(p, keep);
		if (p.timed)
			this.selectTime(p, from, to, base);
	}

	selectTasks(p, keep) {
		const shares = sumTasks(p, this.selection);

		this.picker.setTasks(p, shares, this.type);
		this.picker.setCurrent(this.state.task);
		if (this.state.table === "threads")
			this.threads.setTasks(p, shares, { type: this.type, palette: this.palette, picked: this.state.task, keep });
	}

	selectTime(p, from, to, base) {
		const sums = sumBuckets(p, this.selection), colours = this.stripColours();

		this.strip.setData(p.buckets, sums, p.head.tick ?? 0, colours);
		this.strip.setRange(from, to, base);
		this.heat.setData(p.buckets, sums, colours);
		this.heat.setRange(from, to);
	}

	// The tree the graph shows: as called, or inverted, opened as far as can be seen at this zoom.
	reshape() {
		const path = this.zoomPath(), { view } = this.state;

		this.shown = this.tree;
		if (view === "inverted") {
			let tree = invertTree(this.tree, this.tree.sum / 4000), node = tree.find(path);

			if (node)
				tree = invertTree(this.tree, tree.total[node] / 4000);
			this.shown = tree;
		}
		this.el("scroller").hidden = view === "calls";
		this.el("calls").hidden = view !== "calls";
		if (view !== "calls")
			this.calls.setList([]);
		this.flame.setTree(this.profile, this.shown, this.palette, { zoomed: this.shown.find(path), keep: this.keep,
			steps: this.shown.base && Int8Array.from(changesOf(this.shown), changeStep) });
		if (view !== "calls" && this.flame.rootBelow !== (view === "flame"))
			this.flame.setRootBelow(view === "flame");
	}

	rezoom() {
		const node = this.shown.find(this.zoomPath());

		if (this.state.view === "inverted")
			this.reshape();
		else
			this.flame.zoom(node);
	}

	zoomPath() {
		return this.state.zoom.split(".").filter(Boolean).map((key) => this.profile.frameOf(key));
	}

	pathText(frames) {
		return frames.map((f) => this.profile.key(f)).join(".");
	}

	// Search and the picked function decide which boxes stand out.
	mark() {
		const p = this.profile, q = this.state.q, match = new Uint8Array(p.frames.n);
		let regex = null, wrong = "";

		try {
			regex = q ? new RegExp(q, /[A-Z]/.test(q) ? "" : "i") : null;
		} catch {
			wrong = "not a regular expression";
		}
		for (let f = 1; regex && f < match.length; f++)
			match[f] = regex.test(p.label(f));
		const picked = this.state.pick ? p.frameOf(this.state.pick) : -1, one = new Uint8Array(p.frames.n);

		this.search = regex ? { match, ...sumMatches(this.shown, match) } : null;
		this.table.setMarks(regex ? match : null, picked, this.keep);
		if (picked >= 0)
			one[picked] = 1;
		const lit = picked >= 0 ? one : regex ? match : null;

		this.flame.setMatch(lit);
		if (this.state.view === "calls")
			this.calls.setTree(p, this.tree, { type: this.type, palette: this.palette, match: lit, keep: this.keep });
		this.el("matched").textContent = wrong ||
			(this.search ? `${formatShare(this.search.sum, this.shown.sum)} matched` : "");
		document.querySelector(".search").classList.toggle("wrong", Boolean(wrong));
	}

	// Whether a list stands there: before the graph is drawn, whose place depends on it.
	showSide() {
		const side = this.state.table;

		for (const [id, name] of [["table", "1"], ["tasks", "threads"]]) {
			const opens = side === name && this.el(id).hidden;

			this.el(id).hidden = side !== name;
			this.el(`${id}-toggle`).setAttribute("aria-pressed", side === name);
			if (opens && name === "threads" && this.finished)
				this.selectTasks(this.profile, false);
		}
	}

	showTable() {
		const [key, up] = (this.state.sort || "self").split("-");

		if (["self", "total", "name"].includes(key) &&
		    (this.table.sort !== key || this.table.descending === Boolean(up)))
			this.table.sortBy(key, !up);
	}

	showHeat() {
		this.el("heat-box").hidden = !this.state.heat;
		this.el("heat-toggle").setAttribute("aria-pressed", Boolean(this.state.heat));
		this.heat.layout();
	}

	showState() {
		const s = this.state, sum = this.tree.sum, all = this.profile.rows.value[this.selection.value];
		const whole = all.reduce((a, b) => a + b, 0);
		const parts = [formatWithType(sum, this.type)];

		for (const button of document.querySelectorAll("[data-view]"))
			button.setAttribute("aria-checked", button.dataset.view === s.view);
		for (const button of document.querySelectorAll("[data-kind]"))
			button.setAttribute("aria-pressed", !this.hidden.has(button.dataset.kind));
		if (document.activeElement !== this.el("search") || this.el("search").value.trim() !== s.q)
			this.el("search").value = s.q;
		if (sum !== whole)
			parts[0] += ` of ${formatValue(whole, this.type.unit)} (${formatShare(sum, whole)})`;
		if (s.range && this.profile.timed)
			parts.push(this.strip.rangeText());
		if (s.base)
			parts.push(`compared with ${s.base.split("-").map((ms) => formatSeconds(ms * 1e6)).join(" to ")}: red is more, blue less`);
		if (s.task)
			parts.push(this.picker.name.textContent);
		if (this.hidden.size)
			parts.push(`${[...this.hidden].map((k) => KIND_TEXT[k].toLowerCase()).join(", ")} frames hidden`);
		if (this.selection.classes)
			parts.push(`without ${this.legend.off.join(", ")}`);
		parts.push(...(this.live?.words() ?? []));
		this.el("summary").textContent = parts.join(" · ");
		this.el("compare").setAttribute("aria-pressed", Boolean(s.base));
		this.el("reset").hidden = !["zoom", "q", "pick", ...SELECTS].some((k) => k !== "value" && s[k]);
		this.el("empty").hidden = sum > 0;
		this.el("empty").textContent = whole ? "No samples here. Esc takes the selection back." : "No samples yet.";
		this.showCrumbs();
	}

	showCrumbs() {
		const path = this.shown.path(this.shown.find(this.zoomPath())), list = [];

		path.forEach((frame, i) => {
			if (i < path.length - 4 && i > 0)
				return;
			const button = element("button", this.profile.label(frame));

			button.type = "button";
			button.addEventListener("click", () => this.setState({ zoom: this.pathText(path.slice(0, i + 1)) }));
			list.push(...(list.length ? [element("span", path.length > 5 && list.length === 1 ? "› … ›" : "›")] : []));
			list.push(button);
		});
		this.el("crumbs").hidden = !list.length;
		this.el("crumbs").replaceChildren(...list);
	}

	// -- fixed parts ------------------------------------------------------------------------------

	fillHead() {
		const { head, values, timed } = this.profile, badge = ledgerBadge(head.ledger);

		this.el("title").textContent = document.title = head.title;
		this.el("subtitle").textContent = head.subtitle;
		this.el("badge").textContent = badge.text;
		this.el("badge").className = `badge ${badge.state}`;
		this.el("badge").title = head.ledger_line;
		for (const id of ["strip-box", "heat-toggle", "compare"])
			this.el(id).hidden = !timed;
		if (this.finished)
			this.fillDialog();
		this.fillKinds();
		if (this.el("value").length !== values.length) {
			this.el("value").replaceChildren(...values.map((type, i) => new Option(type.type, i)));
			this.el("value").value = this.state.value || head.default_value;
		}
		this.el("value").hidden = values.length < 2;
	}

	fillDialog() {
		if (!this.el("ledger").open)
			fillLedger(this.el("ledger"), this.profile.head);
	}

	fillKinds() {
		const present = new Set();

		for (let f = 1; f < this.profile.frames.n; f++)
			present.add(this.profile.kind(f));
		const kinds = KINDS.filter((k) => present.has(k) && k !== "task");

		if (String(kinds) === this.kinds)
			return;
		this.kinds = String(kinds);
		this.el("kinds").replaceChildren(...kinds.map((k) => this.kindButton(k)));
	}

	kindButton(kind) {
		const button = element("button"), swatch = element("i");

		button.type = "button";
		button.dataset.kind = kind;
		button.title = `Hide or show ${KIND_TEXT[kind].toLowerCase()} frames; hidden ones give their time to their callers`;
		button.append(swatch, KIND_TEXT[kind]);
		button.style.setProperty("--swatch", this.palette?.swatch(kind));
		button.addEventListener("click", () => this.toggleKind(kind));
		return button;
	}

	toggleKind(kind) {
		const hidden = this.hidden;

		if (!hidden.delete(kind))
			hidden.add(kind);
		this.setState({ hide: [...hidden].join("."), zoom: "" });
	}

	setTheme(theme) {
		this.theme = theme;
		document.documentElement.dataset.theme = theme;
		this.palette = new Palette(theme === "dark");
		for (const button of document.querySelectorAll("[data-kind]"))
			button.style.setProperty("--swatch", this.palette.swatch(button.dataset.kind));
		this.legend.setPalette(this.palette);
		if (this.ready) {
			this.keep = true;
			this.update(new Set(["range", "view"]));
			this.keep = false;
		}
	}

	stripColours() {
		const style = getComputedStyle(document.documentElement), get = (n) => style.getPropertyValue(`--${n}`);

		return { bar: get("bar"), faint: get("faint"), line: get("line"), text: get("soft"),
			accent: get("accent"), range: get("range"), sunken: get("sunken"), more: get("more"),
			less: get("less"), lessRange: get("less-range") };
	}

	hovered(node, event) {
		this.el("flame").classList.toggle("pointing", node >= 0);
		if (node >= 0 && event)
			this.hint.show(this.profile, this.shown, node, this.type, event);
		else
			this.hint.hide();
	}

	speak(node) {
		this.el("spoken").textContent = Hint.sentence(this.profile, this.shown, node, this.type);
	}

	// -- what hands do (hands.js) -------------------------------------------------------------------

	// A path from the root means nothing in the inverted tree, and the other way round.
	setView(view) {
		const turns = (view === "inverted") !== (this.state.view === "inverted");

		this.setState({ view, zoom: turns ? "" : this.state.zoom });
	}

	reset() {
		this.setState({ zoom: "", q: "", range: "", base: "", pick: "", task: "", hide: "", off: "" });
	}

	// What is chosen becomes what the next range is compared with. With nothing chosen, the first half.
	compare() {
		const s = this.state, { n } = this.profile.buckets, half = Math.floor(n / 2);

		if (s.base || !this.profile.timed)
			this.setState({ base: "" });
		else if (s.range)
			this.setState({ base: s.range, range: "", zoom: "" });
		else
			this.setState({ base: this.rangeText(0, half), range: this.rangeText(half, n - 1) });
	}

	// The function of the box in focus or under the pointer stays highlighted, until it is pinned again.
	pin() {
		const { flame } = this, node = flame.hovered >= 0 ? flame.hovered : flame.focused;
		const key = node > 0 ? this.profile.key(this.shown.frame[node]) : "";

		this.setState({ pick: key === this.state.pick ? "" : key });
	}

	side(name) {
		this.setState({ table: this.state.table === name ? "" : name });
	}

	complain(error) {
		this.el("summary").textContent = `That did not work: ${error.message}`;
	}

	// One step back at a time, the last thing narrowed first.
	escape() {
		const s = this.state;

		this.hint.hide();
		if (document.activeElement === this.el("search"))
			this.el("flame").focus();
		for (const key of ["pick", "q", "zoom", "range", "base", "task", "hide", "off"]) {
			if (s[key]) {
				this.setState({ [key]: "" });
				return;
			}
		}
		this.flame.zoom(0); // a pan or wheel zoom
	}
}

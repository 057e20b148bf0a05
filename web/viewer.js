// viewer.js - the page: one state, kept in the address, from which every view is computed.
//
// setState() is the only way anything changes. It names what changed; update() recomputes what depends
// on it (selection -> tree -> inversion, functions, matches) and hands the results to the views.

const DEFAULTS = {
	view: "flame", zoom: "", q: "", range: "", task: "", hide: "", off: "", pick: "", table: "", sort: "", value: "",
};

class App {
	constructor(profile) {
		this.profile = profile;
		this.state = { ...DEFAULTS, table: innerWidth >= 1180 ? "1" : "" };
		this.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
		this.el = (id) => document.getElementById(id);
		this.hint = new Hint(this.el("tip"));
		this.flame = new FlameView(this.el("scroller"), this.el("flame"), this.el("flame-space"), {
			hover: (node, event) => this.hovered(node, event),
			zoom: (node) => this.setState({ zoom: this.shown.path(node).join(".") }),
			focus: (node) => this.speak(node),
		});
		this.table = new FunctionTable(this.el("table"), {
			pick: (frame) => this.setState({ pick: frame < 0 ? "" : String(frame) }),
			sort: (key, down) => this.setState({ sort: `${key}${down ? "" : "-up"}` }),
		});
		this.strip = new TimeStrip(this.el("strip"), {
			range: (from, to) => this.setState({ range: this.rangeText(from, to) }),
		});
		this.picker = new TaskPicker(document.querySelector(".picker"), {
			pick: (key) => this.setState({ task: key, zoom: "" }),
		});
		this.legend = new ClassLegend(this.el("classes"), profile, {
			set: (off) => this.setState({ off, zoom: "" }),
		});
		this.fillHead();
		this.listen();
		this.setTheme(this.theme);
		this.readAddress();
	}

	// -- state ------------------------------------------------------------------------------------

	setState(change) {
		const changed = Object.keys(change).filter((k) => this.state[k] !== change[k]);

		Object.assign(this.state, change);
		if (!changed.length)
			return;
		this.writeAddress();
		this.update(new Set(changed));
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

	// Ranges are kept in milliseconds, so that they mean the same whatever the buckets are.
	rangeText(from, to) {
		const ms = this.profile.buckets.width / 1e6;

		if (from <= 0 && to >= this.profile.buckets.n)
			return "";
		return `${+(from * ms).toFixed(6)}-${+(to * ms).toFixed(6)}`;
	}

	rangeBuckets() {
		const m = /^([\d.]+)-([\d.]+)$/.exec(this.state.range), ms = this.profile.buckets.width / 1e6;

		if (!m || !this.profile.timed)
			return [0, Infinity];
		const from = Math.max(0, Math.round(m[1] / ms));

		return [from, Math.max(from + 1, Math.round(m[2] / ms))];
	}

	get hidden() {
		return new Set(this.state.hide.split(".").filter((k) => KINDS.includes(k)));
	}

	get type() {
		return this.profile.values[this.selection.value];
	}

	// -- from state to picture --------------------------------------------------------------------

	update(changed) {
		const any = (...keys) => keys.some((k) => changed.has(k));

		if (any("range", "task", "hide", "off", "value"))
			this.select();
		if (any("range", "task", "hide", "off", "value", "view"))
			this.reshape();
		else if (any("zoom"))
			this.rezoom();
		if (any("range", "task", "hide", "off", "value", "view", "q", "pick"))
			this.mark();
		if (any("table", "sort"))
			this.showTable();
		this.showState();
	}

	select() {
		const p = this.profile, [from, to] = this.rangeBuckets();
		const value = Math.min(Number(this.state.value || p.head.default_value) || 0, p.values.length - 1);
		const hidden = this.hidden, tasks = tasksOfKey(p, this.state.task);

		const classes = this.legend.chosen(this.state.off);

		this.selection = new Selection({ value, from, to, tasks, classes, hidden });
		this.legend.setSums(sumClasses(p, this.selection), this.type);
		this.tree = buildTree(p, this.selection);
		this.table.setRows(p, sumFunctions(p, this.tree), this.tree.sum, this.type, this.palette);
		this.picker.setTasks(p, sumTasks(p, this.selection), this.type);
		this.picker.setCurrent(this.state.task);
		if (p.timed) {
			this.strip.setData(p.buckets, sumBuckets(p, this.selection), p.head.tick ?? 0, this.stripColours());
			this.strip.setRange(from, to);
		}
	}

	// The tree the graph shows: as called, or inverted, opened as far as can be seen at this zoom.
	reshape() {
		const inverted = this.state.view === "inverted", path = this.zoomPath();

		if (inverted) {
			let tree = invertTree(this.tree, this.tree.sum / 4000), node = tree.find(path);

			if (node)
				tree = invertTree(this.tree, tree.total[node] / 4000);
			this.shown = tree;
		} else {
			this.shown = this.tree;
		}
		this.flame.setTree(this.profile, this.shown, this.palette, this.shown.find(path));
		if (this.flame.rootBelow !== (this.state.view === "flame"))
			this.flame.setRootBelow(this.state.view === "flame");
	}

	rezoom() {
		const node = this.shown.find(this.zoomPath());

		if (this.state.view === "inverted")
			this.reshape();
		else
			this.flame.zoom(node);
	}

	zoomPath() {
		return this.state.zoom.split(".").filter(Boolean).map(Number);
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
		this.search = regex ? { match, ...sumMatches(this.shown, match) } : null;
		this.table.setMatch(regex ? match : null);
		this.table.setPicked(this.state.pick ? Number(this.state.pick) : -1);
		if (this.state.pick) {
			const one = new Uint8Array(p.frames.n);

			one[Number(this.state.pick)] = 1;
			this.flame.setMatch(one);
		} else {
			this.flame.setMatch(regex ? match : null);
		}
		this.el("matched").textContent = wrong ||
			(this.search ? `${formatShare(this.search.sum, this.shown.sum)} matched` : "");
		document.querySelector(".search").classList.toggle("wrong", Boolean(wrong));
	}

	showTable() {
		const [key, up] = (this.state.sort || "self").split("-");

		this.el("table").hidden = !this.state.table;
		this.el("table-toggle").setAttribute("aria-pressed", Boolean(this.state.table));
		if (["self", "total", "name"].includes(key) &&
		    (this.table.sort !== key || this.table.descending === Boolean(up)))
			this.table.sortBy(key, !up);
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
		if (s.task)
			parts.push(this.picker.name.textContent);
		if (this.hidden.size)
			parts.push(`${[...this.hidden].map((k) => KIND_TEXT[k].toLowerCase()).join(", ")} frames hidden`);
		if (this.selection.classes)
			parts.push(`without ${this.legend.off.join(", ")}`);
		this.el("summary").textContent = parts.join(" · ");
		this.el("reset").hidden = !(s.zoom || s.q || s.range || s.pick || s.task || s.hide || s.off);
		this.el("empty").hidden = sum > 0;
		this.el("empty").textContent = "No samples here. Esc takes the selection back.";
		this.showCrumbs();
	}

	showCrumbs() {
		const path = this.shown.path(this.shown.find(this.zoomPath())), list = [];

		path.forEach((frame, i) => {
			if (i < path.length - 4 && i > 0)
				return;
			const button = element("button", this.profile.label(frame));

			button.type = "button";
			button.addEventListener("click", () => this.setState({ zoom: path.slice(0, i + 1).join(".") }));
			list.push(...(list.length ? [element("span", path.length > 5 && list.length === 1 ? "› … ›" : "›")] : []));
			list.push(button);
		});
		this.el("crumbs").hidden = !list.length;
		this.el("crumbs").replaceChildren(...list);
	}

	// -- fixed parts ------------------------------------------------------------------------------

	fillHead() {
		const head = this.profile.head, badge = ledgerBadge(head.ledger), present = new Set();

		this.el("title").textContent = document.title = head.title;
		this.el("subtitle").textContent = head.subtitle;
		this.el("badge").textContent = badge.text;
		this.el("badge").className = `badge ${badge.state}`;
		this.el("badge").title = head.ledger_line;
		this.el("strip-box").hidden = !this.profile.timed;
		fillLedger(this.el("ledger"), head);
		fillHelp(this.el("help"));
		for (let f = 1; f < this.profile.frames.n; f++)
			present.add(this.profile.kind(f));
		for (const kind of KINDS.filter((k) => present.has(k) && k !== "task"))
			this.el("kinds").append(this.kindButton(kind));
		this.profile.values.forEach((type, i) => this.el("value").append(new Option(type.type, i)));
		this.el("value").value = head.default_value;
		this.el("value").hidden = this.profile.values.length < 2;
	}

	kindButton(kind) {
		const button = element("button"), swatch = element("i");

		button.type = "button";
		button.dataset.kind = kind;
		button.title = `Hide or show ${KIND_TEXT[kind].toLowerCase()} frames; hidden ones give their time to their callers`;
		button.append(swatch, KIND_TEXT[kind]);
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
		if (this.ready)
			this.update(new Set(["range", "view"]));
	}

	stripColours() {
		const style = getComputedStyle(document.documentElement), get = (n) => style.getPropertyValue(`--${n}`);

		return { bar: get("bar"), faint: get("faint"), line: get("line"), text: get("soft"),
			accent: get("accent"), range: get("range") };
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

	// -- hands ------------------------------------------------------------------------------------

	listen() {
		const on = (id, what, fn) => this.el(id).addEventListener(what, fn);

		on("search", "input", (e) => this.setState({ q: e.target.value.trim(), pick: "" }));
		on("search", "keydown", (e) => {
			if (e.key === "Enter")
				this.el("flame").focus();
		});
		on("theme", "click", () => this.setTheme(this.theme === "dark" ? "light" : "dark"));
		on("badge", "click", () => this.el("ledger").showModal());
		on("help-open", "click", () => this.el("help").showModal());
		on("table-toggle", "click", () => this.setState({ table: this.state.table ? "" : "1" }));
		on("value", "change", (e) => this.setState({ value: e.target.value }));
		on("reset", "click", () => this.reset());
		for (const id of ["ledger", "help"]) {
			on(id, "click", (e) => { // outside the box itself
				if (e.target === this.el(id))
					this.el(id).close();
			});
		}
		for (const button of document.querySelectorAll("[data-view]"))
			button.addEventListener("click", () => this.setView(button.dataset.view));
		addEventListener("hashchange", () => this.readAddress());
		addEventListener("keydown", (e) => this.key(e));
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (e) =>
			this.setTheme(e.matches ? "dark" : "light"));
	}

	// A path from the root means nothing in the inverted tree, and the other way round.
	setView(view) {
		const turns = (view === "inverted") !== (this.state.view === "inverted");

		this.setState({ view, zoom: turns ? "" : this.state.zoom });
	}

	reset() {
		this.setState({ zoom: "", q: "", range: "", pick: "", task: "", hide: "", off: "" });
	}

	// One step back at a time, the last thing narrowed first.
	escape() {
		const s = this.state;

		this.hint.hide();
		if (document.activeElement === this.el("search"))
			this.el("flame").focus();
		for (const key of ["pick", "q", "zoom", "range", "task", "hide", "off"]) {
			if (s[key]) {
				this.setState({ [key]: "" });
				return;
			}
		}
		this.flame.zoom(0); // a pan or wheel zoom
	}

	key(e) {
		const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName);

		if (document.querySelector("dialog[open]"))
			return;
		if (e.key === "Escape") {
			this.escape();
		} else if ((e.key === "/" && !typing) || (e.key === "f" && (e.ctrlKey || e.metaKey))) {
			this.el("search").focus();
			this.el("search").select();
		} else if (typing || e.ctrlKey || e.metaKey || e.altKey || !this.shortcut(e)) {
			return;
		}
		e.preventDefault();
	}

	shortcut(e) {
		const view = this.state.view, onGraph = e.target === this.el("flame") || e.target === document.body;
		const keys = {
			i: () => this.setView(view === "inverted" ? "flame" : "inverted"),
			f: () => this.setView(view === "flame" ? "icicle" : "flame"),
			t: () => this.setState({ table: this.state.table ? "" : "1" }),
			k: () => this.toggleKind("kernel"),
			d: () => this.setTheme(this.theme === "dark" ? "light" : "dark"),
			l: () => this.el("ledger").showModal(),
			"?": () => this.el("help").showModal(),
		};

		if (keys[e.key]) {
			keys[e.key]();
			return true;
		}
		if (!onGraph)
			return false;
		if (e.key === "Enter" && this.flame.focused >= 0) {
			this.flame.on.zoom(this.flame.focused);
			return true;
		}
		return this.flame.move(e.key);
	}
}

async function startViewer() {
	try {
		const data = document.getElementById("waggle-data").textContent;

		globalThis.waggle = new App(await unpackProfile(data));
		document.documentElement.dataset.ready = "1";
	} catch (error) {
		document.getElementById("empty").textContent = `This profile cannot be shown: ${error.message}`;
		document.getElementById("empty").hidden = false;
	}
}

startViewer();

// hands.js - the mouse on the page's controls and the keys: what each of them means. Views have their own.

function listenToHands(app) {
	const on = (id, what, fn) => app.el(id).addEventListener(what, fn);

	on("search", "input", (e) => app.setState({ q: e.target.value.trim(), pick: "" }));
	on("search", "keydown", (e) => {
		if (e.key === "Enter")
			app.el("flame").focus();
	});
	on("theme", "click", () => app.setTheme(app.theme === "dark" ? "light" : "dark"));
	on("badge", "click", () => app.el("ledger").showModal());
	on("help-open", "click", () => app.el("help").showModal());
	on("table-toggle", "click", () => app.side("1"));
	on("tasks-toggle", "click", () => app.side("threads"));
	on("heat-toggle", "click", () => app.setState({ heat: app.state.heat ? "" : "1" }));
	on("compare", "click", () => app.compare());
	on("value", "change", (e) => app.setState({ value: e.target.value }));
	on("reset", "click", () => app.reset());
	for (const id of ["ledger", "help"]) {
		on(id, "click", (e) => { // outside the box itself
			if (e.target === app.el(id))
				app.el(id).close();
		});
	}
	for (const button of document.querySelectorAll("[data-view]"))
		button.addEventListener("click", () => app.setView(button.dataset.view));
	addEventListener("hashchange", () => app.readAddress());
	addEventListener("keydown", (e) => pressKey(app, e));
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (e) =>
		app.setTheme(e.matches ? "dark" : "light"));
}

function pressKey(app, e) {
	const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName);

	if (document.querySelector("dialog[open]"))
		return;
	if (e.key === "Escape") {
		app.escape();
	} else if ((e.key === "/" && !typing) || (e.key === "f" && (e.ctrlKey || e.metaKey))) {
		app.el("search").focus();
		app.el("search").select();
	} else if (typing || e.ctrlKey || e.metaKey || e.altKey || !pressShortcut(app, e)) {
		return;
	}
	e.preventDefault();
}

function pressShortcut(app, e) {
	const { view } = app.state, onGraph = e.target === app.el("flame") || e.target === document.body;
	const keys = {
		i: () => app.setView(view === "inverted" ? "flame" : "inverted"),
		f: () => app.setView(view === "flame" ? "icicle" : "flame"),
		r: () => app.setView(view === "calls" ? "flame" : "calls"),
		t: () => app.side("1"),
		k: () => app.toggleKind("kernel"),
		p: () => app.pin(),
		h: () => app.setState({ heat: app.state.heat ? "" : "1" }),
		c: () => app.compare(),
		s: () => app.save.toggle(true),
		z: () => app.live?.toggle(),
		d: () => app.setTheme(app.theme === "dark" ? "light" : "dark"),
		l: () => app.el("ledger").showModal(),
		"?": () => app.el("help").showModal(),
	};

	if (keys[e.key]) {
		keys[e.key]();
		return true;
	}
	if (!onGraph || view === "calls")
		return false;
	if (e.key === "Enter" && app.flame.focused >= 0) {
		app.flame.on.zoom(app.flame.focused);
		return true;
	}
	return app.flame.move(e.key);
}

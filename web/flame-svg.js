// flame-svg.js - makes the flame graph SVG respond: zoom, search, hover, keys, state in the address.
//
// It runs inside the SVG document, alone: no page around it can be relied on. Without it the picture
// is complete but still. Frames come in preorder with their start and total in value units, so the
// layout is always computed from the truth and never from rounded pixels.

"use strict";

(() => {
	const NS = "http://www.w3.org/2000/svg";
	const MARGIN = 16, PAD = 4, LEAST_PX = 0.3, LEAST_WIDTH = 400, BAR = 65;
	const svg = document.documentElement, frames = [];
	// Frames too narrow to be in the file may match too.
	const culled = document.getElementById("frames")?.classList.contains("culled");
	const state = { zoom: 0, search: "" };
	const bar = document.createElementNS(NS, "g");
	let width = svg.viewBox.baseVal.width, charWidth = 6.62, focused = 0, tip, field, found;

	// Titles move from the document to memory: the browser's own hint would cover ours.
	function readFrames() {
		const open = [];

		for (const g of document.querySelectorAll("#frames > g")) {
			const [start, total] = g.getAttribute("v").split(" ").map(Number);
			const title = g.querySelector("title"), text = title.textContent;
			const cut = text.lastIndexOf("\n");
			const frame = {
				g, start, total, rect: g.querySelector("rect"), text: g.querySelector("text"),
				name: text.slice(0, cut), facts: text.slice(cut + 1), id: frames.length,
			};

			while (open.length && start >= open[open.length - 1].start + open[open.length - 1].total)
				open.pop();
			frame.parent = open.length ? open[open.length - 1] : null;
			frame.kids = [];
			frame.parent?.kids.push(frame);
			open.push(frame);
			frames.push(frame);
			title.remove();
			g.setAttribute("role", "button");
			g.setAttribute("aria-label", `${frame.name}, ${frame.facts}`);
			g.setAttribute("tabindex", frame.id ? "-1" : "0");
			g.dataset.id = frame.id;
		}
	}

	function make(tag, attributes, parent, text) {
		const el = document.createElementNS(NS, tag);

		for (const [key, value] of Object.entries(attributes))
			el.setAttribute(key, value);
		if (text !== undefined)
			el.textContent = text;
		parent?.append(el);
		return el;
	}

	function fitText(frame, x, w) {
		const room = Math.floor((w - 2 * PAD) / charWidth);

		if (room < 3) {
			if (frame.text)
				frame.text.textContent = "";
			return;
		}
		frame.text ??= make("text", { y: Number(frame.rect.getAttribute("y")) + 12.5 }, frame.g);
		frame.text.setAttribute("x", (x + PAD).toFixed(2));
		frame.text.textContent =
			frame.name.length > room ? `${frame.name.slice(0, room - 1)}…` : frame.name;
	}

	function layout() {
		const root = frames[state.zoom], end = root.start + root.total;
		const scale = (width - 2 * MARGIN) / (root.total || 1);

		for (const frame of frames) {
			const around = frame.start <= root.start && frame.start + frame.total >= end && frame.id < root.id;
			const x = around ? MARGIN : MARGIN + (frame.start - root.start) * scale;
			const w = around ? width - 2 * MARGIN : frame.total * scale;
			const seen = around || frame === root ||
				(frame.start >= root.start && frame.start < end && frame.id > root.id && w >= LEAST_PX);

			frame.g.style.display = seen ? "" : "none";
			if (!seen)
				continue;
			frame.g.classList.toggle("around", around);
			frame.rect.setAttribute("x", x.toFixed(2));
			frame.rect.setAttribute("width", Math.max(w > 3 ? w - 0.5 : w, 0).toFixed(2));
			fitText(frame, x, w);
		}
		reset.style.display = state.zoom || state.search ? "" : "none";
	}

	// -- search -----------------------------------------------------------------------------------

	// Each sample once: a match below a match adds nothing, and preorder puts it right behind.
	function mark() {
		let regex = null, sum = 0, end = -1, wrong = false;

		try {
			regex = state.search ? new RegExp(state.search, /[A-Z]/.test(state.search) ? "" : "i") : null;
		} catch {
			wrong = true;
		}
		for (const frame of frames) {
			const hit = regex && frame.id && regex.test(frame.name);

			frame.g.classList.toggle("faded", Boolean(regex) && !hit);
			if (hit && frame.start >= end) {
				sum += frame.total;
				end = frame.start + frame.total;
			}
		}
		if (wrong)
			found.textContent = "not a regular expression";
		else if (regex)
			found.textContent = `${culled ? "at least " : ""}${(100 * sum / (frames[0].total || 1)).toFixed(2)} % matched`;
		else
			found.textContent = "";
		reset.style.display = state.zoom || state.search ? "" : "none";
	}

	function openSearch() {
		if (field) {
			field.querySelector("input").focus();
			field.querySelector("input").select();
			return;
		}
		field = make("foreignObject", { x: width - MARGIN - 304, y: 16, width: 232, height: 32 }, bar);
		const input = document.createElementNS("http://www.w3.org/1999/xhtml", "input");

		input.setAttribute("style", "box-sizing:border-box;width:100%;height:28px;padding:0 10px;" +
			"border:1px solid #b36b00;border-radius:8px;outline:0;font:12px monospace;" +
			"background:Field;color:FieldText;color-scheme:light dark");
		input.setAttribute("aria-label", "Search by regular expression");
		input.setAttribute("placeholder", "Regular expression");
		input.value = state.search;
		input.addEventListener("input", () => set({ search: input.value }));
		input.addEventListener("keydown", (e) => {
			if (e.key === "Escape" || e.key === "Enter") {
				e.stopPropagation();
				closeSearch();
				if (e.key === "Escape")
					set({ search: "" });
			}
		});
		field.append(input);
		input.focus();
	}

	function closeSearch() {
		const old = field;

		field = null; // removing it blurs the input, which must not come back here
		old?.remove();
		frames[focused].g.focus({ preventScroll: true });
	}

	// -- state ------------------------------------------------------------------------------------

	function set(change) {
		Object.assign(state, change);
		const out = new URLSearchParams();

		if (state.zoom)
			out.set("zoom", state.zoom);
		if (state.search)
			out.set("search", state.search);
		try {
			history.replaceState(null, "", `#${out}`);
		} catch {
			// inside another page's <object> the address is not ours
		}
		if ("zoom" in change)
			layout();
		if ("search" in change)
			mark();
	}

	function readAddress() {
		const given = new URLSearchParams(location.hash.slice(1));
		const zoom = Number(given.get("zoom"));

		state.zoom = Number.isInteger(zoom) && zoom > 0 && zoom < frames.length ? zoom : 0;
		state.search = given.get("search") ?? "";
		layout();
		mark();
	}

	function clear() {
		closeSearch();
		set({ zoom: 0, search: "" });
	}

	// -- hint -------------------------------------------------------------------------------------

	function makeTip() {
		tip = make("g", { class: "tip", style: "display:none" }, svg);
		make("rect", { rx: 8, height: 48 }, tip);
		make("text", { x: 12, y: 20, class: "name" }, tip);
		make("text", { x: 12, y: 37 }, tip);
	}

	function showTip(frame, event) {
		const [box, name, facts] = tip.children, most = Math.floor((width - 60) / 7.3);
		const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
		const height = svg.viewBox.baseVal.height || svg.height.baseVal.value;

		name.textContent = frame.name.length > most ? `${frame.name.slice(0, most - 1)}…` : frame.name;
		facts.textContent = frame.facts;
		tip.style.display = "";
		const w = 24 + Math.max(name.getComputedTextLength(), facts.getComputedTextLength());
		const x = Math.max(4, Math.min(at.x + 12, width - w - 4));
		const y = at.y + 18 + 48 < height ? at.y + 18 : at.y - 60;

		box.setAttribute("width", w.toFixed(1));
		tip.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
	}

	// -- keyboard ---------------------------------------------------------------------------------

	function focus(frame) {
		frames[focused].g.setAttribute("tabindex", "-1");
		focused = frame.id;
		frame.g.setAttribute("tabindex", "0");
		frame.g.focus();
	}

	function neighbour(frame, step) {
		const seen = frame.parent?.kids.filter((kid) => kid.g.style.display !== "none") ?? [];

		return seen[seen.indexOf(frame) + step];
	}

	function move(key) {
		const frame = frames[focused];
		const widest = (a, b) => (a && a.total >= b.total ? a : b);
		const next = {
			ArrowUp: () => frame.kids.filter((kid) => kid.g.style.display !== "none").reduce(widest, null),
			ArrowDown: () => frame.parent,
			ArrowLeft: () => neighbour(frame, -1),
			ArrowRight: () => neighbour(frame, 1),
		}[key]?.();

		if (next)
			focus(next);
		return key.startsWith("Arrow");
	}

	function key(e) {
		if (field?.contains(e.target))
			return;
		if (e.key === "/" || (e.key === "f" && (e.ctrlKey || e.metaKey)))
			openSearch();
		else if (e.key === "Escape")
			clear();
		else if (e.key === "Enter" && e.target.dataset?.id)
			set({ zoom: Number(e.target.dataset.id) });
		else if (e.ctrlKey || e.metaKey || e.altKey || !move(e.key))
			return;
		e.preventDefault();
	}

	// -- start ------------------------------------------------------------------------------------

	function makeButton(label, w, act) {
		const g = make("g", { class: "button", role: "button", tabindex: 0, id: label.toLowerCase() }, bar);

		make("rect", { width: w, height: 28, rx: 8 }, g);
		make("text", { x: w / 2, y: 18.5, "text-anchor": "middle" }, g, label);
		g.addEventListener("click", act);
		g.addEventListener("keydown", (e) => {
			if (e.key === "Enter" || e.key === " ") {
				e.preventDefault();
				e.stopPropagation();
				act();
			}
		});
		return g;
	}

	// A deep graph is taller than the window and its root is at the bottom: start there, and let title
	// and buttons come along.
	function makeBar() {
		make("rect", { class: "page", width: "100%", height: BAR }, bar);
		bar.append(...document.querySelectorAll(".head, #total"));
		svg.append(bar);
	}

	function followScroll() {
		bar.setAttribute("transform", `translate(0 ${Math.max(0, scrollY)})`);
	}

	// A document of its own takes the window's width; inside another page the page decides.
	function resize() {
		if (window.top === window && innerWidth >= LEAST_WIDTH) {
			width = innerWidth;
			svg.setAttribute("width", width);
			svg.setAttribute("viewBox", `0 0 ${width} ${svg.viewBox.baseVal.height}`);
		}
		search.setAttribute("transform", `translate(${width - MARGIN - 64} 16)`);
		reset.setAttribute("transform", `translate(${width - MARGIN - 64} 48)`);
		found.setAttribute("x", width - MARGIN - 76);
		field?.setAttribute("x", width - MARGIN - 304);
		layout();
	}

	readFrames();
	if (!frames.length)
		return;
	makeBar();
	const search = makeButton("Search", 64, openSearch), reset = makeButton("Reset", 64, clear);

	reset.lastChild.setAttribute("y", 12);
	reset.firstChild.setAttribute("height", 17);
	found = make("text", { class: "foot", id: "matched", y: 60, "text-anchor": "end", "aria-live": "polite" }, bar);
	makeTip();
	const probe = make("text", { y: -50 }, svg, "0".repeat(50));

	charWidth = probe.getComputedTextLength() / 50 || charWidth;
	probe.remove();
	const graph = document.getElementById("frames");
	const frameOf = (e) => frames[e.target.closest("[data-id]")?.dataset.id];

	graph.addEventListener("click", (e) => {
		const frame = frameOf(e);

		if (frame) {
			focus(frame);
			set({ zoom: frame.id });
		}
	});
	graph.addEventListener("mousemove", (e) => frameOf(e) && showTip(frameOf(e), e));
	graph.addEventListener("mouseleave", () => (tip.style.display = "none"));
	addEventListener("keydown", key);
	addEventListener("resize", resize);
	addEventListener("hashchange", readAddress);
	addEventListener("scroll", followScroll);
	resize();
	readAddress();
	if (window.top === window)
		scrollTo(0, document.documentElement.getBoundingClientRect().height);
	followScroll();
})();

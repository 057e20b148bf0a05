// rows.js - a long list of which only the rows in sight exist in the document: scrolling, focus and keys for
// the tables of functions, calls and threads, which say what a row looks like and what it does.

const LIST_ROW = 28;

class RowList {
	// `host` holds a .rows box with a .rows-space in it
	constructor(host) {
		this.host = host;
		this.body = host.querySelector(".rows");
		this.spacer = host.querySelector(".rows-space");
		this.rows = [];
		this.focused = 0;
		this.body.addEventListener("scroll", () => this.render());
		this.body.addEventListener("click", (e) => this.click(e));
		this.body.addEventListener("keydown", (e) => this.key(e));
		new ResizeObserver(() => {
			if (this.body.clientHeight !== this.shownHeight)
				this.render();
		}).observe(this.body);
	}

	// `keep`: the same list with new numbers, so whoever is reading stays where he is.
	setList(rows, keep) {
		this.rows = rows;
		this.host.setAttribute("aria-rowcount", rows.length + 1);
		this.spacer.style.height = `${rows.length * LIST_ROW}px`;
		if (!keep) {
			this.body.scrollTop = 0;
			this.focused = 0;
		}
		this.focused = Math.max(0, Math.min(this.focused, rows.length - 1));
		this.render();
	}

	render() {
		const height = this.shownHeight = this.body.clientHeight;
		const first = Math.max(0, Math.floor(this.body.scrollTop / LIST_ROW) - 4);
		const last = Math.min(this.rows.length, first + Math.ceil((height || 600) / LIST_ROW) + 8);
		const held = this.body.contains(document.activeElement);
		const list = [];

		for (let i = first; i < last; i++)
			list.push(this.renderRow(this.rows[i], i));
		this.spacer.replaceChildren(...list);
		if (held)
			this.spacer.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
	}

	renderRow(row, i) {
		const el = element("div", undefined, "row");

		el.style.top = `${i * LIST_ROW}px`;
		el.dataset.index = i;
		el.tabIndex = i === this.focused ? 0 : -1;
		el.setAttribute("role", "row");
		el.setAttribute("aria-rowindex", i + 2);
		el.append(...this.cells(row, el));
		return el;
	}

	// A number with a bar behind it; `most` is the longest bar.
	numberCell(v, most, text, title) {
		const el = element("div", text, "num");

		el.setAttribute("role", "cell");
		el.title = title;
		el.classList.toggle("less", v < 0);
		el.style.setProperty("--share", `${most ? 100 * Math.abs(v) / most : 0}%`);
		return el;
	}

	nameCell(text, colour, note) {
		const el = element("div", undefined, "name"), dot = element("i"), name = element("span", text);

		el.setAttribute("role", "cell");
		dot.style.background = colour;
		el.append(dot, name);
		el.title = text;
		if (note) {
			const where = element("small", baseName(note));

			where.title = note;
			el.append(where);
		}
		return el;
	}

	click(e) {
		const el = e.target.closest(".row");

		if (!el)
			return;
		this.focused = Number(el.dataset.index);
		this.act(this.rows[this.focused], e);
	}

	key(e) {
		const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[e.key], row = this.rows[this.focused];

		if (e.ctrlKey || e.metaKey || e.altKey || !row)
			return;
		if (e.key === "Enter" || e.key === " ")
			this.act(row, e);
		else if (step)
			this.focus(this.focused + step);
		else if (!this.turn(row, e.key))
			return;
		e.preventDefault();
		e.stopPropagation();
	}

	// Keys of a kind of list; true when it was one.
	turn() {
		return false;
	}

	focus(i) {
		const top = Math.max(0, Math.min(this.rows.length - 1, i)) * LIST_ROW, view = this.body;

		this.focused = top / LIST_ROW;
		if (top < view.scrollTop)
			view.scrollTop = top;
		else if (top + LIST_ROW > view.scrollTop + view.clientHeight)
			view.scrollTop = top + LIST_ROW - view.clientHeight;
		this.render();
		this.spacer.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
	}
}

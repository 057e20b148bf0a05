// table.js - the functions with their self and total; only the rows in sight exist in the document.

const TABLE_ROW = 28;

class FunctionTable {
	// `on`: pick(frame), sort(key)
	constructor(host, on) {
		this.on = on;
		this.body = host.querySelector(".rows");
		this.spacer = host.querySelector(".rows-space");
		this.heads = [...host.querySelectorAll("[data-sort]")];
		this.host = host;
		this.sort = "self";
		this.descending = true;
		this.rows = [];
		this.picked = -1;
		this.focused = 0;
		this.body.addEventListener("scroll", () => this.render());
		this.body.addEventListener("click", (e) => this.click(e));
		this.body.addEventListener("keydown", (e) => this.key(e));
		for (const head of this.heads)
			head.addEventListener("click", () => this.sortBy(head.dataset.sort));
		new ResizeObserver(() => this.render()).observe(this.body);
	}

	setRows(profile, rows, sum, type, palette) {
		Object.assign(this, { profile, all: rows, sum, type, palette });
		this.apply();
	}

	// Only matching functions; null for all.
	setMatch(match) {
		this.match = match;
		this.apply();
	}

	setPicked(frame) {
		this.picked = frame;
		this.render();
	}

	sortBy(key, descending) {
		this.descending = descending ?? (key === this.sort ? !this.descending : key !== "name");
		this.sort = key;
		this.on.sort(key, this.descending);
		this.apply();
	}

	apply() {
		if (!this.all)
			return;
		const sign = this.descending ? -1 : 1, key = this.sort;
		const byName = (a, b) => compareLabels(this.profile, a.frame, b.frame);

		this.rows = this.match ? this.all.filter((r) => this.match[r.frame]) : this.all.slice();
		if (key === "name")
			this.rows.sort((a, b) => sign * byName(a, b));
		else
			this.rows.sort((a, b) => sign * (a[key] - b[key]) || b.self - a.self || byName(a, b));
		for (const head of this.heads) {
			const on = head.dataset.sort === key;

			head.setAttribute("aria-sort", on ? this.descending ? "descending" : "ascending" : "none");
		}
		this.host.setAttribute("aria-rowcount", this.rows.length + 1);
		this.most = { self: 0, total: 0 };
		for (const row of this.all) {
			this.most.self = Math.max(this.most.self, row.self);
			this.most.total = Math.max(this.most.total, row.total);
		}
		this.body.scrollTop = 0;
		this.focused = 0;
		this.spacer.style.height = `${this.rows.length * TABLE_ROW}px`;
		this.render();
	}

	render() {
		if (!this.profile)
			return;
		const first = Math.max(0, Math.floor(this.body.scrollTop / TABLE_ROW) - 4);
		const last = Math.min(this.rows.length,
			first + Math.ceil((this.body.clientHeight || 600) / TABLE_ROW) + 8);
		const held = this.body.contains(document.activeElement);
		const list = [];

		for (let i = first; i < last; i++)
			list.push(this.renderRow(this.rows[i], i));
		this.spacer.replaceChildren(...list);
		if (held)
			this.spacer.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
	}

	renderRow(row, i) {
		const el = document.createElement("div"), object = this.profile.object(row.frame);

		el.className = "row";
		el.style.top = `${i * TABLE_ROW}px`;
		el.dataset.index = i;
		el.tabIndex = i === this.focused ? 0 : -1;
		el.setAttribute("role", "row");
		el.setAttribute("aria-rowindex", i + 2);
		el.setAttribute("aria-selected", row.frame === this.picked);
		el.append(this.numberCell(row.self, this.most.self),
			this.numberCell(row.total, this.most.total), this.nameCell(row, object));
		return el;
	}

	numberCell(v, most) {
		const el = document.createElement("div");

		el.className = "num";
		el.setAttribute("role", "cell");
		el.title = formatWithType(v, this.type);
		el.textContent = formatShare(v, this.sum);
		el.style.setProperty("--share", `${most ? 100 * v / most : 0}%`);
		return el;
	}

	nameCell(row, object) {
		const el = document.createElement("div"), dot = document.createElement("i");
		const name = document.createElement("span");

		el.className = "name";
		el.setAttribute("role", "cell");
		const c = this.profile.classOf(row.frame);

		dot.style.background = c ? this.palette.class(c) : this.palette.swatch(this.profile.kind(row.frame));
		name.textContent = this.profile.label(row.frame);
		el.append(dot, name);
		el.title = name.textContent;
		if (object) {
			const where = document.createElement("small");

			where.textContent = baseName(object);
			where.title = object;
			el.append(where);
		}
		return el;
	}

	click(e) {
		const el = e.target.closest(".row");

		if (!el)
			return;
		this.focused = Number(el.dataset.index);
		this.pick();
	}

	pick() {
		const row = this.rows[this.focused];

		if (row)
			this.on.pick(row.frame === this.picked ? -1 : row.frame);
	}

	key(e) {
		const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[e.key];

		if (e.key === "Enter" || e.key === " ") {
			this.pick();
		} else if (step) {
			this.focused = Math.max(0, Math.min(this.rows.length - 1, this.focused + step));
			const top = this.focused * TABLE_ROW, view = this.body;

			if (top < view.scrollTop)
				view.scrollTop = top;
			else if (top + TABLE_ROW > view.scrollTop + view.clientHeight)
				view.scrollTop = top + TABLE_ROW - view.clientHeight;
			this.render();
			this.spacer.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
		} else {
			return;
		}
		e.preventDefault();
		e.stopPropagation();
	}
}

// table.js - the functions with their self and total, or, of two ranges, with what changed.

class FunctionTable extends RowList {
	// `on`: pick(frame), sort(key)
	constructor(host, on) {
		super(host);
		this.on = on;
		this.heads = [...host.querySelectorAll("[data-sort]")];
		this.sort = "self";
		this.descending = true;
		this.picked = -1;
		for (const head of this.heads)
			head.addEventListener("click", () => this.sortBy(head.dataset.sort));
	}

	// `compared`: self and total of the rows are changes of shares. Is shown with the marks.
	setRows(profile, rows, { sum, type, palette, compared }) {
		Object.assign(this, { profile, all: rows, sum, type, palette, compared });
		for (const head of this.heads)
			head.textContent = { self: compared ? "Δ self" : "Self", total: compared ? "Δ total" : "Total" }[
				head.dataset.sort] ?? "Function";
	}

	// Only matching functions; null for all. `picked`: the frame of the row that is chosen, -1 for none. `keep`: the
	// same view, later.
	setMarks(match, picked, keep) {
		Object.assign(this, { match, picked });
		this.apply(keep);
	}

	sortBy(key, descending) {
		this.descending = descending ?? (key === this.sort ? !this.descending : key !== "name");
		this.sort = key;
		this.on.sort(key, this.descending);
		this.apply();
	}

	apply(keep) {
		if (!this.all)
			return;
		const sign = this.descending ? -1 : 1, key = this.sort;
		const byName = (a, b) => compareLabels(this.profile, a.frame, b.frame);
		const rows = this.match ? this.all.filter((r) => this.match[r.frame]) : this.all.slice();

		if (key === "name")
			rows.sort((a, b) => sign * byName(a, b));
		else
			rows.sort((a, b) => sign * (a[key] - b[key]) || b.self - a.self || byName(a, b));
		for (const head of this.heads) {
			const on = head.dataset.sort === key;

			head.setAttribute("aria-sort", on ? this.descending ? "descending" : "ascending" : "none");
		}
		this.most = { self: 0, total: 0 };
		for (const row of this.all) {
			this.most.self = Math.max(this.most.self, Math.abs(row.self));
			this.most.total = Math.max(this.most.total, Math.abs(row.total));
		}
		this.setList(rows, keep);
	}

	cells(row, el) {
		const { frame } = row, c = this.profile.classOf(frame);
		const number = (key) => this.compared
			? this.numberCell(row[key], this.most[key], formatChange(row[key]),
				`${formatShare(row.before[key], 1)} before, ${formatShare(row.before[key] + row[key], 1)} now`)
			: this.numberCell(row[key], this.most[key], formatShare(row[key], this.sum),
				formatWithType(row[key], this.type));

		el.setAttribute("aria-selected", frame === this.picked);
		return [number("self"), number("total"), this.nameCell(this.profile.label(frame),
			c ? this.palette.class(c) : this.palette.swatch(this.profile.kind(frame)), this.profile.object(frame))];
	}

	act(row) {
		this.on.pick(row.frame === this.picked ? -1 : row.frame);
	}
}

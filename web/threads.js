// threads.js - processes and threads with what they took: running, ready, blocked, idle. A row selects its
// process or thread.

class ThreadTable extends RowList {
	// `on`: pick(key), as the picker of tasks has it
	constructor(host, on) {
		super(host);
		this.on = on;
		this.picked = "";
	}

	setTasks(profile, sums, { type, palette, picked, keep }) {
		const groups = new Map();
		const add = (to, from) => CLASS_ORDER.forEach((_, i) => to[i] += from[i]);

		profile.tasks.forEach((task, i) => {
			const sum = sums[i];
			const total = sum.reduce((a, b) => a + b, 0);
			let g = groups.get(task.pid);

			if (!total)
				return;
			if (!g)
				groups.set(task.pid, g = { key: `p${task.pid}`, name: task.process || task.comm || "?", id: task.pid,
					sum: CLASS_ORDER.map(() => 0), total: 0, threads: [] });
			add(g.sum, sum);
			g.total += total;
			g.threads.push({ key: `t${task.tid}`, name: task.comm || "?", id: task.tid, sum, total, thread: true });
		});
		const heavy = (a, b) => b.total - a.total || a.id - b.id;
		const list = [...groups.values()].sort(heavy).flatMap((g) =>
			[g, ...(g.threads.length > 1 ? g.threads.sort(heavy) : [])]);

		Object.assign(this, { type, palette, picked, whole: list.reduce((s, r) => s + (r.thread ? 0 : r.total), 0) });
		this.setList(list, keep);
	}

	cells(row, el) {
		const bar = element("div", undefined, "shares"), words = [];

		CLASS_ORDER.forEach((group, i) => {
			const part = element("i");

			if (!row.sum[i])
				return;
			part.style.width = `${100 * row.sum[i] / row.total}%`;
			part.style.background = this.palette.class({ group, tint: 3 });
			words.push(`${group === "user" ? "running" : group} ${formatShare(row.sum[i], row.total)}`);
			bar.append(part);
		});
		bar.title = words.join(", ");
		bar.setAttribute("role", "cell");
		bar.setAttribute("aria-label", bar.title);
		el.classList.toggle("thread", Boolean(row.thread));
		el.setAttribute("aria-selected", row.key === this.picked);
		return [this.numberCell(row.total, this.whole, formatShare(row.total, this.whole),
			formatWithType(row.total, this.type)), bar,
		this.nameCell(row.name, this.palette.swatch("task"), String(row.id))];
	}

	act(row) {
		this.on.pick(row.key === this.picked ? "" : row.key);
	}
}

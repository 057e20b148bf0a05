// calls.js - the call tree as a table whose rows open: for those who would rather read numbers than compare
// widths. What is open is remembered by names, so it stays open when new data comes.

class CallTable extends RowList {
	// `on`: zoom(node)
	constructor(host, on) {
		super(host);
		this.on = on;
		this.open = new Map(); // path of frame keys -> open or not, where somebody decided
	}

	setTree(profile, tree, { type, palette, match, keep }) {
		Object.assign(this, { profile, tree, type, palette, match });
		this.apply(keep);
	}

	// Opened by itself: the way down while one callee has most of its caller.
	isOpen(node, key, depth) {
		const t = this.tree;

		return this.open.get(key) ?? (depth < 40 && t.total[node] >= t.sum * 0.4);
	}

	apply(keep) {
		const rows = [], t = this.tree;
		const todo = [[0, "", 0]];

		while (todo.length) {
			const [node, path, depth] = todo.pop();
			const key = node ? `${path}.${this.profile.key(t.frame[node])}` : "";
			const row = { node, key, depth, leaf: t.end[node] === node + 1, open: this.isOpen(node, key, depth) };

			rows.push(row);
			if (row.leaf || !row.open)
				continue;
			for (const kid of t.children(node).sort((a, b) => t.total[a] - t.total[b]))
				todo.push([kid, key, depth + 1]);
		}
		this.setList(rows, keep);
	}

	cells(row, el) {
		const { tree: t, profile: p } = this, frame = t.frame[row.node], c = p.classOf(frame);
		const share = (v) => this.numberCell(v, t.sum, formatShare(v, t.sum), formatWithType(v, this.type));
		const name = this.nameCell(row.node ? p.label(frame) : "all", c ? this.palette.class(c)
			: this.palette.swatch(row.node ? p.kind(frame) : "task"), row.node ? p.object(frame) : "");
		const turn = element("b", row.leaf ? "" : row.open ? "▾" : "▸");

		turn.setAttribute("aria-hidden", "true");
		name.prepend(turn);
		name.style.paddingLeft = `${10 + Math.min(row.depth, 60) * 12}px`;
		el.classList.toggle("faded", Boolean(this.match && !this.match[frame]));
		el.setAttribute("aria-level", row.depth + 1);
		if (!row.leaf)
			el.setAttribute("aria-expanded", row.open);
		return [share(t.self[row.node]), share(t.total[row.node]), name];
	}

	act(row) {
		this.toggle(row, !row.open);
	}

	toggle(row, open) {
		this.open.set(row.key, open);
		this.apply(true);
	}

	turn(row, key) {
		if (key === "ArrowRight" && !row.leaf)
			row.open ? this.focus(this.focused + 1) : this.toggle(row, true);
		else if (key === "ArrowLeft" && row.open && !row.leaf)
			this.toggle(row, false);
		else if (key === "ArrowLeft")
			this.focus(this.rows.findLastIndex((r, i) => i < this.focused && r.depth < row.depth));
		else
			return false;
		return true;
	}
}

// heat.js - a heat map: every column a second (or several), from top to bottom the part of it. What repeats
// within the second shows as a line, a burst as a spot. Dragging from one cell to another selects the time
// between them, which may be a few milliseconds.

const HEAT_AXIS = 18, HEAT_COLUMN_LEAST = 3, HEAT_ROW_LEAST = 3;
const HEAT_STEPS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600];

class HeatMap {
	// `on`: range(from, to) in buckets, to exclusive; range(0, Infinity) for all; moment(text)
	constructor(canvas, on) {
		Object.assign(this, { canvas, on, from: 0, to: Infinity, drag: null, cursor: 0, cells: [] });
		this.ctx = canvas.getContext("2d");
		canvas.addEventListener("pointerdown", (e) => this.press(e));
		canvas.addEventListener("pointermove", (e) => this.moved(e));
		canvas.addEventListener("pointerup", () => this.release());
		canvas.addEventListener("dblclick", () => this.on.range(0, Infinity));
		canvas.addEventListener("keydown", (e) => this.key(e));
		new ResizeObserver(() => {
			const { clientWidth, clientHeight } = canvas.parentElement;

			if (clientWidth !== this.width || clientHeight !== this.height)
				this.layout();
		}).observe(canvas.parentElement);
	}

	// Is shown with the range.
	setData(buckets, data, colours) {
		Object.assign(this, { buckets, data, colours });
	}

	setRange(from, to) {
		Object.assign(this, { from, to });
		this.layout();
	}

	get whole() {
		return this.from <= 0 && this.to >= this.buckets.n;
	}

	// Columns are whole seconds, rows whole buckets; both as fine as can be seen.
	layout() {
		const box = this.canvas.parentElement, ratio = devicePixelRatio || 1;

		// A question for the size makes the browser lay out the page: none while nobody sees the map.
		[this.width, this.height] = box.hidden ? [0, 0] : [box.clientWidth, box.clientHeight];
		if (!this.buckets || !this.width || !this.height)
			return;
		this.canvas.width = Math.round(this.width * ratio);
		this.canvas.height = Math.round(this.height * ratio);
		this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
		const { n, width } = this.buckets, first = Math.floor(this.buckets.origin / 1e9);
		const span = (this.buckets.origin + n * width) / 1e9 - first, most = Math.max(1, this.width / HEAT_COLUMN_LEAST);
		const step = HEAT_STEPS.find((s) => span / s <= most) ?? Math.ceil(span / most);
		const per = step * 1e9 / width; // buckets a column

		this.start = Math.floor(first / step) * step * 1e9; // ns, of the first column
		this.column = step * 1e9;
		this.columns = Math.max(1, Math.ceil((this.buckets.origin + n * width - this.start) / this.column));
		this.lines = Math.max(1, Math.min(Math.floor(per), 50, Math.floor((this.height - HEAT_AXIS) / HEAT_ROW_LEAST)));
		this.fill();
		this.paint();
	}

	fill() {
		const { n, width, origin } = this.buckets;

		this.cells = new Float64Array(this.columns * this.lines);
		for (let b = 0; b < n; b++) {
			if (this.data[b])
				this.cells[this.cellOf(origin + (b + 0.5) * width)] += this.data[b];
		}
		this.most = this.cells.reduce((a, b) => Math.max(a, b), 0);
	}

	cellOf(ns) {
		const at = ns - this.start, column = Math.min(this.columns - 1, Math.floor(at / this.column));
		const line = Math.floor((at - column * this.column) / this.column * this.lines);

		return column * this.lines + Math.min(this.lines - 1, line);
	}

	timeOf(cell) {
		return this.start + cell / this.lines * this.column;
	}

	get rowHeight() {
		return (this.height - HEAT_AXIS) / this.lines;
	}

	get columnWidth() {
		return Math.min(80, this.width / this.columns);
	}

	// Which buckets the cells from a to b, both inclusive, stand for.
	bucketsOf(a, b) {
		const { width, origin, n } = this.buckets;
		const from = Math.round((this.timeOf(Math.min(a, b)) - origin) / width);
		const to = Math.round((this.timeOf(Math.max(a, b) + 1) - origin) / width);

		return [Math.max(0, from), Math.min(n, Math.max(to, from + 1))];
	}

	paint() {
		const { ctx, width, height } = this;

		if (!this.buckets || !width || !this.cells.length)
			return;
		const w = this.columnWidth, h = this.rowHeight, dx = w > 4 ? 1 : 0;

		ctx.clearRect(0, 0, width, height);
		for (let i = 0; i < this.cells.length; i++) {
			const v = this.cells[i], x = Math.floor(i / this.lines) * w, y = i % this.lines * h;

			ctx.globalAlpha = v ? 0.12 + 0.88 * Math.sqrt(v / this.most) : 1;
			ctx.fillStyle = v ? this.colours.bar : this.colours.sunken;
			ctx.fillRect(x, y, w - dx, Math.max(1, h - (h > 4 ? 1 : 0)));
		}
		ctx.globalAlpha = 1;
		if (!this.whole)
			this.paintRange(w, h);
		if (document.activeElement === this.canvas)
			this.outline(this.cursor, this.cursor, w, h);
		this.paintAxis(w);
	}

	paintRange(w, h) {
		const { width, origin } = this.buckets, end = Math.min(this.to, this.buckets.n);
		const a = this.cellOf(origin + (this.from + 0.5) * width), b = this.cellOf(origin + (end - 0.5) * width);

		this.ctx.fillStyle = this.colours.accent;
		this.ctx.globalAlpha = 0.25;
		for (let c = Math.floor(a / this.lines); c <= Math.floor(b / this.lines); c++) {
			const top = Math.max(a - c * this.lines, 0), bottom = Math.min(b - c * this.lines + 1, this.lines);

			this.ctx.fillRect(c * w, top * h, w, (bottom - top) * h);
		}
		this.ctx.globalAlpha = 1;
		this.outline(a, a, w, h);
		this.outline(b, b, w, h);
	}

	outline(a, b, w, h) {
		this.ctx.strokeStyle = this.colours.accent;
		this.ctx.lineWidth = 2;
		this.ctx.strokeRect(Math.floor(a / this.lines) * w, a % this.lines * h, Math.max(w, 2), Math.max(h, 2));
	}

	paintAxis(w) {
		const { ctx } = this, floor = this.height - HEAT_AXIS;
		const every = HEAT_STEPS.find((s) => s * 1e9 / this.column * w >= 70) ?? this.column / 1e9;
		const step = Math.max(1, Math.round(every * 1e9 / this.column));

		ctx.font = "11px system-ui, sans-serif";
		ctx.textBaseline = "top";
		ctx.fillStyle = this.colours.text;
		for (let c = 0; c < this.columns; c += step)
			ctx.fillText(formatMoment(this.start + c * this.column, 1e9), c * w, floor + 5);
	}

	cellAt(e) {
		const column = Math.max(0, Math.min(this.columns - 1, Math.floor(e.offsetX / this.columnWidth)));
		const line = Math.max(0, Math.min(this.lines - 1, Math.floor(e.offsetY / this.rowHeight)));

		return column * this.lines + line;
	}

	say(cell) {
		this.canvas.title = `${formatSeconds(this.timeOf(cell))}: ${this.on.value(this.cells[cell] ?? 0)}`;
		this.canvas.setAttribute("aria-valuetext", this.canvas.title);
	}

	press(e) {
		this.canvas.setPointerCapture(e.pointerId);
		this.drag = { at: this.cellAt(e) };
		this.on.range(...this.bucketsOf(this.drag.at, this.drag.at));
	}

	moved(e) {
		const cell = this.cellAt(e);

		this.say(cell);
		if (this.drag)
			this.on.range(...this.bucketsOf(this.drag.at, cell));
	}

	release() {
		this.drag = null;
	}

	// Arrows move a cursor from cell to cell; Enter begins a range there and, with Shift, ends it.
	key(e) {
		const step = { ArrowLeft: -this.lines, ArrowRight: this.lines, ArrowUp: -1, ArrowDown: 1 }[e.key];

		if (step) {
			this.cursor = Math.max(0, Math.min(this.cells.length - 1, this.cursor + step));
			this.say(this.cursor);
			if (e.shiftKey)
				this.on.range(...this.bucketsOf(this.mark ?? this.cursor, this.cursor));
			this.paint();
		} else if (e.key === "Enter") {
			this.mark = this.cursor;
			this.on.range(...this.bucketsOf(this.cursor, this.cursor));
		} else {
			return;
		}
		e.preventDefault();
		e.stopPropagation();
	}
}

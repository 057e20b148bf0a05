// strip.js - value over time; dragging over it selects the range everything else is computed for.

const STRIP_GAP = 1, STRIP_AXIS = 18;

class TimeStrip {
	// `on`: range(from, to) in buckets, to exclusive; range(0, Infinity) for all
	constructor(canvas, on) {
		Object.assign(this, { canvas, on, from: 0, to: Infinity, drag: null, data: [] });
		this.ctx = canvas.getContext("2d");
		canvas.addEventListener("pointerdown", (e) => this.press(e));
		canvas.addEventListener("pointermove", (e) => this.moved(e));
		canvas.addEventListener("pointerup", (e) => this.release(e));
		canvas.addEventListener("dblclick", () => this.on.range(0, Infinity));
		canvas.addEventListener("keydown", (e) => this.key(e));
		new ResizeObserver(() => {
			const { clientWidth, clientHeight } = canvas.parentElement;

			if (clientWidth !== this.width || clientHeight !== this.height)
				this.layout();
		}).observe(canvas.parentElement);
	}

	// `tick`: ns from one sample of a processor to the next, 0 when not known. Is shown with the range.
	setData(buckets, data, tick, colours) {
		Object.assign(this, { buckets, data, tick, colours });
	}

	// `base`: the range that this one is compared with, null for none.
	setRange(from, to, base = null) {
		Object.assign(this, { from, to, base });
		this.canvas.setAttribute("aria-valuetext", this.rangeText());
		this.layout();
	}

	get whole() {
		return this.from <= 0 && this.to >= this.buckets.n;
	}

	rangeText() {
		if (this.whole)
			return "whole time";
		const { width, origin, n } = this.buckets;
		const moment = (b) => formatSeconds(origin + Math.min(b, n) * width);

		return `${moment(this.from)} to ${moment(this.to)}`;
	}

	layout() {
		const box = this.canvas.parentElement, ratio = devicePixelRatio || 1;

		this.width = box.clientWidth;
		this.height = box.clientHeight;
		if (!this.buckets || !this.width)
			return;
		this.canvas.width = Math.round(this.width * ratio);
		this.canvas.height = Math.round(this.height * ratio);
		this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
		this.paint();
	}

	bucketAt(px) {
		return Math.max(0, Math.min(this.buckets.n, px / this.width * this.buckets.n));
	}

	pixelOf(bucket) {
		return Math.min(bucket, this.buckets.n) / this.buckets.n * this.width;
	}

	// Buckets per bar: wide enough to see, and to hold so many ticks of the timer that one more or
	// less does not show as a comb.
	get group() {
		const ticks = Math.min(5 * this.tick / this.buckets.width, this.buckets.n / 20);

		return Math.max(1, Math.ceil(Math.max(ticks, this.buckets.n / (this.width / 4))));
	}

	paint() {
		const { ctx, width, buckets } = this;

		if (!buckets || !width)
			return;
		const floor = this.height - STRIP_AXIS, group = this.group, bars = [];
		let most = 0;

		for (let b = 0; b < buckets.n; b += group) {
			let sum = 0;

			for (let k = b; k < Math.min(b + group, buckets.n); k++)
				sum += this.data[k];
			bars.push(sum);
			most = Math.max(most, sum);
		}
		ctx.clearRect(0, 0, width, this.height);
		bars.forEach((sum, i) => {
			const x = this.pixelOf(i * group), right = this.pixelOf((i + 1) * group);
			const mid = (i + 0.5) * group, inside = mid >= this.from && mid < this.to;
			const h = most ? Math.max(sum ? 1 : 0, (floor - 4) * sum / most) : 0;

			ctx.fillStyle = inside ? this.colours.bar : this.colours.faint;
			ctx.fillRect(x, floor - h, Math.max(right - x - STRIP_GAP, 0.75), h);
		});
		this.paintAxis(floor);
		if (this.base)
			this.paintRange(floor, this.base, this.colours.less, this.colours.lessRange);
		if (!this.whole)
			this.paintRange(floor, [this.from, this.to], this.base ? this.colours.more : this.colours.accent,
				this.colours.range);
	}

	paintAxis(floor) {
		const { ctx, width, buckets } = this, span = buckets.n * buckets.width;
		let step = 10 ** Math.floor(Math.log10(span / Math.max(2, width / 90)));

		step *= [1, 2, 5, 10].find((f) => span / (step * f) <= width / 90) ?? 10;
		ctx.fillStyle = this.colours.line;
		ctx.fillRect(0, floor, width, 1);
		ctx.font = "11px system-ui, sans-serif";
		ctx.textBaseline = "top";
		const { origin } = buckets;

		for (let t = Math.ceil(origin / step - 1e-9) * step; t <= origin + span * (1 + 1e-9); t += step) {
			const x = (t - origin) / span * width, text = formatMoment(t, step);
			const w = ctx.measureText(text).width;

			ctx.fillStyle = this.colours.line;
			ctx.fillRect(Math.min(x, width - 1), floor, 1, 4);
			ctx.fillStyle = this.colours.text;
			ctx.fillText(text, Math.max(0, Math.min(x - w / 2, width - w)), floor + 5);
		}
	}

	paintRange(floor, [from, to], edge, inside) {
		const { ctx } = this, x = this.pixelOf(from), right = this.pixelOf(to);

		ctx.fillStyle = inside;
		ctx.fillRect(x, 0, right - x, floor);
		ctx.fillStyle = edge;
		ctx.fillRect(x, 0, 2, floor + 4);
		ctx.fillRect(right - 2, 0, 2, floor + 4);
	}

	press(e) {
		this.canvas.setPointerCapture(e.pointerId);
		this.drag = { at: this.bucketAt(e.offsetX), px: e.offsetX, before: [this.from, this.to] };
	}

	moved(e) {
		if (!this.drag || Math.abs(e.offsetX - this.drag.px) < 3)
			return;
		const at = this.bucketAt(e.offsetX), a = Math.min(at, this.drag.at), b = Math.max(at, this.drag.at);

		this.drag.moved = true;
		this.from = Math.floor(a);
		this.to = Math.max(Math.ceil(b), this.from + 1);
		this.on.range(this.from, this.to);
	}

	release(e) {
		const drag = this.drag;

		this.drag = null;
		if (drag && !drag.moved && !this.whole) { // a click outside the range drops it
			const at = this.bucketAt(e.offsetX);

			if (at < this.from || at >= this.to)
				this.on.range(0, Infinity);
		}
	}

	// Arrows move the range, with Shift its end; from the whole they start with its first tenth.
	key(e) {
		const dir = { ArrowLeft: -1, ArrowRight: 1 }[e.key], n = this.buckets.n;

		if (!dir)
			return;
		e.preventDefault();
		e.stopPropagation();
		if (this.whole) {
			this.on.range(0, Math.max(1, Math.round(n / 10)));
			return;
		}
		const step = Math.max(1, Math.round(n / 50)), width = this.to - this.from;

		if (e.shiftKey) {
			this.on.range(this.from, Math.max(this.from + 1, Math.min(n, this.to + dir * step)));
		} else {
			const from = Math.max(0, Math.min(n - width, this.from + dir * step));

			this.on.range(from, from + width);
		}
	}
}

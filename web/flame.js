// flame.js - draws a Tree on a canvas: zoom, pan, hit test, keyboard focus.
//
// Only what is in sight is visited: every depth has its boxes from left to right (Tree.levels), the first one in
// the window is found by halving, and of neighbours too narrow for a box of their own one a pixel is looked at and
// drawn for all. So a picture costs what is seen, not what is there. The window is a range of value units, x0..x1;
// zooming is moving that range.

const ROW = 20, PAD = 5, BOX_PX = 1.5, NARROW_PX = 24, CLICK_SLACK = 4, ZOOM_MS = 170, SLIVER_ALPHA = 153, FADED_ALPHA = 31;
const FRAME_FONT = "12px monospace";

class FlameView {
	// `on`: hover(node, event), zoom(node), focus(node)
	constructor(scroller, canvas, spacer, on) {
		Object.assign(this, { scroller, canvas, spacer, on });
		this.ctx = canvas.getContext("2d");
		this.slivers = new Slivers();
		this.rootBelow = true;
		this.hovered = this.focused = -1;
		this.zoomed = 0;
		this.x0 = 0;
		this.x1 = 1;
		this.match = null;
		this.scheduled = false;
		this.drawMs = 0;
		this.listen();
		new ResizeObserver(() => {
			if (!this.fits())
				this.layout();
		}).observe(scroller);
	}

	// `steps`: per node how it changed (changeStep()), null where nothing is compared. `keep`: the same picture,
	// later: what was panned, pointed at and focused stays, where it is still there.
	setTree(profile, tree, palette, { zoomed = 0, steps = null, keep = false } = {}) {
		const old = keep && this.tree ? this.standing() : null;

		if (this.profile !== profile || this.palette !== palette) {
			this.colours = palette.frames(profile);
			this.inks = this.slivers.inks(palette.swatches(profile));
			this.boxInks = this.slivers.inks(this.colours);
		}
		Object.assign(this, { profile, tree, palette, zoomed, steps });
		this.changes = steps && Array.from({ length: 2 * DIFF_STEPS + 1 }, (_, i) => palette.change(i - DIFF_STEPS));
		this.changeInks = steps && this.slivers.inks(this.changes);
		this.hovered = this.focused = -1;
		[this.x0, this.x1] = this.rangeOf(zoomed);
		if (old)
			this.stand(old);
		this.layout();
	}

	// Where we are, in words that hold for another tree.
	standing() {
		const keys = (node) => (node < 0 ? null : this.tree.path(node).map((f) => this.profile.key(f)));
		const [a, b] = this.rangeOf(this.zoomed);

		return { focused: keys(this.focused), hovered: keys(this.hovered),
			window: [(this.x0 - a) / (b - a), (this.x1 - a) / (b - a)] };
	}

	stand({ focused, hovered, window: [left, right] }) {
		const node = (keys) => (keys ? this.tree.find(keys.map((k) => this.profile.frameOf(k)), true) : -1);
		const [a, b] = this.rangeOf(this.zoomed);

		this.focused = node(focused);
		this.hovered = node(hovered);
		if (!this.animating)
			[this.x0, this.x1] = [a + left * (b - a), a + right * (b - a)];
	}

	colourOf(node) {
		return this.steps ? this.changes[this.steps[node] + DIFF_STEPS] : this.colours[this.tree.frame[node]];
	}

	// As a pixel; of a sliver, which stands for many, without the tint of its name.
	inkOf(node, inks) {
		return this.steps ? this.changeInks[this.steps[node] + DIFF_STEPS] : inks[this.tree.frame[node]];
	}

	// A Uint8Array by frame; frames that are not in it fade. null: none fades.
	setMatch(match) {
		if (match || this.match)
			this.draw();
		this.match = match;
	}

	setRootBelow(below) {
		this.rootBelow = below;
		this.layout();
		this.scrollToRoot();
	}

	rangeOf(node) {
		const t = this.tree;

		return [t.x[node], t.x[node] + (t.total[node] || 1)];
	}

	// Has the canvas the size of its place?
	fits() {
		return this.width === this.scroller.clientWidth && this.height === this.scroller.clientHeight &&
			this.ratio === (devicePixelRatio || 1);
	}

	resize(w, h) {
		const ratio = devicePixelRatio || 1;

		Object.assign(this, { width: w, height: h, ratio });
		this.canvas.width = Math.round(w * ratio);
		this.canvas.height = Math.round(h * ratio);
		this.canvas.style.width = `${w}px`;
		this.canvas.style.height = `${h}px`;
		this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
		this.ctx.font = FRAME_FONT;
		this.charWidth = this.ctx.measureText("0".repeat(50)).width / 50;
	}

	layout() {
		const { clientWidth: w, clientHeight: h } = this.scroller;

		if (!this.tree || !w || !h)
			return;
		const atRoot = this.rootBelow && this.scroller.scrollTop + h >= this.fullHeight - 2;
		const first = !this.fullHeight;

		if (!this.fits()) // takes a new canvas, which is not cheap
			this.resize(w, h);

		this.fullHeight = Math.max(h, (this.tree.maxDepth + 1) * ROW + 6);
		this.spacer.style.height = `${this.fullHeight - h}px`;
		if (this.rootBelow && (first || atRoot))
			this.scrollToRoot();
		this.paint(); // at once: a canvas that was resized is empty until it is painted
	}

	scrollToRoot() {
		this.scroller.scrollTop = this.rootBelow ? this.fullHeight : 0;
	}

	rowY(depth) {
		const y = this.rootBelow ? this.fullHeight - (depth + 1) * ROW : depth * ROW;

		return y - this.scroller.scrollTop;
	}

	draw() {
		if (this.scheduled)
			return;
		this.scheduled = true;
		requestAnimationFrame(() => {
			const start = performance.now();

			this.scheduled = false;
			this.paint();
			this.drawMs = performance.now() - start;
		});
	}

	paint() {
		const { ctx, tree, width, height } = this;

		if (!tree || !width)
			return;
		const scale = width / (this.x1 - this.x0);

		ctx.clearRect(0, 0, width, height);
		ctx.textBaseline = "middle";
		ctx.font = FRAME_FONT;
		this.boxes = 0;
		const top = this.rowY(0), rows = this.rootBelow ? [top - height, top + ROW] : [-ROW - top, height - top];
		const from = Math.max(0, Math.floor(rows[0] / ROW)), to = Math.min(tree.maxDepth, Math.ceil(rows[1] / ROW));

		this.slivers.begin(this.canvas.width, Math.max(1, to - from + 1), this.ratio);
		for (let depth = from; depth <= to; depth++)
			this.paintLevel(depth, scale, depth - from);
		this.slivers.draw(ctx, (line) => this.rowY(from + line), ROW - 1);
		this.paintOutline(this.focused, scale, 2);
		this.paintOutline(this.hovered, scale, 1);
	}

	// The first of nodes order[from..to - 1] whose box starts at or right of x; far jumps cost little.
	seek(from, to, x) {
		const { edges } = this.tree;
		let step = 1, low = from, high = from;

		while (high < to && edges[high] < x) {
			low = high + 1;
			high += step;
			step *= 2;
		}
		for (high = Math.min(high, to); low < high;) {
			const mid = (low + high) >> 1;

			if (edges[mid] < x)
				low = mid + 1;
			else
				high = mid;
		}
		return low;
	}

	// `line`: of its slivers
	paintLevel(depth, scale, line) {
		const { tree, x0, x1 } = this, { edges, total } = tree, { order, start } = tree.levels, y = this.rowY(depth);
		const last = start[depth + 1], wide = (k) => total[order[k]] * scale >= BOX_PX;
		let k = this.seek(start[depth], last, x0);

		if (k > start[depth] && edges[k - 1] + total[order[k - 1]] > x0)
			k--;
		while (k < last && edges[k] < x1) {
			const node = order[k];

			if (wide(k)) {
				this.paintBox(node, (edges[k] - x0) * scale, y, total[node] * scale, line);
				k++;
				continue;
			}
			// All that begin within the next pixel; only the last of them can be wide.
			let next = Math.max(k + 1, this.seek(k + 1, last, edges[k] + 1 / scale));

			if (next - 1 > k && wide(next - 1))
				next--;
			const end = order[next - 1], shown = this.match ? this.matching(k, next) : node;

			this.paintSliver(shown, (edges[k] - x0) * scale, (edges[next - 1] + total[end] - x0) * scale, line);
			k = next;
		}
	}

	// One that matches, of order[from..to - 1], if one of the first few does.
	matching(from, to) {
		const { order } = this.tree.levels;

		for (let k = from; k < Math.min(to, from + 64); k++) {
			if (this.match[this.tree.frame[order[k]]])
				return order[k];
		}
		return order[from];
	}

	// Thousands of neighbours too narrow for a box still leave a trace, as wide as they are together.
	paintSliver(i, x, right, line) {
		const frame = this.tree.frame[i], faded = this.match && !this.match[frame];

		if (this.tree.total[i])
			this.slivers.add(line, x, right, this.inkOf(i, this.inks), faded ? FADED_ALPHA : SLIVER_ALPHA);
	}

	paintBox(i, x, y, w, line) {
		const { ctx, tree } = this, frame = tree.frame[i];
		const left = Math.max(x, 0), right = Math.min(x + w, this.width), seen = right - left;
		const around = i < this.zoomed && tree.end[i] > this.zoomed;
		const alpha = this.match && !this.match[frame] ? 0.22 : around ? 0.55 : 1;

		this.boxes++;
		if (seen <= NARROW_PX) {
			this.slivers.addBox(line, left, left + (seen > 2 ? seen - 0.5 : seen), this.inkOf(i, this.boxInks), alpha * 255);
			return;
		}
		ctx.globalAlpha = alpha;
		ctx.fillStyle = this.colourOf(i);
		ctx.beginPath();
		ctx.roundRect(left, y, seen - 1, ROW - 1, 2);
		ctx.fill();
		const room = Math.floor((seen - 2 * PAD) / this.charWidth);

		if (room < 3)
			return;
		let text = i ? this.profile.label(frame) : this.rootLabel ?? "all";

		if (text.length > room)
			text = `${text.slice(0, room - 1)}…`;
		ctx.fillStyle = this.palette.text;
		if (this.match && !this.match[frame]) {
			ctx.globalAlpha = 0.5;
			ctx.fillStyle = this.palette.dark ? "#d9d4ca" : "#3a352b";
		}
		ctx.fillText(text, left + PAD, y + ROW / 2);
	}

	paintOutline(i, scale, width) {
		if (i < 0 || i >= this.tree.n)
			return;
		const { ctx, tree } = this;
		const x = Math.max((tree.x[i] - this.x0) * scale, 0);
		const right = Math.min((tree.x[i] + tree.total[i] - this.x0) * scale, this.width);

		if (right <= x)
			return;
		ctx.lineWidth = width;
		ctx.strokeStyle = this.palette.dark ? "#ffffff" : "#1b1712";
		ctx.strokeRect(x + width / 2, this.rowY(tree.depth[i]) + width / 2,
			Math.max(right - x - 1 - width, 1), ROW - 1 - width);
	}

	// The box at a point of the canvas, -1 for none. The last node that starts left of the point is the
	// wanted one, below it, or beside it under a common caller.
	nodeAt(px, py) {
		const { tree } = this, at = this.x0 + px / this.width * (this.x1 - this.x0);
		const y = py + this.scroller.scrollTop;
		const depth = Math.floor((this.rootBelow ? this.fullHeight - y : y) / ROW);
		let low = 0, high = tree.n;

		while (high - low > 1) {
			const mid = (low + high) >> 1;

			if (tree.x[mid] <= at)
				low = mid;
			else
				high = mid;
		}
		while (low && (tree.x[low] + tree.total[low] <= at || tree.depth[low] > depth))
			low = tree.parent[low];
		return depth >= 0 && tree.depth[low] === depth && tree.x[low] + tree.total[low] > at ? low : -1;
	}

	// Where a node's box is on the canvas, for tests and for placing hints.
	boxOf(i) {
		const scale = this.width / (this.x1 - this.x0);

		return {
			x: (this.tree.x[i] - this.x0) * scale, y: this.rowY(this.tree.depth[i]),
			width: this.tree.total[i] * scale, height: ROW - 1,
		};
	}

	zoom(node, animate = true) {
		this.zoomed = node;
		this.moveTo(...this.rangeOf(node), animate);
	}

	moveTo(x0, x1, animate) {
		const from = [this.x0, this.x1], start = performance.now();
		const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

		cancelAnimationFrame(this.animation);
		this.animating = false;
		if (!animate || still) {
			[this.x0, this.x1] = [x0, x1];
			this.draw();
			return;
		}
		const step = () => {
			const t = Math.min(1, (performance.now() - start) / ZOOM_MS), ease = 1 - (1 - t) ** 3;

			this.x0 = from[0] + (x0 - from[0]) * ease;
			this.x1 = from[1] + (x1 - from[1]) * ease;
			this.animating = t < 1;
			if (t >= 1)
				[this.x0, this.x1] = [x0, x1];
			else
				this.animation = requestAnimationFrame(step);
			this.paint();
		};

		step();
	}

	// Moves the window, never beyond the whole and never closer than a thousandth of a unit.
	window(x0, x1) {
		const all = this.tree.sum || 1, width = Math.min(all, Math.max(x1 - x0, all * 1e-9, 1e-3));

		this.x0 = Math.max(0, Math.min(x0, all - width));
		this.x1 = this.x0 + width;
		this.draw();
	}

	listen() {
		const c = this.canvas;
		let press = null;

		c.addEventListener("pointerdown", (e) => {
			press = { x: e.clientX, y: e.clientY, x0: this.x0, x1: this.x1, top: this.scroller.scrollTop };
			press.moved = false;
			c.setPointerCapture(e.pointerId);
		});
		c.addEventListener("pointermove", (e) => {
			if (press && e.buttons & 1)
				this.drag(press, e);
			else
				this.hover(e);
		});
		c.addEventListener("pointerup", (e) => {
			if (press && !press.moved && e.button === 0)
				this.click(e);
			press = null;
			c.classList.remove("dragging");
		});
		c.addEventListener("pointerleave", () => this.setHover(-1));
		c.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
		this.scroller.addEventListener("scroll", () => this.draw());
	}

	hover(e) {
		this.setHover(this.tree ? this.nodeAt(e.offsetX, e.offsetY) : -1, e);
	}

	setHover(node, event) {
		if (node !== this.hovered)
			this.draw();
		this.hovered = node;
		this.on.hover(node, event);
	}

	drag(press, e) {
		const dx = e.clientX - press.x, dy = e.clientY - press.y;

		if (!press.moved && Math.hypot(dx, dy) < CLICK_SLACK)
			return;
		press.moved = true;
		this.canvas.classList.add("dragging");
		this.setHover(-1);
		const shift = -dx / this.width * (press.x1 - press.x0);

		this.window(press.x0 + shift, press.x1 + shift);
		this.scroller.scrollTop = press.top - dy;
	}

	click(e) {
		const node = this.nodeAt(e.offsetX, e.offsetY);

		if (node >= 0) {
			this.focused = node;
			this.on.zoom(node);
		}
	}

	wheel(e) {
		const span = this.x1 - this.x0;

		if (e.ctrlKey || e.metaKey) {
			const at = this.x0 + e.offsetX / this.width * span, f = Math.exp(e.deltaY * 0.004);

			this.window(at - (at - this.x0) * f, at + (this.x1 - at) * f);
		} else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
			const shift = (e.deltaX || e.deltaY) / this.width * span;

			this.window(this.x0 + shift, this.x1 + shift);
		} else {
			return;
		}
		e.preventDefault();
	}

	// Arrow keys: to the caller, to the widest callee, to a neighbour. Returns whether it was one.
	move(key) {
		const { tree } = this, up = this.rootBelow ? "ArrowUp" : "ArrowDown";
		const now = this.focused < 0 ? this.zoomed : this.focused;
		let next = now;

		if (!key.startsWith("Arrow"))
			return false;
		if (this.focused < 0)
			next = now;
		else if (key === "ArrowLeft" || key === "ArrowRight")
			next = this.neighbour(now, key === "ArrowRight" ? 1 : -1);
		else if (key === up)
			next = tree.children(now).reduce((a, b) => (a < 0 || tree.total[b] > tree.total[a] ? b : a), -1);
		else if (now)
			next = tree.parent[now];
		this.focus(next < 0 ? now : next);
		return true;
	}

	neighbour(node, step) {
		if (!node)
			return 0;
		const kids = this.tree.children(this.tree.parent[node]);

		return kids[kids.indexOf(node) + step] ?? node;
	}

	focus(node) {
		const y = this.rowY(this.tree.depth[node]);

		this.focused = node;
		if (y < 0)
			this.scroller.scrollTop += y - ROW;
		else if (y + ROW > this.height)
			this.scroller.scrollTop += y + 2 * ROW - this.height;
		this.on.focus(node);
		this.draw();
	}
}

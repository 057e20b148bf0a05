// flame.js - draws a Tree on a canvas: zoom, pan, hit test, keyboard focus.
//
// Only boxes at least half a pixel wide and inside the window are visited: subtrees that are too
// narrow or out of sight are skipped whole (Tree.end), so a frame costs what is seen, not what is
// there. Neighbours too narrow for a box of their own are drawn as one. The window is a range of value
// units, x0..x1; zooming is moving that range.

const ROW = 20, PAD = 5, LEAST_PX = 0.5, BOX_PX = 1.5, CLICK_SLACK = 4, ZOOM_MS = 170;
const FRAME_FONT = "12px ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";

class FlameView {
	// `on`: hover(node, event), zoom(node), focus(node)
	constructor(scroller, canvas, spacer, on) {
		Object.assign(this, { scroller, canvas, spacer, on });
		this.ctx = canvas.getContext("2d");
		this.rootBelow = true;
		this.hovered = this.focused = -1;
		this.zoomed = 0;
		this.x0 = 0;
		this.x1 = 1;
		this.match = null;
		this.scheduled = false;
		this.drawMs = 0;
		this.listen();
		new ResizeObserver(() => this.layout()).observe(scroller);
	}

	setTree(profile, tree, palette, zoomed = 0) {
		Object.assign(this, { profile, tree, palette, zoomed });
		this.colours = palette.frames(profile);
		this.swatches = palette.swatches(profile);
		this.hovered = this.focused = -1;
		[this.x0, this.x1] = this.rangeOf(zoomed);
		this.layout();
	}

	// A Uint8Array by frame; frames that are not in it fade. null: none fades.
	setMatch(match) {
		this.match = match;
		this.draw();
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

	layout() {
		const { clientWidth: w, clientHeight: h } = this.scroller, ratio = devicePixelRatio || 1;

		if (!this.tree || !w || !h)
			return;
		this.width = w;
		this.height = h;
		this.canvas.width = Math.round(w * ratio);
		this.canvas.height = Math.round(h * ratio);
		this.canvas.style.width = `${w}px`;
		this.canvas.style.height = `${h}px`;
		this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
		this.ctx.font = FRAME_FONT;
		this.charWidth = this.ctx.measureText("0".repeat(50)).width / 50;
		const atRoot = this.rootBelow && this.scroller.scrollTop + h >= this.fullHeight - 2;

		const first = !this.fullHeight;

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
		this.runs = new Map();
		for (let i = 0; i < tree.n;) {
			const x = tree.x[i], w = tree.total[i] * scale;

			if (x >= this.x1)
				break;
			const y = this.rowY(tree.depth[i]);

			if (x + tree.total[i] <= this.x0 || w < LEAST_PX) {
				if (x >= this.x0)
					this.paintSliver(i, (x - this.x0) * scale, y, LEAST_PX);
				i = tree.end[i];
				continue;
			}

			if (this.rootBelow ? y + ROW < 0 : y > height) {
				i = tree.end[i];
				continue;
			}
			if (w < BOX_PX)
				this.paintSliver(i, (x - this.x0) * scale, y, w);
			else if (y + ROW >= 0 && y <= height)
				this.paintBox(i, (x - this.x0) * scale, y, w);
			i++;
		}
		for (const [depth, run] of this.runs)
			this.paintRun(run, this.rowY(depth));
		ctx.globalAlpha = 1;
		this.paintOutline(this.focused, scale, 2);
		this.paintOutline(this.hovered, scale, 1);
	}

	// Thousands of neighbours too narrow for a box still leave a trace: one run per stretch of the same
	// colour, as wide as they are together.
	paintSliver(i, x, y, w) {
		if (y + ROW < 0 || y > this.height)
			return;
		const depth = this.tree.depth[i], frame = this.tree.frame[i];
		const colour = this.swatches[frame], faded = Boolean(this.match && !this.match[frame]);
		const run = this.runs.get(depth);

		if (run && x - run.to <= 1 && run.colour === colour && run.faded === faded) {
			run.to = x + w;
			return;
		}
		if (run)
			this.paintRun(run, y);
		this.runs.set(depth, { from: x, to: x + w, colour, faded });
	}

	paintRun({ from, to, colour, faded }, y) {
		this.ctx.globalAlpha = faded ? 0.12 : 0.6;
		this.ctx.fillStyle = colour;
		this.ctx.fillRect(from, y, Math.max(to - from, 1), ROW - 1);
	}

	paintBox(i, x, y, w) {
		const { ctx, tree } = this, frame = tree.frame[i];
		const left = Math.max(x, 0), right = Math.min(x + w, this.width), seen = right - left;
		const around = i < this.zoomed && tree.end[i] > this.zoomed;

		this.boxes++;
		ctx.globalAlpha = this.match && !this.match[frame] ? 0.22 : around ? 0.55 : 1;
		ctx.fillStyle = this.colours[frame];
		if (seen > 24) { // rounding costs ten times a plain rectangle
			ctx.beginPath();
			ctx.roundRect(left, y, seen - 1, ROW - 1, 2);
			ctx.fill();
		} else {
			ctx.fillRect(left, y, seen > 2 ? seen - 0.5 : seen, ROW - 1);
		}
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
		if (!animate || still) {
			[this.x0, this.x1] = [x0, x1];
			this.draw();
			return;
		}
		const step = () => {
			const t = Math.min(1, (performance.now() - start) / ZOOM_MS), ease = 1 - (1 - t) ** 3;

			this.x0 = from[0] + (x0 - from[0]) * ease;
			this.x1 = from[1] + (x1 - from[1]) * ease;
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

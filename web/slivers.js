// slivers.js - narrow boxes and what is too narrow for one, ten thousand of them in a picture: instead of a rectangle
// drawn for each, pixels are set in a small picture that has a line for every level. The lines are then stretched to
// rows, all below what else is drawn. A frame then costs nearly the same however many colours lie side by side.

class Slivers {
	constructor() {
		this.canvas = document.createElement("canvas");
		this.ctx = this.canvas.getContext("2d", { willReadFrequently: true }); // its pixels come from here, not from drawing
	}

	// Begins a picture: `width` in pixels of the screen, `ratio` of them for each of the page.
	begin(width, lines, ratio) {
		Object.assign(this, { width, lines, ratio, used: new Uint8Array(lines) });
		if (this.canvas.width !== width || this.canvas.height < lines) {
			this.canvas.width = width;
			this.canvas.height = lines;
			this.image = this.ctx.createImageData(width, lines);
			this.pixels = new Uint32Array(this.image.data.buffer);
		} else {
			this.pixels.fill(0);
		}
	}

	// Colours of CSS as pixels without their alpha; the browser itself takes them apart.
	inks(colours) {
		const known = new Map();

		return Uint32Array.from(colours, (colour) => {
			if (!known.has(colour)) {
				this.ctx.fillStyle = colour;
				const rgb = parseInt(this.ctx.fillStyle.slice(1), 16);

				known.set(colour, (rgb & 255) << 16 | (rgb & 0xff00) | rgb >> 16);
			}
			return known.get(colour);
		});
	}

	// From x to `right`, in pixels of the page; never less than one pixel. `alpha`: 0..255.
	add(line, x, right, ink, alpha) {
		const { width, ratio, pixels } = this, from = Math.max(0, Math.floor(x * ratio));
		const to = Math.min(width, Math.max(from + 1, Math.ceil(right * ratio)));

		this.used[line] = 1;
		for (let i = from; i < to; i++)
			pixels[line * width + i] = ink | alpha << 24;
	}

	// The same with soft edges: a pixel that is covered in part shows in part.
	addBox(line, x, right, ink, alpha) {
		const { width, ratio, pixels } = this, left = x * ratio, end = Math.min(width, right * ratio);

		this.used[line] = 1;
		for (let i = Math.floor(left); i < end; i++)
			pixels[line * width + i] = ink | alpha * (Math.min(i + 1, end) - Math.max(i, left)) << 24;
	}

	// `y` of a line, `height` of all.
	draw(ctx, y, height) {
		if (!this.used.includes(1))
			return;
		this.ctx.putImageData(this.image, 0, 0);
		ctx.globalAlpha = 1;
		ctx.globalCompositeOperation = "destination-over";
		ctx.imageSmoothingEnabled = false;
		for (let line = 0; line < this.lines; line++) {
			if (this.used[line])
				ctx.drawImage(this.canvas, 0, line, this.width, 1, 0, y(line), this.width / this.ratio, height);
		}
		ctx.globalCompositeOperation = "source-over";
	}
}

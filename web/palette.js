// palette.js - one hue per kind of frame, in eight close tints picked by the name, so that neighbours
// can be told apart and a function looks the same in every picture; classes of waiting by their group,
// each with a tint of its own. The same hues and the same hash are in src/format/palette.c.

const HUES = {
	//         hue  sat  light (in a light page), steps of hue and light where they are not the usual
	user: [41, 88, 64],
	kernel: [13, 74, 67],
	jit: [104, 40, 62],
	inlined: [186, 45, 66],
	offcpu: [282, 40, 78],
	cut: [30, 5, 68],
	task: [36, 16, 82],
	blocked: [218, 62, 74, 15, 2.2],
	idle: [220, 9, 76, 30, 4],
	ready: [27, 92, 63, 5, 4],
};
const TINTS = 8;

// 32-bit FNV-1a over UTF-16 units is not what C sees; hash the UTF-8 bytes. Nearly all names are ASCII, where they
// are the same.
const UTF8 = new TextEncoder();

function nameHash(name) {
	let h = 0x811c9dc5, i = 0;

	for (let unit; i < name.length && (unit = name.charCodeAt(i)) < 128; i++)
		h = Math.imul(h ^ unit, 0x01000193);
	if (i < name.length) {
		for (const byte of UTF8.encode(name.slice(i)))
			h = Math.imul(h ^ byte, 0x01000193);
	}
	h ^= h >>> 15;
	return h >>> 0;
}

function tintOf([hue, sat, light, hueStep = 3.2, lightStep = 2.2], tint, dark) {
	const h = hue + (tint % 4 - 1.5) * hueStep, l = light + (tint >> 1) * lightStep - 3.3 - (dark ? 7 : 0);

	return `hsl(${h.toFixed(1)} ${dark ? sat * 0.8 : sat}% ${l.toFixed(1)}%)`;
}

class Palette {
	constructor(dark) {
		this.dark = dark;
		this.text = "#1f1a12";
		this.tints = {};
		for (const kind of KINDS)
			this.tints[kind] = Array.from({ length: TINTS }, (_, t) => tintOf(HUES[kind], t, dark));
	}

	// One colour string per frame.
	frames(profile) {
		const out = new Array(profile.frames.n);

		for (let f = 0; f < out.length; f++) {
			const c = profile.classOf(f);

			out[f] = c ? this.class(c) : this.tints[profile.kind(f)][nameHash(profile.label(f)) % TINTS];
		}
		if (out.length)
			out[0] = this.tints.task[2];
		return out;
	}

	// The same without the tints of names: what stands for many frames at once.
	swatches(profile) {
		return Array.from({ length: profile.frames.n }, (_, f) => {
			const c = profile.classOf(f);

			return c ? this.class(c) : this.swatch(profile.kind(f));
		});
	}

	swatch(kind) {
		return this.tints[kind][3];
	}

	// Of a changeStep(): red for more, blue for less, the paler the smaller; grey for the same.
	change(step) {
		const much = Math.abs(step) / DIFF_STEPS, light = (this.dark ? 62 : 86) - much * (this.dark ? 12 : 24);

		return step ? `hsl(${step > 0 ? 8 : 214} ${(30 + much * 50).toFixed(0)}% ${light.toFixed(0)}%)`
			: `hsl(40 6% ${this.dark ? 58 : 87}%)`;
	}

	class({ group, tint }) {
		return group === "user" ? this.swatch("user") : tintOf(HUES[group], tint, this.dark);
	}
}

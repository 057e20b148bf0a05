// palette.js - one hue per kind of frame, in eight close tints picked by the name, so that neighbours
// can be told apart and a function looks the same in every picture. The same hues and the same hash
// are in src/format/svg.c.

const HUES = {
	//         hue  sat  light (in a light page)
	user: [41, 88, 64],
	kernel: [13, 74, 67],
	jit: [104, 40, 62],
	inlined: [186, 45, 66],
	offcpu: [231, 52, 76],
	cut: [30, 5, 68],
	task: [36, 16, 82],
};
const TINTS = 8;

// 32-bit FNV-1a over UTF-16 units is not what C sees; hash the UTF-8 bytes.
const UTF8 = new TextEncoder();

function nameHash(name) {
	let h = 0x811c9dc5;

	for (const byte of UTF8.encode(name))
		h = Math.imul(h ^ byte, 0x01000193);
	h ^= h >>> 15;
	return h >>> 0;
}

function tintOf([hue, sat, light], tint, dark) {
	const h = hue + (tint % 4 - 1.5) * 3.2, l = light + (tint >> 1) * 2.2 - 3.3 - (dark ? 7 : 0);

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

		for (let f = 0; f < out.length; f++)
			out[f] = this.tints[profile.kind(f)][nameHash(profile.label(f)) % TINTS];
		if (out.length)
			out[0] = this.tints.task[2];
		return out;
	}

	swatch(kind) {
		return this.tints[kind][3];
	}
}

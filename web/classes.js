// classes.js - what the time of a profile of waits went to, as a legend whose entries switch: a class that is
// off is left out of everything the page computes. Running, ready, blocked, idle: from hot to cold.

const CLASS_ORDER = ["user", "ready", "blocked", "idle"];

class ClassLegend {
	// `on`: set(off) with the keys of the classes that are switched off, as the address keeps them
	constructor(host, profile, on) {
		Object.assign(this, { host, on, off: [], classes: [], buttons: new Map() });
		this.setProfile(profile);
	}

	// A later profile of the same capture may have met more classes; true when buttons were made.
	setProfile(profile) {
		this.profile = profile;
		const met = new Set(profile.rows.class ?? []);
		const place = (c) => CLASS_ORDER.indexOf(c.group) * profile.classes.length + c.index;

		const classes = profile.classes.filter((c) => met.has(c.index)).sort((a, b) => place(a) - place(b));

		if (String(classes.map((c) => c.key)) === String(this.classes.map((c) => c.key))) {
			this.classes = classes;
			return false;
		}
		this.classes = classes;
		this.buttons = new Map();
		this.host.replaceChildren(...classes.map((c) => this.button(c)));
		this.host.hidden = classes.length === 0;
		return true;
	}

	button(c) {
		const button = element("button");

		button.type = "button";
		button.dataset.class = c.key;
		button.title = `${c.text[0].toUpperCase()}${c.text.slice(1)}. Shift + click: only this`;
		button.append(element("i"), c.key, element("em"));
		button.addEventListener("click", (e) => this.toggle(c.key, e.shiftKey));
		this.buttons.set(c.key, button);
		return button;
	}

	toggle(key, alone) {
		const others = this.classes.map((c) => c.key).filter((k) => k !== key);
		const isAlone = others.every((k) => this.off.includes(k)) && !this.off.includes(key);
		let off = this.off.includes(key) ? this.off.filter((k) => k !== key) : [...this.off, key];

		if (alone)
			off = isAlone ? [] : others;
		this.on.set(off.join("."));
	}

	// Which classes the selection has, as a Uint8Array by class with one more for none; null for all.
	chosen(text) {
		const known = this.classes.map((c) => c.key), given = text.split(".");

		this.off = known.filter((k) => given.includes(k));
		for (const [key, button] of this.buttons)
			button.setAttribute("aria-pressed", !this.off.includes(key));
		if (!this.off.length)
			return null;
		return Uint8Array.from({ length: this.profile.classes.length + 1 }, (_, i) =>
			!this.off.includes(this.profile.classes[i]?.key));
	}

	// `sums` by class, also of those switched off: the legend says what there is.
	setSums(sums, type) {
		const whole = sums.reduce((a, b) => a + b, 0);

		for (const c of this.classes) {
			const button = this.buttons.get(c.key);

			button.querySelector("em").textContent = formatShare(sums[c.index], whole);
			button.setAttribute("aria-label",
				`${c.key}, ${formatWithType(sums[c.index], type)}, ${formatShare(sums[c.index], whole)}`);
		}
	}

	setPalette(palette) {
		for (const c of this.classes)
			this.buttons.get(c.key).style.setProperty("--swatch", palette.class(c));
	}
}

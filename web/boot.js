// boot.js - where the page's data comes from: inside it, or a server that captures or has recordings.

// The part of the capture that is shown: the last so much, going on; or, frozen, a fixed window (state.at).
class LivePage {
	constructor(remote) {
		Object.assign(this, { remote, app: null, loaded: null, byRange: false });
		this.box = document.getElementById("live");
		this.text = document.getElementById("live-text");
	}

	async start() {
		if (!this.remote.live)
			return this.startRecordings();
		this.feed = new LiveFeed(this.remote, {
			params: () => this.wanted(),
			show: (profile) => this.show(profile),
			state: () => this.showState(),
			failed: (error) => this.app?.complain(error),
		});
		const given = new URLSearchParams(location.hash.slice(1));

		this.box.hidden = false;
		await this.begin(await this.remote.profile(this.windowOf({ win: given.get("win") ?? DEFAULTS.win, at: given.get("at") ?? "" })));
		document.getElementById("live-state").addEventListener("click", () => this.toggle());
		document.getElementById("live-window").addEventListener("change", (e) =>
			this.app.setState({ win: e.target.value, at: "", range: "", base: "" }));
	}

	async startRecordings() {
		const list = await (await this.remote.get("/api/recordings")).json(), select = document.getElementById("recording");
		const rec = new URLSearchParams(location.hash.slice(1)).get("rec") ?? "0";

		select.replaceChildren(...list.map((r) => new Option(r.name, r.recording)));
		select.hidden = list.length < 2;
		select.value = rec;
		select.addEventListener("change", () => this.app.setState({ ...DEFAULTS, view: this.app.state.view,
			table: this.app.state.table, rec: select.value }));
		this.loaded = rec;
		await this.begin(await this.remote.profile({ recording: rec }));
	}

	async begin(profile) {
		this.app = globalThis.waggle = new App(profile, this);
		// A range that came with the address goes on when it is dropped, as one that was chosen here.
		this.byRange = Boolean(this.app.state.at && (this.app.state.range || this.app.state.base));
		await this.app.finish();
		this.showState();
	}

	windowOf({ win, at }) {
		const m = /^([\d.]+)-([\d.]+)$/.exec(at);

		if (m)
			return { from: `${m[1]}ms`, to: `${m[2]}ms` };
		return /^\d+$/.test(win) ? { last: win } : {};
	}

	// What a request has to say about time, or which recording it is.
	window() {
		return this.remote.live ? this.windowOf(this.app.state) : { recording: this.app.state.rec };
	}

	// What to ask for next; null when nothing new is wanted.
	wanted() {
		const at = this.app?.state.at;

		return !this.app || (at && at === this.loaded) ? null : this.windowOf(this.app.state);
	}

	show(profile) {
		this.loaded = this.app.state.at || null;
		this.app.setProfile(profile);
		this.showState();
	}

	// State was changed by somebody: a range is looked at in peace, and dropping it goes on.
	changed(keys) {
		if (!this.app)
			return;
		if (!this.remote.live) {
			if (keys.includes("rec") && this.app.state.rec !== this.loaded)
				this.loadRecording(this.app.state.rec);
			return;
		}
		const { range, base, at } = this.app.state;

		if ((range || base) && !at) {
			this.byRange = true;
			this.freeze();
		} else if (!range && !base && at && this.byRange) {
			this.goOn();
		} else if (keys.some((k) => k === "win" || k === "at")) {
			this.feed.again();
		}
		this.showState();
	}

	async loadRecording(rec) {
		this.loaded = rec;
		document.getElementById("recording").value = rec;
		try {
			this.app.setProfile(await this.remote.profile({ recording: rec }), false);
		} catch (error) {
			this.app.complain(error);
		}
	}

	toggle() {
		if (!this.remote.live)
			return;
		this.byRange = false;
		if (this.app.state.at)
			this.goOn();
		else
			this.freeze();
	}

	freeze() {
		const { origin, width, n } = this.app.profile.buckets, ms = (b) => +((origin + b * width) / 1e6).toFixed(6);

		if (!n)
			return;
		this.loaded = `${ms(0)}-${ms(n)}`;
		this.app.setState({ at: this.loaded });
	}

	goOn() {
		this.byRange = false;
		this.loaded = null;
		this.app.setState({ at: "", range: "", base: "" });
	}

	get phase() {
		if (!this.feed)
			return "ended";
		return this.feed.lost ? "lost" : this.app.state.at ? "frozen" : this.feed.state.phase;
	}

	showState() {
		if (!this.app || !this.feed)
			return;
		const { buckets } = this.app.profile, behind = (this.feed.state.elapsed ?? 0) - buckets.origin - buckets.n * buckets.width;
		const words = { waiting: "Waiting", running: "Live", ended: "Ended", lost: "No connection",
			frozen: behind > 1.5e9 ? `Frozen, ${formatDuration(Math.round(behind / 1e9) * 1e9)} behind` : "Frozen" };

		this.box.dataset.state = this.phase;
		if (this.text.textContent !== words[this.phase])
			this.text.textContent = words[this.phase];
		document.getElementById("live-state").setAttribute("aria-pressed", this.phase === "frozen");
		document.getElementById("live-window").value = this.app.state.win;
	}

	// What the model no longer has as it came; the page says so.
	words() {
		const s = this.feed?.state ?? {}, { origin } = this.app?.profile.buckets ?? {}, out = [];

		if (s.grain && origin < s.exact_from)
			out.push(`before ${formatSeconds(s.exact_from)} times are rounded to ${formatDuration(s.grain)}`);
		if (s.forgotten && origin <= s.since)
			out.push(`${formatCount(s.forgotten)} samples before ${formatSeconds(s.since)} are no longer held`);
		return out;
	}
}

// The data is behind the scripts, so that they need not wait for all of it.
function parsed() {
	return document.readyState === "loading"
		? new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true })) : Promise.resolve();
}

// A large profile comes twice: first what a screen can show of it, to be looked at while the rest is decoded. An
// address may ask for what that does not have.
async function showSaved() {
	const text = (id) => document.getElementById(id).textContent.trim(), preview = text("waggle-preview");

	if (preview && !location.hash) {
		globalThis.waggle = new App(await unpackProfile(preview));
		await nextFrame();
	}
	await parsed();
	const profile = await unpackProfile(text("waggle-data"));

	if (globalThis.waggle)
		globalThis.waggle.setProfile(profile);
	else
		globalThis.waggle = new App(profile);
	await globalThis.waggle.finish();
}

async function startViewer() {
	const config = document.getElementById("waggle-live").content.textContent;

	try {
		if (config)
			await new LivePage(new Remote(JSON.parse(config))).start();
		else
			await showSaved();
		document.documentElement.dataset.ready = "1";
	} catch (error) {
		document.getElementById("empty").textContent = `This profile cannot be shown: ${error.message}`;
		document.getElementById("empty").hidden = false;
	}
}

startViewer();

// live.js - the way to a server: what it has, and to be told when that changes. The page works without it.
//
// The token travels in a header; only the address that was opened has it. EventSource cannot send headers, so the
// event stream is read by hand. A page nobody looks at (in a hidden tab) asks for nothing.

const LIVE_LEAST_MS = 400, LIVE_MOST_MS = 2000, LIVE_COST = 2, LIVE_SILENT_MS = 4000;
// What answers take of one of the server's processors, at most: a hundredth, but not more than so long apart.
const LIVE_SHARE = 100, LIVE_APART_MS = 15000;

class Remote {
	constructor(config) {
		Object.assign(this, config);
		this.token = new URLSearchParams(location.search).get("token") ?? "";
	}

	async get(path, params = {}, signal = undefined) {
		const query = new URLSearchParams(params).toString();
		const answer = await fetch(`${path}${query ? `?${query}` : ""}`,
			{ headers: { Authorization: `Bearer ${this.token}` }, signal });

		if (!answer.ok)
			throw new Error((await answer.text()).trim() || `the server says ${answer.status}`);
		return answer;
	}

	// `cpu` of it: the milliseconds of processor time that it took the server.
	async profile(params) {
		const answer = await this.get("/api/profile", params);
		const profile = Profile.decode(new Uint8Array(await answer.arrayBuffer()));

		profile.cpu = Number(/cpu;dur=([\d.]+)/.exec(answer.headers.get("Server-Timing"))?.[1] ?? 0);
		return profile;
	}
}

// Reads the stream for ever; on: event(name, data), lost().
class EventReader {
	constructor(remote, on) {
		Object.assign(this, { remote, on });
		this.run();
		setInterval(() => this.check(), 1000);
	}

	async run() {
		for (;;) {
			this.abort = new AbortController();
			this.heard = performance.now();
			try {
				await this.read(await this.remote.get("/api/stream", {}, this.abort.signal));
			} catch {
				// told below: what ended and what never began look the same
			}
			this.on.lost();
			await new Promise((done) => setTimeout(done, 1000));
		}
	}

	async read(answer) {
		const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();

		for (let text = "";;) {
			const { value, done } = await reader.read();

			if (done)
				return;
			this.heard = performance.now();
			const parts = (text + value).split("\n\n");

			text = parts.pop();
			for (const part of parts)
				this.event(part);
		}
	}

	event(part) {
		const fields = Object.fromEntries(part.split("\n").map((line) => {
			const at = line.indexOf(": ");

			return [line.slice(0, at), line.slice(at + 2)];
		}));

		if (fields.data)
			this.on.event(fields.event, JSON.parse(fields.data));
	}

	// A line that is silent is dead: ticks come every second.
	check() {
		if (performance.now() - this.heard > LIVE_SILENT_MS)
			this.abort.abort();
	}
}

// Asks for a new profile when there is one and it is wanted, never faster than it can be made and shown.
class LiveFeed {
	// `on`: params() of the wanted profile or null, show(profile), state(text)
	constructor(remote, on) {
		Object.assign(this, { remote, on, state: { phase: "waiting" }, have: -1, busy: false, next: 0 });
		this.reader = new EventReader(remote, {
			event: (name, data) => this.told(data),
			lost: () => this.told(null),
		});
		document.addEventListener("visibilitychange", () => this.look());
	}

	told(state) {
		this.lost = !state;
		this.state = state ?? this.state;
		this.on.state();
		this.look();
	}

	look() {
		const now = performance.now();

		if (this.busy || this.lost || document.hidden || this.state.generation === this.have || !this.on.params())
			return;
		clearTimeout(this.timer);
		if (now < this.next)
			this.timer = setTimeout(() => this.look(), this.next - now);
		else
			this.load();
	}

	async load() {
		const start = performance.now(), generation = this.state.generation;
		let apart = LIVE_LEAST_MS;

		this.busy = true;
		try {
			const params = this.on.params();
			const profile = await this.remote.profile(params);

			this.have = generation;
			apart = Math.max(apart, Math.min(LIVE_APART_MS, LIVE_SHARE * profile.cpu));
			if (this.on.params())
				this.on.show(profile);
		} catch (error) {
			this.on.failed(error);
		}
		this.busy = false;
		this.next = start + Math.max(apart, Math.min(LIVE_MOST_MS, LIVE_COST * (performance.now() - start)));
		this.look();
	}

	// What is wanted has changed: whatever is there is old.
	again() {
		this.have = -1;
		this.next = 0;
		this.look();
	}
}

// model.js - the profile as the page holds it: flat arrays, decoded from one compact blob.
//
// The same bytes come embedded in a saved page (base64 of deflate) or from a server, so nothing here
// touches the document. Layout of the blob (written by src/format/html.c): the length of a JSON head,
// the head, then columns of LEB128 numbers whose lengths the head gives. Call tree nodes come in
// preorder with siblings sorted by name; that one property makes every view a single forward pass.

const KINDS = ["user", "kernel", "jit", "inlined", "offcpu", "cut", "task"];
const KIND_TEXT = {
	user: "User", kernel: "Kernel", jit: "JIT", inlined: "Inlined", offcpu: "Off-CPU",
	cut: "Cut short", task: "Task",
};

class ByteReader {
	constructor(bytes) {
		this.bytes = bytes;
		this.at = 0;
	}

	uleb() {
		let value = 0, scale = 1, byte;

		do {
			if (this.at >= this.bytes.length)
				throw new Error("the profile data ends too early");
			byte = this.bytes[this.at++];
			value += (byte & 127) * scale;
			scale *= 128;
		} while (byte & 128);
		return value;
	}

	// Zigzag, not two's complement: sums stay exact up to 2^53 without BigInt.
	signed() {
		const v = this.uleb();

		return v % 2 ? -(v + 1) / 2 : v / 2;
	}

	column(n, type = Uint32Array) {
		const out = new type(n), { bytes } = this;
		let { at } = this;

		for (let i = 0; i < n; i++) {
			const byte = bytes[at];

			if (byte < 128) { // nearly all of them
				out[i] = byte;
				at++;
				continue;
			}
			this.at = at;
			out[i] = this.uleb();
			at = this.at;
		}
		this.at = at;
		return out;
	}

	text(n) {
		const from = this.at;

		this.at += n;
		return new TextDecoder().decode(this.bytes.subarray(from, this.at));
	}
}

class Profile {
	static decode(bytes) {
		const reader = new ByteReader(bytes);
		const head = JSON.parse(reader.text(reader.uleb()));
		const p = new Profile();

		if (head.format !== "waggle-view" || head.version !== 1)
			throw new Error("this page does not know profile data of this version");
		Object.assign(p, { head, strings: head.strings, values: head.values });
		p.buckets = head.buckets; // origin: ns from the start of the capture to the first
		p.classes = (head.classes ?? []).map(([key, frame, group, tint, text], index) =>
			({ index, key, frame, group, tint, text }));
		p.readFrames(reader, head.counts.frames);
		p.readNodes(reader, head.counts.nodes);
		p.readTasks(reader, head.counts.tasks);
		p.readRows(reader, head.counts.rows);
		return p;
	}

	// Frame 0 is the root ("all").
	readFrames(reader, n) {
		this.frames = {
			n,
			label: reader.column(n), kind: reader.column(n, Uint8Array),
			object: reader.column(n), file: reader.column(n),
			lineFrom: reader.column(n), lineTo: reader.column(n),
		};
	}

	// Preorder: `pops` says how many levels to go up from the previous node before going down one. The last node met
	// on every level is enough to know whose child the next one is.
	readNodes(reader, n) {
		const nodes = { n, parent: new Uint32Array(n), depth: new Uint16Array(n), end: new Uint32Array(n) };
		const { parent } = nodes, on = [0];

		for (let i = 0, depth = -1; i < n; i++) {
			const pops = reader.bytes[reader.at] < 128 ? reader.bytes[reader.at++] : reader.uleb();

			depth = i ? Math.max(depth - pops, 0) + 1 : 0;
			parent[i] = i ? on[depth - 1] : 0;
			on[depth] = i;
		}
		nodes.frame = reader.column(n, this.frames.n <= 65536 ? Uint16Array : Uint32Array);
		nodes.maxDepth = measureNodes(nodes);
		this.nodes = nodes;
	}

	readTasks(reader, n) {
		const pid = reader.column(n), tid = reader.column(n);
		const comm = reader.column(n), process = reader.column(n);

		this.tasks = [];
		for (let i = 0; i < n; i++) {
			this.tasks.push({
				pid: pid[i], tid: tid[i],
				comm: this.strings[comm[i]], process: this.strings[process[i]],
			});
		}
	}

	// Rows are samples summed by (time bucket, task, class of waiting, node), in that order; samples
	// without a time are in the bucket after the last, those without a class in the class after it.
	readRows(reader, n) {
		const bucket = reader.column(n), task = reader.column(n), node = reader.column(n);

		this.bucketStart = new Uint32Array(this.buckets.n + 2);
		for (let i = 1; i < n; i++)
			bucket[i] += bucket[i - 1];
		for (let i = 0; i < n; i++)
			this.bucketStart[bucket[i] + 1]++;
		for (let b = 0; b <= this.buckets.n; b++)
			this.bucketStart[b + 1] += this.bucketStart[b];
		this.rows = { n, bucket, task, node, value: [] };
		if (this.classes.length)
			this.rows.class = reader.column(n, Uint8Array);
		for (const type of this.values)
			this.rows.value.push(this.readValues(reader, n, type));
	}

	readValues(reader, n, type) {
		const out = new Float64Array(n);

		if (type.scale !== undefined) // the first column times a constant
			return this.rows.value[0].map((v) => v * type.scale);
		for (let i = 0; i < n; i++)
			out[i] = reader.signed();
		return out;
	}

	// What columns of sums of a value are made of: 32 bits where they are enough, because fresh memory is what costs
	// most while a page opens.
	columnType(value) {
		this.columnTypes ??= [];
		if (!this.columnTypes[value]) {
			let sum = 0, least = 0;

			for (const v of this.rows.value[value]) {
				sum += v;
				least = Math.min(least, v);
			}
			this.columnTypes[value] = least < 0 || sum >= 2 ** 32 ? Float64Array : Uint32Array;
		}
		return this.columnTypes[value];
	}

	label(frame) {
		return this.strings[this.frames.label[frame]];
	}

	kind(frame) {
		return KINDS[this.frames.kind[frame]] ?? "user";
	}

	// What a frame is called in addresses and across profiles: by its name and kind, because numbers differ from
	// one answer of a server to the next.
	key(frame) {
		this.keys ??= new Map();
		if (!this.keys.has(frame))
			this.keys.set(frame, ((nameHash(this.label(frame)) ^ Math.imul(this.frames.kind[frame], 0x9e3779b1)) >>> 0)
				.toString(36));
		return this.keys.get(frame);
	}

	// The frame of a key, -1 when the profile has none.
	frameOf(key) {
		if (!this.byKey) {
			this.byKey = new Map();
			for (let f = this.frames.n - 1; f > 0; f--)
				this.byKey.set(this.key(f), f);
		}
		return this.byKey.get(key) ?? -1;
	}

	// The class of waiting that a frame stands for, null when it is anything else.
	classOf(frame) {
		if (!this.classes.length || this.kind(frame) !== "offcpu")
			return null;
		this.byFrame ??= new Map(this.classes.filter((c) => c.frame).map((c) => [c.frame, c]));
		return this.byFrame.get(this.label(frame)) ?? null;
	}

	object(frame) {
		return this.strings[this.frames.object[frame]];
	}

	// "net/core/dev.c:120" or "dev.c:120-188" when samples fell on several lines.
	place(frame) {
		const { file, lineFrom, lineTo } = this.frames;
		const name = this.strings[file[frame]];

		if (!name || !lineFrom[frame])
			return name;
		if (lineFrom[frame] === lineTo[frame])
			return `${name}:${lineFrom[frame]}`;
		return `${name}:${lineFrom[frame]}–${lineTo[frame]}`;
	}

	get timed() {
		return this.buckets.n > 0;
	}
}

function bytesOfBase64(base64) {
	if (Uint8Array.fromBase64) // browsers since 2025; some twenty times faster
		return Uint8Array.fromBase64(base64);
	const binary = atob(base64), out = new Uint8Array(binary.length);

	for (let i = 0; i < binary.length; i++)
		out[i] = binary.charCodeAt(i);
	return out;
}

// Base64 of a zlib stream, as a saved page carries it.
async function unpackProfile(base64) {
	const stream = new Blob([bytesOfBase64(base64.trim())]).stream().pipeThrough(new DecompressionStream("deflate"));
	return Profile.decode(new Uint8Array(await new Response(stream).arrayBuffer()));
}

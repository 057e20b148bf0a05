// tree.js - what is computed from a profile and a selection: the call tree, its inversion, the
// functions, the samples per moment. Pure functions over flat arrays; views only draw them.

// What part of the profile is looked at; `base` is the range of buckets it is compared with, null for none. `tasks` is a Uint8Array by task, `classes` one by class of
// waiting (with one more entry for samples without), null for all; `hidden` a set of kinds whose frames
// give their time to their callers.
class Selection {
	constructor(fields = {}) {
		Object.assign(this, { value: 0, from: 0, to: Infinity, base: null, tasks: null, classes: null, hidden: new Set() }, fields);
	}

	// Is row i of these tasks and classes?
	passes(rows, i) {
		return (!this.tasks || this.tasks[rows.task[i]]) && (!this.classes || this.classes[rows.class[i]]);
	}

	// The rows of the profile in the time range. With no range, samples without a time count too.
	rowRange(profile) {
		const n = profile.buckets.n;

		if (this.from <= 0 && this.to >= n)
			return [0, profile.rows.n];
		return [profile.bucketStart[Math.min(this.from, n)], profile.bucketStart[Math.min(this.to, n)]];
	}
}

// Fresh memory is dear: of a million nodes every column is megabytes that the system has to find. Columns of trees
// nobody looks at any more are used again.
const SPARE_MOST = 8;
const spareBuffers = [];

function takeColumn(type, n) {
	const bytes = Math.max(1, n) * type.BYTES_PER_ELEMENT, at = spareBuffers.findIndex((b) => b.byteLength >= bytes &&
		b.byteLength <= 4 * bytes + 65536);

	return at < 0 ? new type(n) : new type(spareBuffers.splice(at, 1)[0], 0, n).fill(0);
}

function giveColumn(column) {
	if (column && spareBuffers.length < SPARE_MOST)
		spareBuffers.push(column.buffer);
}

// A call tree in preorder; `base` and `baseSelf` are the totals and selves of the range it is compared with, null
// where there is none. Node 0 is the root; the subtree of i is i..end[i]-1; x is where a node's
// box starts, in value units, and never decreases from one node to the next.
class Tree {
	// `like`: nodes that are the same (frame, parent, depth, end); they are shared, not copied
	// `type`: of its sums
	constructor(n, like = null, type = Float64Array) {
		this.n = n;
		this.shares = like;
		this.frame = like?.frame ?? new Uint32Array(n);
		this.parent = like?.parent ?? new Uint32Array(n);
		this.depth = like?.depth ?? new Uint16Array(n);
		this.end = like?.end ?? new Uint32Array(n);
		this.total = this.base = this.ownSums = this.ownBase = this.sorted = null;
		this.x = takeColumn(type, n);
		this.maxDepth = like?.maxDepth ?? 0;
	}

	// Nobody will look at it again.
	retire() {
		for (const name of ["total", "base", "ownSums", "ownBase", "x", "sorted"]) {
			giveColumn(this[name]);
			this[name] = null;
		}
		this.n = 0;
	}

	// What a node has beside its callees; made when somebody asks, which drawing does not.
	get self() {
		return this.ownSums ??= sumDown(this.total, this.parent);
	}

	set self(column) {
		this.ownSums = column;
	}

	get baseSelf() {
		return this.base && (this.ownBase ??= sumDown(this.base, this.parent));
	}

	set baseSelf(column) {
		this.ownBase = column;
	}

	get sum() {
		return this.n ? this.total[0] : 0;
	}

	// Derives end, depth and x from parent and total; nodes are in preorder already. A first callee starts where its
	// caller does, another one where the last box of its depth ended.
	finish() {
		const { n, total, x } = this;

		if (!this.shares)
			this.maxDepth = measureNodes(this);
		const { parent, depth } = this, ends = new Float64Array(this.maxDepth + 2);

		for (let i = 1; i < n; i++) {
			const d = depth[i], at = parent[i] === i - 1 ? x[i - 1] : ends[d];

			x[i] = at;
			ends[d] = at + total[i];
		}
		return this;
	}

	// Nodes by depth, from left to right: those of depth d are order[start[d]..start[d + 1] - 1]. A picture of a
	// million boxes is found in here by halving, not by walking.
	get levels() {
		if (this.shares?.byDepth)
			return this.shares.byDepth;
		if (!this.byDepth) {
			const start = new Uint32Array(this.maxDepth + 3), order = new Uint32Array(this.n);

			for (let i = 0; i < this.n; i++)
				start[this.depth[i] + 2]++;
			for (let d = 2; d < start.length; d++)
				start[d] += start[d - 1];
			for (let i = 0; i < this.n; i++)
				order[start[this.depth[i] + 1]++] = i;
			this.byDepth = { start, order };
			if (this.shares)
				this.shares.byDepth = this.byDepth;
		}
		return this.byDepth;
	}

	// Where the boxes of levels.order start, side by side in memory: a picture looks at ten thousands of them.
	get edges() {
		if (!this.sorted) {
			const { order } = this.levels, sorted = takeColumn(this.x.constructor, this.n);

			for (let k = 0; k < order.length; k++)
				sorted[k] = this.x[order[k]];
			this.sorted = sorted;
		}
		return this.sorted;
	}

	// The frames from below the root to a node; what a zoom is remembered by.
	path(node) {
		const out = [];

		for (let i = node; i > 0; i = this.parent[i])
			out.push(this.frame[i]);
		return out.reverse();
	}

	// The node a path leads to; when a part of it is not there as far as it goes, or, if it has to be whole, -1.
	find(path, whole = false) {
		let node = 0;

		for (const frame of path) {
			const next = this.child(node, frame);

			if (next < 0)
				return whole ? -1 : node;
			node = next;
		}
		return node;
	}

	child(node, frame) {
		for (let i = node + 1; i < this.end[node]; i = this.end[i]) {
			if (this.frame[i] === frame)
				return i;
		}
		return -1;
	}

	children(node) {
		const out = [];

		for (let i = node + 1; i < this.end[node]; i = this.end[i])
			out.push(i);
		return out;
	}
}

// Fills depth and end of nodes in preorder; the greatest depth.
function measureNodes({ n, parent, depth, end }) {
	const open = [0]; // the node that is being filled on every level
	let most = 0, last = 0;

	for (let i = 1; i < n; i++) {
		const d = depth[parent[i]] + 1;

		for (; last >= d; last--)
			end[open[last]] = i;
		depth[i] = d;
		open[last = d] = i;
		if (d > most)
			most = d;
	}
	for (; last >= 0 && n; last--)
		end[open[last]] = n;
	return most;
}

function sumSelf(profile, selection, range = selection.rowRange(profile)) {
	const self = takeColumn(profile.columnType(selection.value), profile.nodes.n);
	const { node } = profile.rows, value = profile.rows.value[selection.value];
	const [from, to] = range;

	for (let i = from; i < to; i++) {
		if (selection.passes(profile.rows, i))
			self[node[i]] += value[i];
	}
	return self;
}

// Selves become totals, where they are.
function sumUp(column, parent) {
	for (let i = column.length - 1; i > 0; i--)
		column[parent[i]] += column[i];
	return column;
}

// And back, in a column of its own.
function sumDown(total, parent) {
	const self = takeColumn(total.constructor, total.length);

	self.set(total);
	for (let i = 1; i < self.length; i++)
		self[parent[i]] -= total[i];
	return self;
}

// Keeps the nodes that hold anything, now or in the range before: of each its total.
function compactTree(source, total, base = null) {
	let n = 1;

	for (let i = 1; i < source.n; i++)
		n += total[i] > 0 || (base !== null && base[i] > 0) ? 1 : 0;
	if (n === source.n && source.end)
		return Object.assign(new Tree(n, source, total.constructor), { total, base }).finish();
	const tree = new Tree(n, null, total.constructor), moved = takeColumn(Uint32Array, source.n);
	const columns = [["total", total], ...(base ? [["base", base]] : [])];

	for (let i = 0, k = 0; i < source.n; i++) {
		if (i && !(total[i] > 0 || (base !== null && base[i] > 0)))
			continue;
		moved[i] = k;
		tree.frame[k] = source.frame[i];
		tree.parent[k++] = moved[source.parent[i]];
	}
	// Kept nodes only move to the front, so a column can be compacted where it is.
	for (const [name, column] of columns) {
		for (let i = 1; i < source.n; i++) {
			if (moved[i])
				column[moved[i]] = column[i];
		}
		tree[name] = column.subarray(0, n);
	}
	giveColumn(moved);
	return tree.finish();
}

// Takes frames of hidden kinds out; what they called moves up to their callers, where equal frames
// become one. Preorder is lost by that, so nodes are linked and numbered anew. `selves`: one or two columns.
function hideKinds(profile, source, selves, hidden) {
	const { kind } = profile.frames, n = source.n;
	const to = new Uint32Array(n), out = { frame: [0], parent: [0], n: 1 };
	const byKey = new Map();

	for (let i = 1; i < n; i++) {
		const up = to[source.parent[i]], frame = source.frame[i];

		if (hidden.has(KINDS[kind[frame]])) {
			to[i] = up;
			continue;
		}
		const key = up * profile.frames.n + frame;
		let id = byKey.get(key);

		if (id === undefined) {
			id = out.n++;
			byKey.set(key, id);
			out.frame.push(frame);
			out.parent.push(up);
		}
		to[i] = id;
	}
	return inPreorder(profile, out, selves.map((self) => {
		const sums = new Float64Array(out.n);

		for (let i = 0; i < n; i++)
			sums[to[i]] += self[i];
		return sums;
	}));
}

function inPreorder(profile, source, selves) {
	const kids = Array.from({ length: source.n }, () => null);
	const result = { n: 0, frame: [], parent: [] }, sums = selves.map((self) => new Float64Array(self.length));
	const todo = [[0, 0]];

	for (let i = 1; i < source.n; i++)
		(kids[source.parent[i]] ??= []).push(i);
	while (todo.length) {
		const [node, parent] = todo.pop(), id = result.n++;

		result.frame.push(source.frame[node]);
		result.parent.push(parent);
		selves.forEach((self, k) => sums[k][id] = self[node]);
		const below = kids[node] ?? [];

		below.sort((a, b) => compareLabels(profile, source.frame[b], source.frame[a]));
		for (const kid of below)
			todo.push([kid, id]);
	}
	return [result, ...sums];
}

function compareLabels(profile, a, b) {
	const x = profile.label(a), y = profile.label(b);

	return x < y ? -1 : x > y ? 1 : profile.frames.kind[a] - profile.frames.kind[b];
}

function buildTree(profile, selection) {
	let source = profile.nodes, selves = [sumSelf(profile, selection)];

	if (selection.base)
		selves.push(sumSelf(profile, selection, new Selection({ from: selection.base[0], to: selection.base[1] })
			.rowRange(profile)));
	if (selection.hidden.size)
		[source, ...selves] = hideKinds(profile, source, selves, selection.hidden);
	return compactTree(source, ...selves.map((self) => sumUp(self, source.parent)));
}

// Leaf first: below the root stand the functions that ran, below them their callers. Only boxes of at
// least `least` are opened further, because all callers of a million nodes would be many millions;
// zooming builds it again with a smaller `least` below `path`.
function invertTree(tree, least) {
	const out = { frame: [], parent: [], total: [], self: [], base: [], baseSelf: [] };
	const all = { frame: 0, parent: 0, nodes: [], weights: [], bases: [], sum: tree.sum, base: tree.base?.[0] ?? 0 };

	for (let i = 0; i < tree.n; i++) {
		const base = tree.baseSelf?.[i] ?? 0;

		if (tree.self[i] > 0 || base > 0) {
			all.nodes.push(i);
			all.weights.push(tree.self[i]);
			all.bases.push(base);
		}
	}
	for (const todo = [all]; todo.length;) { // the next box is the last one put there: preorder
		const group = todo.pop(), id = out.frame.push(group.frame) - 1;

		out.parent.push(group.parent);
		out.total.push(group.sum);
		out.base.push(group.base);
		out.self.push(0);
		out.baseSelf.push(0);
		if (id === 0 || group.sum >= least)
			for (const g of groupCallers(tree, group, id, out))
				todo.push(g);
	}
	const result = new Tree(out.frame.length);

	for (const name of ["frame", "parent"])
		result[name].set(out[name]);
	[result.total, result.self] = [Float64Array.from(out.total), Float64Array.from(out.self)];
	if (tree.base)
		[result.base, result.baseSelf] = [Float64Array.from(out.base), Float64Array.from(out.baseSelf)];
	return result.finish();
}

// What stands below an inverted box, lightest first. What has no caller ends in the box itself.
function groupCallers(tree, group, id, out) {
	const groups = new Map();

	for (let i = 0; i < group.nodes.length; i++) {
		const node = group.nodes[i], weight = group.weights[i], base = group.bases[i], frame = tree.frame[node];

		if (node === 0) {
			out.self[id] += weight;
			out.baseSelf[id] += base;
			continue;
		}
		let g = groups.get(frame);

		if (!g)
			groups.set(frame, g = { frame, parent: id, nodes: [], weights: [], bases: [], sum: 0, base: 0 });
		g.nodes.push(tree.parent[node]);
		g.weights.push(weight);
		g.bases.push(base);
		g.sum += weight;
		g.base += base;
	}
	return [...groups.values()].sort((a, b) => a.sum - b.sum || b.frame - a.frame);
}

// Self and total per function, recursion counted once: a box below a box of the same function adds
// nothing to its total.
function sumFunctions(profile, tree, selves = tree.self, totals = tree.total) {
	const n = profile.frames.n, self = new Float64Array(n), total = new Float64Array(n);
	const open = new Uint32Array(n), stack = [];

	for (let i = 1; i < tree.n; i++) {
		while (stack.length && tree.end[stack[stack.length - 1]] <= i)
			open[tree.frame[stack.pop()]]--;
		const frame = tree.frame[i];

		self[frame] += selves[i];
		if (!open[frame]++)
			total[frame] += totals[i];
		stack.push(i);
	}
	const rows = [];

	for (let f = 1; f < n; f++) {
		if (total[f] > 0 && profile.kind(f) !== "task")
			rows.push({ frame: f, self: self[f], total: total[f] });
	}
	return rows;
}

// Samples that went through a matching frame, each counted once. `match` is a Uint8Array by frame.
function sumMatches(tree, match) {
	let sum = 0, count = 0;

	for (let i = 1; i < tree.n;) {
		if (match[tree.frame[i]]) {
			sum += tree.total[i];
			count++;
			i = tree.end[i];
		} else {
			i++;
		}
	}
	return { sum, count };
}

// Value per time bucket, for the tasks and classes selected.
function sumBuckets(profile, selection) {
	const out = new Float64Array(profile.buckets.n);
	const { bucket } = profile.rows, value = profile.rows.value[selection.value];
	const end = profile.bucketStart[profile.buckets.n];

	for (let i = 0; i < end; i++) {
		if (selection.passes(profile.rows, i))
			out[bucket[i]] += value[i];
	}
	return out;
}

// Value per class of waiting in the time range, for the tasks selected: also of those switched off.
function sumClasses(profile, selection) {
	const out = new Float64Array(profile.classes.length + 1);
	const { task, class: of } = profile.rows, value = profile.rows.value[selection.value];
	const [from, to] = selection.rowRange(profile);

	for (let i = from; of && i < to; i++) {
		if (!selection.tasks || selection.tasks[task[i]])
			out[of[i]] += value[i];
	}
	return out;
}

// Value per task and group of classes (CLASS_ORDER) in the time range, of the classes selected; all of a profile
// without classes is running.
function sumTasks(profile, selection) {
	const out = profile.tasks.map(() => CLASS_ORDER.map(() => 0));
	const { task, class: of } = profile.rows, value = profile.rows.value[selection.value];
	const group = [...profile.classes.map((c) => Math.max(0, CLASS_ORDER.indexOf(c.group))), 0];
	const [from, to] = selection.rowRange(profile);

	for (let i = from; i < to; i++) {
		if (!selection.classes || selection.classes[of[i]])
			out[task[i]][of ? group[of[i]] : 0] += value[i];
	}
	return out;
}

// diff.js - two ranges of one profile against each other. Shares are compared, not sums, because ranges differ
// in length: red is what took more of its range than of the range before, blue what took less.

const DIFF_STEPS = 8;

// Per node of the tree how its share changed, -1..1; the tree was built with the range before.
function changesOf(tree) {
	const out = new Float64Array(tree.n), now = tree.sum || 1, before = tree.base[0] || 1;

	for (let i = 0; i < tree.n; i++)
		out[i] = tree.total[i] / now - tree.base[i] / before;
	return out;
}

// From -DIFF_STEPS (much less) to DIFF_STEPS (much more); small changes show too, hence the root.
function changeStep(change) {
	return Math.round(Math.sign(change) * Math.min(1, Math.sqrt(Math.abs(change) * 4)) * DIFF_STEPS);
}

// Rows of the table: changes of the shares of self and total, and what they were before.
function compareFunctions(profile, tree) {
	const before = new Map(), now = tree.sum || 1, then = tree.base[0] || 1;

	for (const r of sumFunctions(profile, tree, tree.baseSelf, tree.base))
		before.set(r.frame, r);
	const rows = sumFunctions(profile, tree).map((r) => {
		const b = before.get(r.frame) ?? { self: 0, total: 0 };

		before.delete(r.frame);
		return { frame: r.frame, self: r.self / now - b.self / then, total: r.total / now - b.total / then,
			before: { self: b.self / then, total: b.total / then } };
	});

	for (const b of before.values())
		rows.push({ frame: b.frame, self: -b.self / then, total: -b.total / then,
			before: { self: b.self / then, total: b.total / then } });
	return rows;
}

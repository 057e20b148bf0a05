// save.js - the selection as a file: in any format where there is a server, as folded stacks from a saved page.

function saveAs(blob, name) {
	const link = document.createElement("a");

	link.href = URL.createObjectURL(blob);
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// "root;..;leaf value" of every node with self, as flamegraph.pl and speedscope read it.
function foldTree(profile, tree) {
	const path = [], lines = [];

	for (let i = 1; i < tree.n; i++) {
		path.length = tree.depth[i] - 1;
		path.push(profile.label(tree.frame[i]).replace(/[;\n\r]/g, "_"));
		if (tree.self[i] > 0)
			lines.push(`${path.join(";")} ${tree.self[i]}`);
	}
	return `${lines.join("\n")}\n`;
}

class SaveMenu {
	// `on`: tree() of the selection with its profile, params() for the server
	constructor(root, remote, on) {
		Object.assign(this, { remote, on });
		this.button = root.querySelector("#save");
		this.panel = root.querySelector("#save-panel");
		this.button.addEventListener("click", () => this.toggle());
		this.panel.addEventListener("keydown", (e) => this.key(e));
		document.addEventListener("pointerdown", (e) => {
			if (!this.panel.hidden && !root.contains(e.target))
				this.toggle(false);
		});
		for (const [name, ext] of remote?.formats ?? [["folded", ".folded"]])
			this.panel.append(this.item(name, ext));
	}

	item(name, ext) {
		const el = element("button", name);

		el.type = "button";
		el.setAttribute("role", "menuitem");
		el.tabIndex = -1;
		el.dataset.ext = ext;
		el.append(element("small", ext));
		el.addEventListener("click", () => this.save(ext));
		return el;
	}

	toggle(open = this.panel.hidden) {
		this.panel.hidden = !open;
		this.button.setAttribute("aria-expanded", open);
		(open ? this.panel.firstElementChild : this.button)?.focus();
	}

	async save(ext) {
		this.toggle(false);
		if (!this.remote) {
			const { profile, tree } = this.on.tree();

			saveAs(new Blob([foldTree(profile, tree)], { type: "text/plain" }), `profile${ext}`);
			return;
		}
		try {
			saveAs(await (await this.remote.get(`/api/export${ext}`, this.on.params())).blob(), `waggle${ext}`);
		} catch (error) {
			this.on.failed(error);
		}
	}

	key(e) {
		const step = { ArrowDown: 1, ArrowUp: -1 }[e.key], all = [...this.panel.children];

		e.stopPropagation();
		if (e.key === "Escape")
			this.toggle(false);
		else if (step)
			all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
		else
			return;
		e.preventDefault();
	}
}

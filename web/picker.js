// picker.js - choosing a process or a thread, also among thousands: the heaviest first, and a filter.

const PICKER_MOST = 200;

class TaskPicker {
	// `on`: pick(key); keys are "" for all, "p123" for a process, "t123" for a thread
	constructor(root, on) {
		this.button = root.querySelector("#task");
		this.name = root.querySelector("#task-name");
		this.panel = root.querySelector("#task-panel");
		this.filter = root.querySelector("#task-filter");
		this.list = root.querySelector("#task-list");
		this.on = on;
		this.current = "";
		this.button.addEventListener("click", () => this.toggle());
		this.filter.addEventListener("input", () => this.render());
		this.panel.addEventListener("keydown", (e) => this.key(e));
		this.list.addEventListener("click", (e) => this.click(e));
		document.addEventListener("pointerdown", (e) => {
			if (!this.panel.hidden && !root.contains(e.target))
				this.toggle(false);
		});
	}

	setTasks(profile, shares, type) {
		const groups = new Map(), sums = shares.map((s) => s.reduce((a, b) => a + b, 0));

		this.type = type;
		profile.tasks.forEach((task, i) => {
			if (i === 0 && !sums[0])
				return;
			let g = groups.get(task.pid);

			if (!g) {
				g = { key: `p${task.pid}`, name: task.process || task.comm, id: task.pid, sum: 0, threads: [] };
				groups.set(task.pid, g);
			}
			g.sum += sums[i];
			g.threads.push({ key: `t${task.tid}`, name: task.comm, id: task.tid, sum: sums[i], thread: true });
		});
		this.total = sums.reduce((a, b) => a + b, 0);
		this.groups = [...groups.values()].sort((a, b) => b.sum - a.sum || a.id - b.id);
		for (const g of this.groups)
			g.threads.sort((a, b) => b.sum - a.sum || a.id - b.id);
		this.button.parentElement.hidden = this.groups.length === 0;
		this.setCurrent(this.current);
		if (!this.panel.hidden)
			this.render();
	}

	setCurrent(key) {
		const entry = this.entries("").find((t) => t.key === key);

		this.current = key;
		this.name.textContent = entry ? this.text(entry) : key || "All processes";
	}

	text(entry) {
		return entry.key ? `${entry.name || "?"} (${entry.id})` : entry.name;
	}

	// All, then each process followed by its threads where it has more than one.
	entries(filter) {
		const out = filter ? [] : [{ key: "", name: "All processes", sum: this.total }];
		const fits = (e) => `${e.name} ${e.id}`.toLowerCase().includes(filter);

		for (const g of this.groups ?? []) {
			const threads = g.threads.length > 1 ? g.threads.filter(fits) : [];

			if (fits(g) || threads.length)
				out.push(g, ...threads);
		}
		return out;
	}

	toggle(open = this.panel.hidden) {
		this.panel.hidden = !open;
		this.button.setAttribute("aria-expanded", open);
		if (open) {
			this.filter.value = "";
			this.render();
			this.filter.focus();
		} else {
			this.button.focus();
		}
	}

	render() {
		const held = this.list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
		const all = this.entries(this.filter.value.trim().toLowerCase());
		const list = all.slice(0, PICKER_MOST).map((entry) => this.option(entry));

		if (all.length > PICKER_MOST) {
			const more = document.createElement("div");

			more.className = "more";
			more.textContent = `${formatCount(all.length - PICKER_MOST)} more: type to narrow`;
			list.push(more);
		}
		this.list.replaceChildren(...list);
		if (held !== null)
			list.find((el) => el.dataset.key === held)?.focus();
	}

	option(entry) {
		const el = document.createElement("div"), name = document.createElement("span");
		const share = document.createElement("em"), id = document.createElement("small");

		el.className = entry.thread ? "option thread" : "option";
		el.setAttribute("role", "option");
		el.setAttribute("aria-selected", entry.key === this.current);
		el.tabIndex = -1;
		el.dataset.key = entry.key;
		el.style.setProperty("--share", `${this.total ? 100 * entry.sum / this.total : 0}%`);
		name.textContent = entry.name || "?";
		id.textContent = entry.id ?? "";
		share.textContent = formatShare(entry.sum, this.total);
		el.append(name, id, share);
		return el;
	}

	click(e) {
		const el = e.target.closest("[data-key]");

		if (el)
			this.choose(el.dataset.key);
	}

	choose(key) {
		this.toggle(false);
		this.on.pick(key);
	}

	key(e) {
		const options = [...this.list.querySelectorAll("[data-key]")];
		const at = options.indexOf(document.activeElement);

		e.stopPropagation();
		if (e.key === "Escape")
			this.toggle(false);
		else if (e.key === "ArrowDown")
			options[Math.min(at + 1, options.length - 1)]?.focus();
		else if (e.key === "ArrowUp")
			(at > 0 ? options[at - 1] : this.filter).focus();
		else if (e.key === "Enter" && options.length)
			this.choose(options[Math.max(at, 0)].dataset.key);
		else
			return;
		e.preventDefault();
	}
}

// The tasks a key stands for, as a Uint8Array by task; null for all.
function tasksOfKey(profile, key) {
	const id = Number(key.slice(1));

	if (!/^[pt]\d+$/.test(key))
		return null;
	return Uint8Array.from(profile.tasks, (t) => (key[0] === "p" ? t.pid : t.tid) === id);
}

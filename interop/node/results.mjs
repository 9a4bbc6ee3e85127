// What came of a run: one table, which docs/jose-interop.md repeats.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

const DOCUMENT = new URL("../../docs/jose-interop.md", import.meta.url);
const HEAD = [
  "| what | of ours it read | of its we read | what it cannot do |",
  "|---|---|---|---|",
];

export class Results {
  constructor(peer) {
    this.peer = peer;
    this.rows = new Map();
    this.refusals = { ours: 0, theirs: 0 };
  }

  row(what) {
    if (!this.rows.has(what)) this.rows.set(what, { ours: 0, theirs: 0, cannot: new Set() });
    return this.rows.get(what);
  }

  crossed(what, writtenByUs) { this.row(what)[writtenByUs ? "ours" : "theirs"] += 1; }

  cannot(what, reason) { this.row(what).cannot.add(reason.replaceAll(what, "…")); }

  refused(byUs) { this.refusals[byUs ? "ours" : "theirs"] += 1; }

  line(what) {
    const { ours, theirs, cannot } = this.row(what);
    const limits = [...cannot].map((reason) => `; cannot: ${reason}`).join("");
    return `${what}: it read ${ours} of ours, we read ${theirs} of its${limits}`;
  }

  /// Of what is alike the table says it once.
  table() {
    const rows = new Map();
    for (const [what, { ours, theirs, cannot }] of this.rows) {
      const said = `${ours} | ${theirs} | ${[...cannot].join("; ")}`.trim();
      rows.set(said, [...(rows.get(said) ?? []), what]);
    }
    const lines = [...rows].map(([said, whats]) => `| ${whats.join(", ")} | ${said} |`);
    return [`**${this.peer}**`, "", ...HEAD, ...lines].join("\n");
  }

  summary() {
    const { ours, theirs } = this.refusals;
    return `${this.table()}\nChanged tokens refused: ${ours} by us, ${theirs} by ${this.peer}`;
  }

  /// The document must have the same table for the same versions; `JOSE_TABLES=write` puts it in.
  compareWithDocument() {
    const name = this.peer.split(" ")[0];
    const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
    const text = readFileSync(DOCUMENT, "utf8");
    const [before, rest] = text.split(begin);
    const [written, after] = rest.split(end);
    if (process.env.JOSE_TABLES === "write") {
      writeFileSync(DOCUMENT, before + begin + this.table() + end + after);
    } else if (written.startsWith(`**${this.peer}**\n`)) {
      assert.equal(this.table(), written, "JOSE_TABLES=write corrects docs/jose-interop.md");
    } else {
      return `docs/jose-interop.md is about ${written.split("\n")[0]}`;
    }
    return "docs/jose-interop.md has this table";
  }
}

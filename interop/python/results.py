"""What came of a run: one table for each library, which docs/jose-interop.md repeats."""

import os
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs/jose-interop.md"
HEAD = ["| what | of ours it read | of its we read | what it cannot do |", "|---|---|---|---|"]


class Results:
    def __init__(self, peer, order):
        self.peer = peer
        self.order = order
        self.rows = {}
        self.refusals = {"ours": 0, "theirs": 0}

    def row(self, what):
        return self.rows.setdefault(what, {"ours": 0, "theirs": 0, "cannot": {}})

    def crossed(self, what, written_by_us):
        self.row(what)["ours" if written_by_us else "theirs"] += 1

    def cannot(self, what, reason):
        self.row(what)["cannot"][reason.replace(what, "…")] = True

    def refused(self, by_us):
        self.refusals["ours" if by_us else "theirs"] += 1

    def table(self):
        """Of what is alike the table says it once."""
        rows = {}
        for what in sorted(self.rows, key=self.order.index):
            row = self.rows[what]
            said = f"{row['ours']} | {row['theirs']} | {'; '.join(row['cannot'])}".strip()
            rows.setdefault(said, []).append(what)
        lines = [f"| {', '.join(whats)} | {said} |" for said, whats in rows.items()]
        return "\n".join([f"**{self.peer}**", "", *HEAD, *lines])

    def summary(self):
        ours, theirs = self.refusals["ours"], self.refusals["theirs"]
        return f"{self.table()}\nChanged tokens refused: {ours} by us, {theirs} by {self.peer}"

    def compare_with_document(self):
        """The document must have the same table for the same versions; `JOSE_TABLES=write` puts it
        in."""
        name = self.peer.split()[0]
        begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        before, rest = DOCUMENT.read_text(encoding="utf-8").split(begin)
        written, after = rest.split(end)
        if os.environ.get("JOSE_TABLES") == "write":
            text = before + begin + self.table() + end + after
            DOCUMENT.write_text(text, encoding="utf-8")
        elif written.startswith(f"**{self.peer}**\n"):
            message = "JOSE_TABLES=write corrects docs/jose-interop.md"
            assert self.table() == written, f"{message}\n{self.table()}\nis not\n{written}"
        else:
            return f"docs/jose-interop.md is about {written.splitlines()[0]}"
        return "docs/jose-interop.md has this table"

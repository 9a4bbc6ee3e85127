// Randomness from a seed, so that a run can be repeated. (Keys, nonces and salts are drawn by the
// libraries themselves and are new in each run.)

import { randomInt } from "node:crypto";

const SCRIPTS = [[0x20, 0x7e], [0xa1, 0x17f], [0x3b1, 0x3c9], [0x4e00, 0x9fff], [0x1f600, 0x1f64f]];
// Printable ASCII without a dot: what the compact form may hold unencoded.
const PLAIN = Array.from({ length: 95 }, (_, i) => String.fromCharCode(i + 32))
  .filter((character) => character !== ".");

export class Random {
  constructor(seed = process.env.JOSE_SEED) {
    this.seed = Number(seed ?? randomInt(2 ** 32));
    this.state = this.seed;
    this.turn = 0;
  }

  /// A number from 0 up to `limit`, without it (mulberry32).
  below(limit) {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick(list) { return list[this.below(list.length)]; }

  bytes(length) { return Buffer.from(Array.from({ length }, () => this.below(256))); }

  /// "bytes", "text" (of several scripts) or "plain": in turn empty, short, of any length, and
  /// long; bytes are never UTF-8 unless they are empty.
  payload(content) {
    const length = [0, 1 + this.below(3), this.below(300), this.below(5000)][this.turn++ % 4];
    if (content === "bytes") {
      const bytes = this.bytes(length);
      if (length > 0) bytes[this.below(length)] = 0xff;
      return bytes;
    }
    return Buffer.from(Array.from({ length }, () => this.character(content)).join(""));
  }

  character(content) {
    if (content === "plain") return this.pick(PLAIN);
    const [first, last] = this.pick(SCRIPTS);
    return String.fromCodePoint(first + this.below(last - first + 1));
  }
}

// countersign-jose, as the example `jose_peer` shows it: a JSON command a line, an answer a line.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/// A library has refused a token or a key; `reason` is "bad_signature", "decryption" or its own.
export class Refused extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export class OurSide {
  name = "countersign";

  constructor() {
    const binary = process.env.JOSE_PEER_BIN;
    if (!binary) throw new Error("JOSE_PEER_BIN names no jose_peer binary");
    this.child = spawn(binary, [], { stdio: ["pipe", "pipe", "inherit"] });
    this.ended = once(this.child, "exit");
    this.waiting = [];
    const lines = createInterface({ input: this.child.stdout });
    lines.on("line", (line) => this.waiting.shift().resolve(line));
    lines.on("close", () => {
      for (const { reject } of this.waiting) reject(new Error("jose_peer ended"));
    });
  }

  async stop() {
    this.child.stdin.end();
    await this.ended;
  }

  async ask(command) {
    const line = new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.child.stdin.write(`${JSON.stringify(command)}\n`);
    const answer = JSON.parse(await line);
    if (answer.refused) throw new Refused(answer.refused);
    if (answer.fault) throw new Error(`jose_peer: ${answer.fault}`);
    return answer.ok;
  }

  names() { return this.ask({ do: "names" }); }

  /// `kind`: the curve; for `dir`, whose key is one of a method of encryption, that method.
  async generate(alg, kind) {
    const command = alg === "dir" ? { alg: kind } : { alg, kind };
    return (await this.ask({ do: "generate", ...command })).jwk;
  }

  /// The key, `{ jwk }` or `{ pem }`, in every form that it has.
  forms(key) { return this.ask({ do: "key", key }); }

  async sign(form, keys, payload) {
    const signers = keys.map((key) => key.ours.private);
    const bytes = payload.toString("base64url");
    return (await this.ask({ do: "sign", ...form.flags, keys: signers, payload: bytes })).token;
  }

  async verify(form, keys, token, payload) {
    const verifiers = keys.map((key) => key.ours.public);
    const command = { do: "verify", ...form.flags, keys: verifiers, token };
    if (form.flags.detached) command.payload = payload.toString("base64url");
    return Buffer.from((await this.ask(command)).payload, "base64url");
  }

  async encrypt(form, enc, keys, plaintext, aad) {
    const recipients = keys.map((key) => key.ours.public);
    const command = { do: "encrypt", ...form.flags, enc, keys: recipients };
    command.plaintext = plaintext.toString("base64url");
    if (aad) command.aad = aad.toString("base64url");
    return (await this.ask(command)).token;
  }

  /// What each of the keys decrypts to.
  async decrypt(form, enc, keys, token, inflate) {
    const recipients = keys.map((key) => key.ours.private);
    const command = { do: "decrypt", ...form.flags, enc, keys: recipients, token, inflate };
    const { plaintext, aad } = await this.ask(command);
    return [Buffer.from(plaintext, "base64url"), aad && Buffer.from(aad, "base64url")];
  }
}

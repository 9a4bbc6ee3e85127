// Starts `countersign dev` for one suite, and ends it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const START_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 10_000;

/// Gives `{ issuer, stop }` once the server answers discovery. `config` declares more clients.
export async function startServer(config = "") {
  const binary = process.env.COUNTERSIGN_BIN;
  if (!binary) throw new Error("COUNTERSIGN_BIN names no countersign binary");
  const folder = await mkdtemp(join(tmpdir(), "countersign-interop-"));
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const words = ["dev", "--port", String(port), "--data-dir", join(folder, "data")];
  if (config) {
    await writeFile(join(folder, "countersign.toml"), config);
    words.push("--config", join(folder, "countersign.toml"));
  }
  const child = spawn(binary, words, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => { output = (output + data).slice(-20_000); });
  }
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  const limit = Date.now() + START_LIMIT_MS;
  while (!await answers(issuer)) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > limit) {
      await stop();
      throw new Error(`countersign dev did not start:\n${output}`);
    }
    await sleep(10);
  }
  return { issuer, stop };
}

export async function freePort() {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  await once(listener, "close");
  return port;
}

async function answers(issuer) {
  try {
    const response = await fetch(`${issuer}/.well-known/openid-configuration`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

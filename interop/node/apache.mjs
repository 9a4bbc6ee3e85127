// Debian's Apache from a configuration of the test, in the foreground, with a folder of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PROGRAM = "/usr/sbin/apache2";
const MODULES = "/usr/lib/apache2/modules";
const LOADED = ["mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http"];
const START_LIMIT_MS = 10_000;
const STOP_LIMIT_MS = 10_000;

/// Listens on this port with the module and what is said about it; gives `{ origin, stop }`.
export async function startApache(port, directives) {
  const folder = await mkdtemp(join(tmpdir(), "countersign-apache-"));
  // Started by root it works as somebody else, who has to get in.
  await chmod(folder, 0o755);
  const load = [...LOADED, "auth_openidc"].map((name) => {
    return `LoadModule ${name}_module ${MODULES}/mod_${name}.so`;
  });
  await writeFile(join(folder, "apache.conf"), `
ServerRoot ${folder}
DefaultRuntimeDir ${folder}
PidFile ${folder}/pid
ErrorLog ${folder}/error.log
ServerName 127.0.0.1:${port}
Listen 127.0.0.1:${port}
StartServers 1
${load.join("\n")}
User www-data
Group www-data
${directives}
`);
  const words = ["-d", folder, "-f", "apache.conf", "-D", "FOREGROUND"];
  const child = spawn(PROGRAM, words, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => { output = (output + data).slice(-20_000); });
  }
  const ended = once(child, "exit");
  const log = () => readFile(join(folder, "error.log"), "utf8").catch(() => "");
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  const origin = `http://127.0.0.1:${port}`;
  const limit = Date.now() + START_LIMIT_MS;
  while (!await answers(origin)) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > limit) {
      const said = `${output}${await log()}`;
      await stop();
      throw new Error(`Apache did not start:\n${said}`);
    }
    await sleep(10);
  }
  return { origin, stop, log };
}

async function answers(origin) {
  try {
    await (await fetch(origin)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

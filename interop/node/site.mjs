// A web application of the test on a port of its own, with a server that knows it as a client.

import { once } from "node:events";
import { createServer } from "node:http";

import { startServer } from "./server.mjs";

/// Gives `{ origin, server, handle, stop }`. `configure` gets the origin and answers the
/// configuration that declares the client; `handle` takes what answers the application's requests.
export async function startSite(configure) {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const origin = `http://127.0.0.1:${listener.address().port}`;
  const close = async () => {
    listener.close();
    listener.closeAllConnections();
    await once(listener, "close");
  };
  const server = await startServer(configure(origin)).catch(async (error) => {
    await close();
    throw error;
  });
  const stop = () => Promise.all([close(), server.stop()]);
  return { origin, server, handle: (handler) => listener.on("request", handler), stop };
}

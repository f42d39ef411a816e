import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";

/** Below what systems hand out by themselves (from 32768 on Linux, 49152 elsewhere): no `listen(0)` and no outgoing connection takes these. */
const FIRST = 10_000;
const LAST = 32_000;

/**
 * A TCP port of the loopback address for something that has to be told its port before it listens, or that comes back on it.
 * What can listen on port 0 and say which one it got does so instead.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const server = createServer();
    try {
      await listenOn(server, port);
      return port;
    } catch {
      // Taken.
    } finally {
      server.close();
    }
  }
}

/** Listens on a free port of the loopback address, and says which. */
export async function listen(server: Server): Promise<number> {
  return listenOn(server, 0);
}

/** The port that a server listens on. */
export function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen on TCP");
  return address.port;
}

/**
 * A port of the loopback address that refuses connections for as long as this process lives: it is the near end of a connection, so
 * that the system gives it to no other socket, and nothing listens on it.
 */
export async function closedPort(): Promise<number> {
  const server = createServer();
  const held = connect({ host: "127.0.0.1", port: await listen(server) });
  const [accepted] = await Promise.all([once(server, "connection"), once(held, "connect")]);
  for (const socket of [held, ...accepted]) socket.on("error", () => undefined).unref();
  server.close();
  server.unref();
  return held.localPort ?? 0;
}

async function listenOn(server: Server, port: number): Promise<number> {
  server.listen({ host: "127.0.0.1", port, exclusive: true });
  await once(server, "listening");
  return portOf(server);
}

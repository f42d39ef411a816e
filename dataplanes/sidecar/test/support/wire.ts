import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import {
  type AddressInfo,
  connect,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from "node:net";

/** A program behind the proxy, on a free port, gone with its scope. */
export interface App extends AsyncDisposable {
  readonly port: number;
  readonly server: Server;
}

type Listener = (...call: Parameters<RequestListener>) => unknown;

export async function startApp(listener: Listener): Promise<App> {
  const server = createServer((request, response) => {
    // A body that breaks off in the middle is for some tests the whole point.
    void (async () => listener(request, response))().catch(() => response.destroy());
  });
  const port = await listen(server);
  return {
    port,
    server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A program that speaks with bare hands. */
export async function startBytes(
  onSocket: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createNetServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    onSocket(socket);
  });
  const port = await listen(server);
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

export async function listen(server: NetServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return portOf(server);
}

export function portOf(server: NetServer): number {
  return (server.address() as AddressInfo).port;
}

/** Nobody listens there: below 1024 and assigned to nothing in use. A free port, once closed, may be somebody's a moment later. */
const CLOSED_PORTS: readonly number[] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16];
let closedPortsGiven = 0;

/** A port of loopback that refuses connections; another one at each of eleven calls. */
export async function closedPort(): Promise<number> {
  return CLOSED_PORTS[closedPortsGiven++ % CLOSED_PORTS.length] ?? 1;
}

export async function bodyOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of message) text += String(chunk);
  return text;
}

/** A connection that sends what it is told and remembers what it hears. */
export interface Raw {
  readonly socket: Socket;
  send(text: string | Buffer): void;
  /** All that was received so far, in Latin-1. */
  text(): string;
  /** Waits until the text received satisfies; fails after five seconds. */
  until(what: (text: string) => boolean): Promise<string>;
  /** Waits until the other side has closed, and returns all that it said. */
  closed(): Promise<string>;
}

export async function openRaw(port: number): Promise<Raw> {
  const socket = connect({ port, host: "127.0.0.1" });
  let received = "";
  let over = false;
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
  });
  socket.once("close", () => {
    over = true;
  });
  await once(socket, "connect");
  return {
    socket,
    send: (text) => void socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text),
    text: () => received,
    async until(what) {
      await until("the bytes came", () => what(received) || over);
      return received;
    },
    async closed() {
      await until("the connection closed", () => over);
      return received;
    },
  };
}

/** Sends one text, and returns everything that came until the other side closed. */
export async function exchangeRaw(port: number, text: string): Promise<string> {
  const raw = await openRaw(port);
  raw.send(text);
  return raw.closed();
}

/** Waits until it is so; fails after five seconds. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not so after 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

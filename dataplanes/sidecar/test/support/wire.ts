import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { connect, createServer as createNetServer, type Socket } from "node:net";
import { eventually, listen } from "@patchbay/testkit";

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
  /** Waits until the text received satisfies. */
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
      await eventually("the bytes came", () => what(received) || over);
      return received;
    },
    async closed() {
      await eventually("the connection closed", () => over);
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

import { createConnection, type Socket } from "node:net";

/** What a server said about one attempt. */
export type Verdict = "allowed" | "denied";

export interface RawNats {
  /** Publishes, with a reply subject if given; "denied" when the server reports a permissions violation. */
  publish(subject: string, options?: { readonly reply?: string; readonly body?: string }): Promise<Verdict>;
  subscribe(subject: string): Promise<Verdict>;
  /** Bodies that arrived, newest last. */
  readonly received: string[];
  close(): void;
}

/**
 * Speaks NATS's own lines, so that nothing which a client library would refuse or hide stands between a test and the server.
 * Rejects with the server's error when the connection is refused.
 */
export async function connectRaw(url: string, token: string | undefined): Promise<RawNats> {
  const { hostname, port } = new URL(url);
  const socket = createConnection({ host: hostname, port: Number(port) });
  const lines = readLines(socket);
  await lines.next("INFO");
  const options = {
    verbose: false,
    pedantic: false,
    protocol: 1,
    headers: true,
    no_responders: true,
    name: "raw",
    auth_token: token,
  };
  socket.write(`CONNECT ${JSON.stringify(options)}\r\nPING\r\n`);
  await lines.next("PONG");
  let subscriptions = 0;
  /** The server answers in order: an error about what was sent comes before the answer to a PING sent after it. */
  const attempt = async (text: string): Promise<Verdict> => {
    const before = lines.violations();
    socket.write(`${text}PING\r\n`);
    await lines.next("PONG");
    return lines.violations() > before ? "denied" : "allowed";
  };
  return {
    publish: (subject, { reply, body = "" } = {}) =>
      attempt(`PUB ${subject} ${reply ? `${reply} ` : ""}${Buffer.byteLength(body)}\r\n${body}\r\n`),
    subscribe: (subject) => attempt(`SUB ${subject} ${++subscriptions}\r\n`),
    received: lines.received,
    close: () => socket.destroy(),
  };
}

interface Lines {
  /** Waits for a line that starts so. */
  next(start: string): Promise<void>;
  violations(): number;
  readonly received: string[];
}

function readLines(socket: Socket): Lines {
  let held = "";
  let violations = 0;
  let failure: Error | undefined;
  const received: string[] = [];
  const seen: string[] = [];
  let wake: () => void = () => undefined;
  const take = (line: string): void => {
    if (/permissions violation/i.test(line)) violations += 1;
    else if (line.startsWith("-ERR")) failure = new Error(line);
    else if (/^H?MSG /.test(line)) received.push(line);
    else if (line === "PING") socket.write("PONG\r\n");
    else seen.push(line);
  };
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    const lines = (held + chunk).split("\r\n");
    held = lines.pop() ?? "";
    for (const line of lines) take(line);
    wake();
  });
  socket.on("error", (error) => {
    failure ??= error;
    wake();
  });
  socket.on("close", () => {
    failure ??= new Error("the server closed the connection");
    wake();
  });
  return {
    received,
    violations: () => violations,
    async next(start) {
      for (;;) {
        const at = seen.findIndex((line) => line.startsWith(start));
        if (at >= 0) return void seen.splice(0, at + 1);
        if (failure) throw failure;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

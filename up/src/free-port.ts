import { createServer, type Server } from "node:net";

/** A free port of `host`: `wanted` if it is free, else any. 0 asks for any. */
export async function freePort(host: string, wanted = 0): Promise<number> {
  return (await tryPort(host, wanted)) ?? (await freePort(host, 0));
}

/** The port if it is free, undefined if it is taken or may not be bound. */
export async function tryPort(host: string, port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    return await listen(server, host, port);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "EADDRINUSE" || error.code === "EACCES")) {
      return undefined;
    }
    throw error;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : port);
    });
  });
}

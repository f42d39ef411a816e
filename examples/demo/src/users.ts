import { notFound, serveHttp, work } from "./http-service.ts";

const NAMES = ["ada", "grace", "edsger", "barbara", "donald"];

serveHttp(async ({ path }) => {
  const id = /^\/users\/(\d+)$/.exec(path)?.[1];
  if (id === undefined) return notFound;
  await work(3);
  return { status: 200, body: { id: Number(id), name: NAMES[Number(id) % NAMES.length] } };
});

import { notFound, serveHttp, work } from "./http-service.ts";

/** The flaw: vouchers are asked for at the company that has issued them, which takes its time, and one of them never answers. */
async function chargeVoucher(issuer: string) {
  await work(250);
  if (issuer === "initech") return { status: 500, body: { error: `${issuer} did not answer` } };
  return { status: 200, body: { charged: true } };
}

serveHttp(async ({ method, path, headers }) => {
  if (method !== "POST") return notFound;
  if (path === "/charge/voucher") return await chargeVoucher(String(headers["x-voucher-issuer"] ?? ""));
  if (path !== "/charge/card") return notFound;
  await work(8);
  return { status: 200, body: { charged: true } };
});

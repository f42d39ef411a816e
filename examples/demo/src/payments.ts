import { notFound, serveHttp, work } from "./http-service.ts";

/** The flaw: vouchers go to a slow partner that fails three times in ten. */
async function chargeVoucher() {
  await work(250);
  if (Math.random() < 0.3) return { status: 500, body: { error: "voucher partner did not answer" } };
  return { status: 200, body: { charged: true } };
}

serveHttp(async ({ method, path }) => {
  if (method !== "POST") return notFound;
  if (path === "/charge/voucher") return await chargeVoucher();
  if (path !== "/charge/card") return notFound;
  await work(8);
  return { status: 200, body: { charged: true } };
});

import { addToCart } from "./cart-client.ts";
import { getProduct } from "./catalog-client.ts";
import { notFound, type Reply, serveHttp } from "./http-service.ts";
import { traceFields } from "./trace-context.ts";

async function home(user: string): Promise<Reply> {
  const response = await fetch(`http://users/users/${user}`, {
    headers: traceFields(),
    signal: AbortSignal.timeout(2_000),
  });
  if (!response.ok) return { status: 502, body: { error: `users answered ${response.status}` } };
  return { status: 200, body: { shop: "patchbay demo", user: await response.json() } };
}

/** The issuer of a voucher; payments asks that company. */
const ISSUER = "x-voucher-issuer";

function issuerOf(query: URLSearchParams): string {
  const issuer = query.get("issuer") ?? "";
  return /^[a-z]{1,20}$/.test(issuer) ? issuer : "acme";
}

async function checkout(method: string, issuer: string): Promise<Reply> {
  const response = await fetch(`http://payments/charge/${method}`, {
    method: "POST",
    headers: { ...traceFields(), ...(method === "voucher" && { [ISSUER]: issuer }) },
    signal: AbortSignal.timeout(5_000),
  });
  await response.arrayBuffer();
  if (!response.ok) return { status: 502, body: { error: `payment failed: payments answered ${response.status}` } };
  return { status: 200, body: { paid: true } };
}

serveHttp(async ({ method, path, query }) => {
  const user = query.get("user") ?? "1";
  if (method === "GET" && path === "/") return await home(user);
  if (method === "GET" && path.startsWith("/products/")) return { status: 200, body: await getProduct(path) };
  if (method === "POST" && path === "/cart") return { status: 200, body: { size: await addToCart(user, "lamp") } };
  if (method === "POST" && path === "/checkout")
    return await checkout(query.get("method") === "voucher" ? "voucher" : "card", issuerOf(query));
  return notFound;
});

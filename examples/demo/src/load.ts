/** Customers: about REQUESTS_PER_SECOND requests to web, evenly spread over time, each waiting for nothing but its own turn. */
const perSecond = Number(process.env["REQUESTS_PER_SECOND"] ?? 40);

interface Step {
  readonly share: number;
  readonly method: "GET" | "POST";
  path(user: number): string;
}

/** The issuer of a customer's voucher. */
const issuers = [...Array(4).fill("acme"), ...Array(3).fill("globex"), ...Array(3).fill("initech")];

const steps: readonly Step[] = [
  { share: 40, method: "GET", path: (user) => `/?user=${user}` },
  { share: 30, method: "GET", path: (user) => `/products/${user % 97}` },
  { share: 15, method: "POST", path: (user) => `/cart?user=${user}` },
  { share: 10, method: "POST", path: () => "/checkout?method=card" },
  { share: 5, method: "POST", path: (user) => `/checkout?method=voucher&issuer=${issuers[user % 10]}` },
];

function nextStep(): Step | undefined {
  let at = Math.random() * 100;
  return steps.find((step) => {
    at -= step.share;
    return at < 0;
  });
}

async function visit(): Promise<void> {
  const step = nextStep();
  if (!step) return;
  const url = `http://web${step.path(Math.floor(Math.random() * 1_000))}`;
  const response = await fetch(url, { method: step.method, signal: AbortSignal.timeout(10_000) });
  await response.arrayBuffer();
}

// A request that fails is seen in the mesh, by both ends; the customers just come again.
const timer = setInterval(() => void visit().catch(() => undefined), 1_000 / perSecond);
process.once("SIGTERM", () => {
  clearInterval(timer);
  setTimeout(() => process.exit(0), 300);
});

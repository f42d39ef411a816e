import { fileURLToPath } from "node:url";

/** A program of the demo. It reads its port from PORT and calls others by their names, through the usual proxy variables. */
export interface DemoService {
  readonly name: string;
  /** Arguments for node. */
  readonly command: readonly string[];
  /** False: it only calls others. */
  readonly serves: boolean;
  /** Path that answers 200 once it is ready. Undefined: ready when its port accepts. */
  readonly health?: string;
  /** What it is, in a few words. */
  readonly about: string;
}

const script = (name: string): readonly string[] => [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))];

/** A small shop. One of these services has a flaw; `mesh stat` finds it. */
export const demoServices: readonly DemoService[] = [
  { name: "users", command: script("users"), serves: true, health: "/health", about: "accounts, HTTP/1.1" },
  { name: "catalog", command: script("catalog"), serves: true, about: "products, HTTP/2" },
  { name: "cart", command: script("cart"), serves: true, about: "carts, gRPC" },
  { name: "payments", command: script("payments"), serves: true, health: "/health", about: "charges, HTTP/1.1" },
  { name: "web", command: script("web"), serves: true, health: "/health", about: "the shop's front, HTTP/1.1" },
  { name: "load", command: script("load"), serves: false, about: "customers" },
];

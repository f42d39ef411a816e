import { type CelMap, celMap } from "@bufbuild/cel";
import { headerMap, headerValue } from "../match/headers.ts";

/**
 * Headers as an expression sees them. Most expressions look at one of them, for which no map of all is worth making.
 */
export function headerView(headers: readonly string[]): CelMap {
  return celMap(new HeaderView(headers));
}

const FEW = 4;

class HeaderView extends Map<string, string> {
  readonly #headers: readonly string[];
  #asked = 0;

  constructor(headers: readonly string[]) {
    super();
    this.#headers = headers;
  }

  override get size(): number {
    return headerMap(this.#headers).size;
  }

  override get(name: string): string | undefined {
    this.#asked += 1;
    // A loop asks for each: looking through all for all of them would be quadratic.
    return this.#asked > FEW ? headerMap(this.#headers).get(name) : headerValue(this.#headers, name);
  }

  override has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  override keys(): MapIterator<string> {
    return headerMap(this.#headers).keys() as MapIterator<string>;
  }

  override values(): MapIterator<string> {
    return headerMap(this.#headers).values() as MapIterator<string>;
  }

  override entries(): MapIterator<[string, string]> {
    return headerMap(this.#headers).entries() as MapIterator<[string, string]>;
  }

  override [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }

  override forEach(visit: (value: string, name: string, map: Map<string, string>) => void): void {
    for (const [name, value] of this.entries()) visit(value, name, this);
  }
}

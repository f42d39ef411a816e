import type { CelInput } from "@bufbuild/cel";
import { type Facts, VARIABLES } from "./variables.ts";

/** The variables of one evaluation, under their full names. Each is made when it is read. */
class Bindings {
  readonly facts: Facts;
  [name: string]: CelInput | Facts;

  constructor(facts: Facts) {
    this.facts = facts;
  }
}

for (const [name, variable] of VARIABLES)
  Object.defineProperty(Bindings.prototype, name, {
    get(this: Bindings) {
      return variable.read(this.facts);
    },
  });

/** Only names that the check lets through are asked for, so `facts` itself is out of reach. */
export function bindingsOf(facts: Facts): Record<string, CelInput> {
  return new Bindings(facts) as unknown as Record<string, CelInput>;
}

import { inspect } from "node:util";

/**
 * Gives plain objects a property that is computed when it is first read. It is an own, enumerable one, so that spreading,
 * JSON, deepEqual, structuredClone and console.log take it for any other. `compute` runs again after it threw.
 */
export function lazyProperty<const Name extends string, Source extends object, Value>(
  name: Name,
  compute: (source: Source) => Value,
): <Target extends object>(target: Target, source: Source) => Target & { readonly [Key in Name]: Value } {
  class Lazy extends Given {
    #source: Source | undefined;
    #value: Value | undefined;

    constructor(target: object, source: Source) {
      super(target);
      this.#source = source;
    }

    static read(target: Lazy): Value {
      if (target.#source) {
        target.#value = compute(target.#source);
        target.#source = undefined;
      }
      return target.#value as Value;
    }
  }
  // One getter for all objects: with a getter per object, V8 would give each object its own hidden class.
  const property: PropertyDescriptor & ThisType<Lazy> = {
    enumerable: true,
    configurable: true,
    get() {
      return Lazy.read(this);
    },
  };
  return (target, source) => {
    new Lazy(target, source);
    Object.defineProperty(target, inspect.custom, printed);
    return Object.defineProperty(target, name, property) as typeof target & { readonly [Key in Name]: Value };
  };
}

/** Makes the private fields of a subclass those of an object that there is already: they show nowhere and cost nothing. */
class Given {
  constructor(target: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is what the class is for.
    return target;
  }
}

/** Without it console.log prints `[Getter]`. */
const printed: PropertyDescriptor & ThisType<object> = {
  value() {
    return { ...this };
  },
};

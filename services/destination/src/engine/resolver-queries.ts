import { errorMessage } from "@patchbay/model";
import type { Log } from "@patchbay/wire";
import type { Chain, Settled } from "../core/chain.ts";
import type { Resolver } from "../sources/resolver.ts";

export interface ResolverQueriesOptions {
  readonly chain: Chain;
  readonly log: Log;
  now(): number;
  /** A link said something; the chain is to be settled soon. */
  onNews(): void;
}

/** Does what the chain asks for: puts its questions to the links, and tells it what they say. */
export interface ResolverQueries {
  setLinks(links: readonly Resolver[]): void;
  links(): readonly Resolver[];
  /** Settles the chain until nothing more follows at once. */
  settle(): Settled["evaluated"];
  stop(): void;
}

/** Links that answer at once may lead to further questions, at most as deep as rewrites go; more turns would be a mistake of ours. */
const MAX_TURNS = 100;

export function createResolverQueries({ chain, log, now, onNews }: ResolverQueriesOptions): ResolverQueries {
  let links = new Map<string, Resolver>();
  const closers = new Map<string, () => void>();
  const open = (question: Settled["opened"][number]): void => {
    const link = links.get(question.link);
    try {
      const close = link?.ask(question, (event) => {
        chain.hear(question.id, event, now());
        onNews();
      });
      if (close) closers.set(question.id, close);
    } catch (error) {
      // One link's mistake must not take the others with it.
      log.error({ link: question.link, error }, "link could not be asked");
      chain.hear(question.id, { kind: "broken", reason: errorMessage(error), hard: true }, now());
    }
  };
  const turn = (evaluated: Set<Settled["evaluated"][number]>): boolean => {
    const settled = chain.settle(now());
    for (const id of settled.closed) {
      closers.get(id)?.();
      closers.delete(id);
    }
    for (const watched of settled.evaluated) evaluated.add(watched);
    for (const question of settled.opened) open(question);
    return settled.evaluated.length > 0;
  };
  return {
    setLinks(next) {
      links = new Map(next.map((link) => [link.spec.name, link]));
      chain.setLinks(next.map((link) => link.spec));
    },
    links: () => [...links.values()],
    settle() {
      const evaluated = new Set<Settled["evaluated"][number]>();
      for (let turns = 0; turns < MAX_TURNS; turns++) if (!turn(evaluated)) break;
      return [...evaluated];
    },
    stop() {
      for (const close of closers.values()) close();
      closers.clear();
    },
  };
}

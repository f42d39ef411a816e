import assert from "node:assert/strict";
import { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import fc from "fast-check";
import { type AskedRequest, type Document, folders, requests } from "./dry-run-cases.ts";
import { createWorld, type Outcome } from "./dry-run-world.ts";

type Default = typeof DefaultAction.ALLOW | typeof DefaultAction.DENY;

/** How often each request is sent: the second meets buckets that the first has taken from. */
const TWICE = [1, 2];

/** Fails where the dry run says other than what the proxies do. Gives what they do. */
export async function compare(
  folder: readonly Document[],
  asked: readonly AskedRequest[],
  otherwise: Default = DefaultAction.ALLOW,
) {
  const world = createWorld(folder, otherwise);
  const outcomes: Outcome[] = [];
  for (const each of asked.flatMap((one) => TWICE.map(() => one))) {
    const explained = await world.explain(each);
    const sent = world.send(each);
    assert.deepEqual(comparable(explained, sent), comparable(sent, sent), JSON.stringify(each));
    outcomes.push(sent);
  }
  return outcomes;
}

/** Limits are charged only where everything else lets the request pass; of several backends' policies the dry run tells one. */
function comparable({ policies, limits, ...rest }: Outcome, sent: Outcome): object {
  const passes = rest.decision === "allowed" || rest.decision === "ask";
  const toldRightly =
    policies.length === 0 ? sent.policies.length === 0 : policies.every((each) => sent.policies.includes(each));
  return { ...rest, toldRightly, limits: passes ? limits : [] };
}

/** Of the first of two equal requests. */
export function decisions(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.filter((_, at) => at % TWICE.length === 0).map(({ decision }) => decision);
}

/** As many folders of resources, with four to eight requests each. */
export async function compareAll(parameters: { readonly numRuns: number }): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      folders,
      fc.array(requests, { minLength: 4, maxLength: 8 }),
      fc.constantFrom(DefaultAction.ALLOW, DefaultAction.ALLOW, DefaultAction.DENY),
      async (folder, asked, otherwise) => void (await compare(folder, asked, otherwise)),
    ),
    parameters,
  );
}

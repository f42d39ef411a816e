import { isRecord } from "@patchbay/model";
import { PluginMistake, show } from "../errors/mistake.ts";
import { placeOfCaller } from "../errors/place.ts";
import type { Answer, SplitTarget } from "../public/answer.ts";
import { parseAuthority } from "./authority.ts";
import { readEndpoints } from "./endpoint-check.ts";

/** Where an answer came from, for the message when it is wrong. */
export interface AnswerSource {
  /** Such as `resolve("users")`. */
  readonly doing: string;
  readonly place: () => string | undefined;
}

const MAX_TARGETS = 64;
const MAX_WEIGHT = 4_294_967_295;
const HOW_TO = 'Yield endpoints(["10.0.0.1:80"]), empty(), absent(), rewrite("web") or split([...])';
const direct: AnswerSource = { doing: "resolve", place: placeOfCaller };

/** Checks what a resolver yielded, which may have been made by hand, and returns it in its normal form. Throws a PluginMistake. */
export function checkAnswer(value: unknown, source: AnswerSource = direct): Answer {
  switch (isRecord(value) ? value.kind : undefined) {
    case "endpoints":
      return { kind: "endpoints", endpoints: readEndpoints(read(value, "endpoints"), source.place) };
    case "empty":
      return { kind: "empty" };
    case "absent":
      return checkAbsent(read(value, "ttlMs"), source);
    case "rewrite":
      return { kind: "rewrite", authority: checkAuthority(read(value, "authority"), "rewrite()", source) };
    case "split":
      return { kind: "split", targets: checkTargets(read(value, "targets"), source) };
    default:
      throw new PluginMistake(`${source.doing} yielded ${show(value)}, which is no answer`, {
        hint: HOW_TO,
        place: source.place(),
      });
  }
}

function read(value: unknown, key: string): unknown {
  return isRecord(value) ? value[key] : undefined;
}

function checkAbsent(ttlMs: unknown, source: AnswerSource): Answer {
  if (ttlMs === undefined) return { kind: "absent" };
  if (typeof ttlMs === "number" && Number.isFinite(ttlMs) && ttlMs >= 0) return { kind: "absent", ttlMs };
  throw new PluginMistake(`absent() has the time to live ${show(ttlMs)}`, {
    hint: 'Write absent({ ttl: "30s" })',
    place: source.place(),
  });
}

function checkAuthority(value: unknown, name: string, source: AnswerSource): string {
  if (typeof value === "string" && parseAuthority(value)) return value;
  const hint = 'Write a name, with a port when it is not 80, such as "web" or "db.example.com:5432"';
  throw new PluginMistake(`${name} got ${show(value)}, which is no authority`, { hint, place: source.place() });
}

function checkTargets(value: unknown, source: AnswerSource): readonly SplitTarget[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_TARGETS) {
    const hint = 'Write split([{ authority: "users-v1", weight: 9 }, { authority: "users-v2", weight: 1 }])';
    throw new PluginMistake(`split() needs 1 to ${MAX_TARGETS} targets and got ${show(value)}`, {
      hint,
      place: source.place(),
    });
  }
  const targets = value.map((target: unknown, index) => checkTarget(target, index, source));
  if (targets.some((target) => target.weight > 0)) return targets;
  throw new PluginMistake("split() got only weights of 0", {
    hint: "At least one target needs a share",
    place: source.place(),
  });
}

function checkTarget(target: unknown, index: number, source: AnswerSource): SplitTarget {
  const { authority, weight } = isRecord(target) ? target : {};
  const checked = checkAuthority(authority, `target ${index} of split()`, source);
  if (typeof weight === "number" && Number.isInteger(weight) && weight >= 0 && weight <= MAX_WEIGHT) {
    return { authority: checked, weight };
  }
  const hint = "A weight is a whole number, 0 or more";
  throw new PluginMistake(`target ${index} of split() has the weight ${show(weight)}`, { hint, place: source.place() });
}

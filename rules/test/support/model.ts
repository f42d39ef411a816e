import type { RequestFacts } from "@patchbay/model";
import {
  AuthorizationAction,
  type AuthorizationPolicy,
  DefaultAction,
  type Inbound,
  type Operation,
  type Source,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileExpression, policyName } from "@patchbay/rules";

/**
 * What authorization means, as simply as it can be written: every policy is looked at for every request. The real thing has an
 * index; both have to say the same.
 */
export function decideNaively(
  inbound: Inbound,
  facts: RequestFacts,
): { verdict: string; policy: string; ask: string[]; audited: string[] } {
  const matching = (action: AuthorizationAction): string[] =>
    inbound.authorization
      .filter((policy) => policy.action === action && policyMatches(policy, facts))
      .map(({ ref }) => policyName(ref))
      .sort();
  const audited = matching(AuthorizationAction.AUDIT);
  const [denied] = matching(AuthorizationAction.DENY);
  if (denied !== undefined) return { verdict: "deny", policy: denied, ask: [], audited };
  const [allowed] = matching(AuthorizationAction.ALLOW);
  const anyAllow = inbound.authorization.some(({ action }) => action === AuthorizationAction.ALLOW);
  const open = !anyAllow && inbound.defaultAction === DefaultAction.ALLOW;
  if (allowed === undefined && !open) return { verdict: "deny", policy: "default", ask: [], audited };
  const ask = matching(AuthorizationAction.PLUGIN);
  const [asked] = ask;
  if (asked !== undefined) return { verdict: "ask", policy: asked, ask, audited };
  return { verdict: "allow", policy: allowed ?? "default", ask: [], audited };
}

function policyMatches({ action, rules }: AuthorizationPolicy, facts: RequestFacts): boolean {
  const allows = action === AuthorizationAction.ALLOW;
  if (rules.length === 0) return true;
  return rules.some(
    ({ from, to, when }) =>
      (from.length === 0 || from.some((source) => sourceMatches(source, facts, allows))) &&
      (to.length === 0 || to.some((operation) => operationMatches(operation, facts, allows))) &&
      whenMatches(when, facts, allows),
  );
}

function sourceMatches(source: Source, { source: { identity, namespace } }: RequestFacts, allows: boolean): boolean {
  const { identities, notIdentities, namespaces, notNamespaces } = source;
  const like = (pattern: string): boolean => {
    const expression = pattern
      .split("*")
      .map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"))
      .join(".*");
    return identity !== "" && new RegExp(`^${expression}$`, "s").test(identity);
  };
  if (allows && identity === "" && notIdentities.length + notNamespaces.length > 0) return false;
  if (identities.length > 0 && !identities.some(like)) return false;
  if (notIdentities.some(like)) return false;
  if (namespaces.length > 0 && (namespace === "" || !namespaces.includes(namespace))) return false;
  return namespace === "" || !notNamespaces.includes(namespace);
}

function operationMatches(
  { methods, notMethods, paths, notPaths }: Operation,
  { method, path }: RequestFacts,
  allows: boolean,
): boolean {
  const sameMethod = (wanted: string, loosely: boolean): boolean =>
    wanted === method || (loosely && wanted.toUpperCase() === method.toUpperCase());
  const onPath = (pattern: string, loosely: boolean): boolean => {
    const fold = (text: string): string =>
      loosely
        ? text
            .replaceAll("%40", "@")
            .replace(/;[^/]*/g, "")
            .replace(/\/+/g, "/")
            .toLowerCase()
        : text;
    if (pattern.endsWith("*") && pattern !== "*") return fold(path).startsWith(fold(pattern.slice(0, -1)));
    const ends = [fold(path), ...(loosely ? [withoutEnd(fold(path))] : [])];
    if (pattern.startsWith("*")) return ends.some((path) => path.endsWith(fold(pattern.slice(1))));
    return loosely ? withoutEnd(fold(path)) === withoutEnd(fold(pattern)) : path === pattern;
  };
  if (methods.length > 0 && !methods.some((wanted) => sameMethod(wanted, !allows))) return false;
  if (notMethods.some((wanted) => sameMethod(wanted, allows))) return false;
  if (paths.length > 0 && !paths.some((pattern) => onPath(pattern, !allows))) return false;
  return !notPaths.some((pattern) => onPath(pattern, allows));
}

function withoutEnd(path: string): string {
  return path === "/" ? path : path.replace(/\/$/, "");
}

function whenMatches(when: string, facts: RequestFacts, allows: boolean): boolean {
  if (when === "") return true;
  const compiled = compileExpression(when, "request");
  if (!compiled.ok) throw new Error(compiled.problem.message);
  try {
    return compiled.expression.matches(facts);
  } catch {
    return !allows;
  }
}

export { type Authorization, compileAuthorization, type Decision } from "./authorization/authorization.ts";
export {
  type AskedAbout,
  createDecisionCache,
  type DecisionCache,
  type Reusable,
  wasTold,
} from "./authorization/decision-cache.ts";
export { type Compiled, compileExpression, type Expression, type Problem } from "./expression.ts";
export { compileInbound, type InboundRules } from "./inbound.ts";
export { compileLimits, type Limits, type MatchedLimit } from "./limits/limits.ts";
export { headerMap, headerValue } from "./match/headers.ts";
export { compilePattern, type Pattern } from "./match/pattern.ts";
export { MIN_REQUESTS, prometheusRules, type RulesFile } from "./objectives/prometheus-rules.ts";
export { policyName } from "./policy-name.ts";
export { compileHeaderChange, type HeaderEdit } from "./routes/header-change.ts";
export { pickBackend } from "./routes/pick-backend.ts";
export { compileRoutes, type Matched, type RouteTable } from "./routes/routes.ts";
export { RuleError } from "./rule-error.ts";
export { isHeaderName, isSecret, REDACTED, redacted, SECRET_HEADERS } from "./secret-headers.ts";
export { compileSelector, type Selection, type SelectorProblem, type SelectorResult } from "./tap-selector.ts";
export { unknownPart } from "./unknown-part.ts";

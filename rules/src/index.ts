export { type Authorization, compileAuthorization, type Decision } from "./authorization.ts";
export { type Compiled, compileExpression, type Expression, type Problem } from "./expression.ts";
export {
  type Identity,
  identityOf,
  type RequestFacts,
  type ResponseFacts,
  type SourceFacts,
  type TargetFacts,
} from "./facts.ts";
export { headerMap, headerValue } from "./headers.ts";
export { type AskedAbout, createKeptAnswers, type KeptAnswers, type Reusable, wasTold } from "./kept-answers.ts";
export { compileLimits, type Limits, type MatchedLimit } from "./limits.ts";
export { type NormalPath, normalizePath } from "./path.ts";
export { compilePattern, type Pattern } from "./pattern.ts";
export { pickBackend } from "./pick-backend.ts";
export { policyName } from "./policy-name.ts";
export { createRecent, type Recent } from "./recent.ts";
export { compileRoutes, type Matched, type RouteTable } from "./routes.ts";
export { RuleError } from "./rule-error.ts";
export { isHeaderName, isSecret, REDACTED, redacted, SECRET_HEADERS } from "./secret-headers.ts";
export { compileSelector, type Selection, type SelectorProblem, type SelectorResult } from "./tap-selector.ts";
export { createTokenBucket, type TokenBucket, type TokenBucketOptions } from "./token-bucket.ts";
export { unknownPart } from "./unknown-part.ts";
export { workloadName } from "./workload-name.ts";

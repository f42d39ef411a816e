export type {
  App,
  AppContext,
  CreateApp,
  MetricsFormat,
  PageHandler,
  PageRequest,
  PageResponse,
  Readiness,
  Self,
} from "./app.ts";
export { bearer, caller, createTokenCheck, requireKind, type TokenCheck } from "./auth.ts";
export { CORE_VERSION, type ComposeOptions, type Composition, compose } from "./compose.ts";
export { type ContextOptions, createContext, lazyEvents, type RunningContext, tokenOf } from "./context.ts";
export { REGISTRY } from "./core-transports.ts";
export { type Environment, readEnvironment } from "./environment.ts";
export { createInProcessTransport } from "./in-process.ts";
export { createLocator, type Locator } from "./locate.ts";
export { createLog } from "./log.ts";
export { createMetrics, createProcessMetrics } from "./metrics.ts";
export { createFileSource, type FileSourceOptions } from "./resources/file-source.ts";
export { API_VERSION, KIND_NAMES } from "./resources/kinds.ts";
export { createParser } from "./resources/read-kinds.ts";
export { fileOrigin, type Problem, type Resource, type ResourceKind, type SpecProblem } from "./resources/resource.ts";
export type { ResourceSource, ResourceWatch, WatchOptions } from "./resources/resource-source.ts";
export { runService } from "./run-service.ts";
export {
  createLatestStreams,
  type Framed,
  LatestStream,
  type LatestStreams,
  type LatestStreamsOptions,
} from "./server/latest-streams.ts";
export { readOneRequest } from "./server/one-request.ts";
export { createOutgoing, type Outgoing, type OutgoingEnd, type OutgoingOptions } from "./server/outgoing.ts";
export {
  beginStream,
  type EnvelopeReader,
  endStream,
  envelope,
  type RawCall,
  type RawStreamHandler,
  readEnvelopes,
  type StreamProtocol,
} from "./server/raw-stream.ts";
export { type RunningServer, type ServeOptions, serve } from "./server/serve.ts";
export { developmentSettings, type Settings, settingsOf } from "./settings.ts";
export {
  type Attributes,
  createTracing,
  type ExporterLimits,
  type ExporterStats,
  epochMs,
  formatTraceparent,
  parseTraceparent,
  type Span,
  type SpanEvent,
  type SpanSource,
  TRACEPARENT,
  TRACESTATE,
  type TraceContext,
  type Tracer,
  type Tracing,
  traceCall,
  traceStream,
  withinTrace,
} from "./trace/index.ts";
export { createView, createViewTable, type RegistryView, type RunningView, type ViewChange } from "./view.ts";

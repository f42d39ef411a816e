export { type CloudEventAttributes, cloudEventHeaders, readCloudEvent } from "./cloudevent.ts";
export { type HealthStatuses, healthRoutes } from "./health.ts";
export { newInstanceId } from "./instance-id.ts";
export { type HeartbeatState, holdLease, type Lease, type LeaseOptions } from "./lease/hold-lease.ts";
export { type Log, noLog } from "./log.ts";
export {
  type ConsumerSpec,
  type ConsumerState,
  consumerState,
  ensureConsumer,
  ensureStream,
  pauseConsumer,
  resumeConsumer,
  type StreamSpec,
} from "./nats/administer.ts";
export { type ConnectEventsOptions, connectEvents } from "./nats/connect-events.ts";
export { EventBusError, type EventBusErrorCode } from "./nats/event-bus-error.ts";
export { type FixedHeaders, fixedHeaders } from "./nats/headers.ts";
export { PUBLISHER_LIMITS, type PublisherLimits } from "./nats/publisher.ts";
export { requestKick } from "./nats/requests.ts";
export type {
  BusStatus,
  ConsumeOptions,
  CoreMessage,
  Delivery,
  EventBus,
  JetStreamManager,
  OutgoingEvent,
  Published,
  ReplayedEvent,
  ReplayOptions,
} from "./nats/types.ts";
export {
  type AuthorizationRequest,
  decodeAuthorizationRequest,
  encodeAuthorizationResponse,
  encodeUserJwt,
  type NatsPermissions,
  type UserGrant,
} from "./nats-jwt.ts";
export { createSeed, isPublicKey, type Nkey, type NkeyKind, readSeed } from "./nkeys.ts";
export { createProtocolMux, type ProtocolMuxOptions } from "./protocol-mux.ts";
export {
  deadLetterSubject,
  type EventClass,
  endpointSubject,
  pluginSubject,
  reportSubject,
  STREAM_SUBJECTS,
  STREAMS,
  sloSubject,
  subjectToken,
} from "./subjects.ts";
export { systemClock } from "./system-clock.ts";
export { createTokenSource } from "./token-source.ts";
export {
  type CallerKind,
  type Claims,
  hookToken,
  mintToken,
  type PluginInstance,
  sameSecret,
  TOKEN_LIFETIME_MS,
  TokenError,
  type TokenErrorReason,
  verifyToken,
} from "./tokens.ts";
export { type ClosableTransport, createTransport, type TransportOptions } from "./transport.ts";

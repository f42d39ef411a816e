/** JetStream streams, one per event class and redaction level. */
export const STREAMS = {
  report: "EVENTS_REPORT",
  endpoint: "EVENTS_ENDPOINT",
  plugin: "EVENTS_PLUGIN",
  slo: "EVENTS_SLO",
  deadLetters: "DEAD_LETTERS",
  advisories: "ADVISORIES",
} as const;

/** Classes of events that a plugin may consume. */
export type EventClass = "report" | "endpoint" | "plugin" | "slo";

/** The subjects that each stream keeps. */
export const STREAM_SUBJECTS = {
  [STREAMS.report]: ["mesh.event.report.standard.>"],
  [STREAMS.endpoint]: ["mesh.event.endpoint.standard.>"],
  [STREAMS.plugin]: ["mesh.event.plugin.*"],
  [STREAMS.slo]: ["mesh.event.slo.standard.>"],
  [STREAMS.deadLetters]: ["mesh.dead.>"],
  [STREAMS.advisories]: [
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
    "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
  ],
} as const;

/** A report of a proxy that stands for `service`; "-" for a proxy without a service. */
export function reportSubject(namespace: string, service: string): string {
  return `mesh.event.report.standard.${subjectToken(namespace)}.${subjectToken(service)}`;
}

/** A changed answer for an authority such as "users.default.svc.cluster.local:80": one token. */
export function endpointSubject(authority: string): string {
  return `mesh.event.endpoint.standard.${subjectToken(authority)}`;
}

/** A plugin's change of state. What plugins emit lies deeper, below their own name. */
export function pluginSubject(name: string): string {
  return `mesh.event.plugin.${subjectToken(name)}`;
}

/** A service level objective that began to burn its budget too fast, or stopped to. */
export function sloSubject(namespace: string, name: string): string {
  return `mesh.event.slo.standard.${subjectToken(namespace)}.${subjectToken(name)}`;
}

/** A dead letter of a plugin, by the class of the event. */
export function deadLetterSubject(plugin: string, eventClass: string): string {
  return `mesh.dead.${subjectToken(plugin)}.${subjectToken(eventClass)}`;
}

/**
 * Any text as one token of a NATS subject: characters that separate, match or end a subject become "_".
 * Two texts may get the same token: it is there to filter by, and the event says the rest.
 */
export function subjectToken(text: string): string {
  return text === "" ? "-" : text.replaceAll(/[^\w:@+=~-]/g, "_").slice(0, 256);
}

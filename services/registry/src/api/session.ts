import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createMailbox, createTokenBucket, type Mailbox, type TokenBucket } from "@patchbay/model";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import {
  AcceptedSchema,
  type Announce,
  Kind,
  NoticeSchema,
  type RegisterRequest,
  type RegisterResponse,
  RegisterResponseSchema,
  type Registration,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { hookToken } from "@patchbay/wire";
import { type IdentityOf, readAnnouncement } from "../core/announce/announcement.ts";
import { checkClaim, type Proven } from "../core/announce/claim.ts";
import { CAPABILITIES, negotiate } from "../core/announce/contract.ts";
import type { Granted, GrantSource } from "../core/announce/grant.ts";
import { Refusal } from "../core/announce/refusal.ts";
import type { Instant } from "../core/lease/instant.ts";
import type { Directory } from "../core/replicas/directory.ts";
import type { Credentials } from "../sources/credentials.ts";
import { createEventAccess, type EventAccess } from "./event-access.ts";

/** What every session needs. */
export interface SessionContext {
  readonly directory: Directory;
  readonly replica: string;
  readonly proof: string;
  readonly identityOf: IdentityOf;
  readonly grants: GrantSource;
  readonly credentials: Credentials;
  readonly key: Uint8Array;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  now(): Instant;
  /** This session holds the registration from now on. */
  holds(id: string, session: Session): void;
}

/** One Register stream. */
export interface Session {
  readonly stream: number;
  /** Takes what the caller says until it ends or errs. Never rejects: errors end `messages`. */
  read(requests: AsyncIterable<RegisterRequest>): Promise<void>;
  messages(): AsyncGenerator<RegisterResponse>;
  /** The registration's state or reason changed. */
  notice(registration: Registration): void;
  /** Something that only concerns the owner, such as a refused connection to NATS. */
  tell(reason: string): void;
  /** The grant may have changed. */
  regrant(): Promise<void>;
  /** Credentials for events may be had, or have to be renewed; `force` issues new ones in any case. */
  renew(force: boolean): Promise<void>;
  /** Ends the stream from this side. */
  end(error?: Refusal): void;
  /** The stream is over. */
  closed(): void;
}

/** A caller that has not announced itself by then loses its stream. */
const FIRST_MESSAGE_MS = 10_000;
/** Far more than heartbeats need; each announcement costs work at NATS. */
const MESSAGES = { requests: 20, perMs: 1_000, burst: 50 };

type Message = NonNullable<MessageInitShape<typeof RegisterResponseSchema>["message"]>;

/** What is still to be said on one stream. Accepted comes before all else. */
function createOutbox(): Mailbox<Message> {
  return createMailbox({ kindOf: (message) => message.case ?? "", first: ["accepted", "nats", "notice", "ack"] });
}

export function createSession(context: SessionContext, proven: Proven, stream: number): Session {
  return new RegisterSession(context, proven, stream);
}

class RegisterSession implements Session {
  readonly stream: number;
  readonly #context: SessionContext;
  readonly #proven: Proven;
  readonly #outbox = createOutbox();
  readonly #messages: TokenBucket;
  #id: string | undefined;
  #announce: Announce | undefined;
  #granted: Granted | undefined;
  readonly #events: EventAccess;

  constructor(context: SessionContext, proven: Proven, stream: number) {
    this.#context = context;
    this.#proven = proven;
    this.stream = stream;
    const { credentials, now } = context;
    this.#messages = createTokenBucket({ ...MESSAGES, now: () => now().mono });
    const { namespace, name, instance } = proven;
    this.#events = createEventAccess({ credentials, plugin: { namespace, name, instance }, now: () => now().wall });
  }

  async read(requests: AsyncIterable<RegisterRequest>): Promise<void> {
    const late = new Refusal("late", `no Announce within ${FIRST_MESSAGE_MS / 1000} s`);
    const timer = setTimeout(() => this.#outbox.end(late), FIRST_MESSAGE_MS);
    try {
      for await (const request of requests) {
        clearTimeout(timer);
        // What was still on its way when the stream ended must not bring a registration back that nobody would end.
        if (this.#outbox.ended()) return;
        await this.#take(request);
      }
      this.#outbox.end();
    } catch (error) {
      this.#outbox.end(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async *messages(): AsyncGenerator<RegisterResponse> {
    for await (const message of this.#outbox) yield create(RegisterResponseSchema, { message });
  }

  notice({ state, reason }: Registration): void {
    this.#outbox.put({ case: "notice", value: create(NoticeSchema, { state, reason }) });
    if (state === State.GONE) this.#outbox.end(new Refusal("aborted", `the registration is gone: ${reason}`));
  }

  tell(reason: string): void {
    const registration = this.#id && this.#context.directory.get(this.#id);
    if (!registration) return;
    this.#outbox.put({ case: "notice", value: create(NoticeSchema, { state: registration.state, reason }) });
  }

  async regrant(): Promise<void> {
    const [id, announce] = [this.#id, this.#announce];
    const granted = announce && this.#grant(announce);
    if (!id || !announce || !granted) return;
    this.#granted = granted;
    this.#context.directory.update((own, now) => own.granted(id, granted, now));
    await this.#accept(announce);
  }

  async renew(force: boolean): Promise<void> {
    const nats = await this.#events.renew(force);
    if (nats) this.#outbox.put({ case: "nats", value: nats });
  }

  end(error?: Refusal): void {
    this.#outbox.end(error);
  }

  closed(): void {
    this.#outbox.end();
    const id = this.#id;
    if (id) this.#context.directory.update((own, now) => own.streamEnded(id, this.stream, now));
  }

  async #take({ message }: RegisterRequest): Promise<void> {
    const { directory } = this.#context;
    if (!this.#messages.take()) {
      throw new Refusal(
        "exhausted",
        `more than ${MESSAGES.requests} messages a second; heartbeats suffice every ${this.#context.heartbeatMs} ms`,
      );
    }
    if (message.case === "announce") return await this.#register(message.value);
    const id = this.#id;
    if (!id) throw new Refusal("invalid", "the first message of a Register stream must be an Announce");
    if (message.case === "heartbeat") {
      const beat = message.value;
      directory.update((own, at) => own.heartbeat(id, this.stream, beat, at));
      this.#outbox.put({ case: "ack", value: { sequence: beat.sequence } });
    } else if (message.case === "drain") {
      const { reason } = message.value;
      directory.update((own, at) => own.drain(id, this.stream, reason, at));
    } else throw new Refusal("invalid", "message: must be announce, heartbeat or drain");
  }

  async #register(message: Announce): Promise<void> {
    const { directory, proof, identityOf, holds } = this.#context;
    const announce = readAnnouncement(message, identityOf);
    checkClaim(this.#proven, announce);
    if (announce.contract) negotiate(announce.contract);
    const granted = this.#grant(announce);
    const { stream } = this;
    const { id } = directory.update((own, now) =>
      own.announce({ announce, proof, stream, ...(granted && { granted }) }, now),
    );
    this.#id = id;
    this.#announce = announce;
    this.#granted = granted;
    holds(id, this);
    await this.#accept(announce);
    const registration = directory.get(id);
    if (registration) this.notice(registration);
  }

  #grant({ kind, namespace, name, manifest }: Announce): Granted | undefined {
    return kind === Kind.PLUGIN && manifest ? this.#context.grants.grant({ namespace, name }, manifest) : undefined;
  }

  async #accept(announce: Announce): Promise<void> {
    const { replica, leaseMs, heartbeatMs, key } = this.#context;
    const nats = await this.#events.issue(this.#granted?.grant.events ?? []);
    const forPlugins = announce.kind === Kind.PLUGIN && {
      ...(this.#granted && { grant: this.#granted.grant }),
      ...(nats && { nats }),
      hookToken: hookToken(key, announce),
    };
    const accepted = create(AcceptedSchema, {
      replica,
      contract: announce.contract ? negotiate(announce.contract) : 0,
      capabilities: [...CAPABILITIES],
      lease: durationFromMs(leaseMs),
      heartbeatInterval: durationFromMs(heartbeatMs),
      ...forPlugins,
    });
    this.#outbox.put({ case: "accepted", value: accepted });
  }
}

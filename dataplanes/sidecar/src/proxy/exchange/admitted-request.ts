import type { HeaderList } from "@patchbay/model";
import { LOOPED, type LocalReply } from "../../core/http/local-reply.ts";
import type { Refusal } from "../../core/policy/guard.ts";
import type { Route } from "../../core/types.ts";
import { authorityOf, type Origin } from "../listeners/side.ts";
import type { Downstream } from "./exchange-types.ts";
import { headFor, type Observations, observeRequest } from "./observations.ts";
import { RequestSide } from "./request-side.ts";

/** The begin of an exchange: admission, observers and route of the request. A base class, as `RequestSide` is. */
export abstract class AdmittedRequest extends RequestSide {
  protected readonly origin: Origin;
  /** On `performance.now()`'s clock. */
  protected readonly startedAt = performance.now();
  protected sights: Observations | undefined;
  /** The policy that an answer of our own comes from. */
  protected policy = "";
  protected admitted = false;

  constructor(origin: Origin, client: Downstream) {
    super(origin.side, client);
    this.origin = origin;
  }

  protected abstract answer(answer: LocalReply, extra?: HeaderList): void;
  /** The route is known. */
  protected abstract follow(route: Route): void;
  /** Something that the first attempt waits for is there: the admission, the route or the body. */
  protected abstract begin(): void;

  start(): void {
    const { marker, counters, router, guard } = this.side;
    if (marker !== "" && this.head.visited.includes(marker)) {
      counters.looped += 1;
      return this.answer(LOOPED);
    }
    this.#look();
    const verdict = guard?.request(this.head, this.origin.peer, this.version);
    if (verdict !== undefined && !("then" in verdict)) return this.#refuse(verdict);
    if (verdict === undefined) this.admitted = true;
    else void verdict.then((refusal) => this.#admit(refusal));
    if (this.mayHold()) this.hold(() => this.begin());
    void router.route(authorityOf(this.origin, this.head), this.head).then((route) => this.follow(route));
  }

  #look(): void {
    const { witnesses, direction } = this.side;
    if (witnesses.length === 0) return;
    const { head, version, startedAt } = this;
    const { peer } = this.origin;
    this.sights = observeRequest(witnesses, {
      direction,
      head,
      authority: authorityOf(this.origin, head),
      version,
      peer,
      startedAt,
    });
    this.head = headFor(head, this.sights);
  }

  /** After a plugin was asked whether the request is allowed. */
  #admit(refusal: Refusal | undefined): void {
    if (this.over) return;
    if (refusal !== undefined) return this.#refuse(refusal);
    this.admitted = true;
    this.begin();
  }

  #refuse({ answer, extra, policy }: Refusal): void {
    this.policy = policy;
    this.answer(answer, extra);
  }
}

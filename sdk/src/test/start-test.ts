import { DECISION_HOOKS, type DecisionHook } from "@patchbay/model";
import { ConfigError } from "../config/read-config.ts";
import { placeOfCaller } from "../errors/place.ts";
import { outcomeOf } from "../events/outcome.ts";
import { type AnswerOf, decisionHooks, type GivenOf } from "../hooks/decision-hooks.ts";
import { createLocalHost, type LocalHost } from "../host/local-host.ts";
import type { EventName, EventOf } from "../model/events.ts";
import type { Answer } from "../public/answer.ts";
import type { Plugin } from "../public/plugin.ts";
import type {
  DeliverOptions,
  Outcome,
  ResolveTestOptions,
  TestOptions,
  TestPlugin,
  TestWatch,
} from "../public/test-kit.ts";
import { fillEndpointChange, fillPluginChange, fillReport, fillSloChange } from "./test-events.ts";
import { createTestLog } from "./test-log.ts";
import { openWatch } from "./test-watch.ts";

/** As many deliveries as the mesh makes of an event that fails. */
const MAX_DELIVER = 5;

/**
 * Starts a plugin in this process, without a mesh or a network.
 * Rejects with a ConfigError when `config` does not fit the plugin's schema, with a PluginMistake when it is no plugin.
 */
export async function startTest(plugin: Plugin, options: TestOptions = {}): Promise<TestPlugin> {
  const place = placeOfCaller();
  const log = createTestLog();
  const host = createLocalHost(plugin, log);
  await configure(host, options.config, place);
  const stopped = new AbortController();
  return Object.assign(new InProcess(host, { logs: log.lines, stopped }), deciders(host, stopped.signal));
}

/** A method for each hook that decides, which asks it once. */
function deciders(host: LocalHost, stopped: AbortSignal): Pick<TestPlugin, DecisionHook> {
  const methods = DECISION_HOOKS.map((hook) => [hook, decider(hook, host, stopped)] as const);
  return Object.fromEntries(methods) as Pick<TestPlugin, DecisionHook>;
}

function decider<Hook extends DecisionHook>(hook: Hook, host: LocalHost, stopped: AbortSignal) {
  return (given?: GivenOf<Hook>): Promise<AnswerOf<Hook>> =>
    host.decide(hook, decisionHooks[hook].fill(given), stopped);
}

async function configure(host: LocalHost, config: unknown, place: string | undefined): Promise<void> {
  try {
    await host.configure(config);
  } catch (error) {
    throw error instanceof ConfigError && place ? new ConfigError(`${error.message} (${place})`) : error;
  }
}

interface InProcessOptions {
  readonly logs: TestPlugin["logs"];
  readonly stopped: AbortController;
}

class InProcess implements Omit<TestPlugin, DecisionHook> {
  readonly logs: TestPlugin["logs"];
  readonly deliver: TestPlugin["deliver"];
  readonly #host: LocalHost;
  readonly #stopped: AbortController;
  #delivered = 0;

  constructor(host: LocalHost, { logs, stopped }: InProcessOptions) {
    this.#host = host;
    this.#stopped = stopped;
    this.logs = logs;
    this.deliver = {
      report: (report, options) => this.#deliver("report", fillReport(report), options),
      endpoint: (change, options) => this.#deliver("endpoint", fillEndpointChange(change), options),
      plugin: (change, options) => this.#deliver("plugin", fillPluginChange(change), options),
      slo: (change, options) => this.#deliver("slo", fillSloChange(change), options),
    };
  }

  get config(): unknown {
    return this.#host.config();
  }

  async resolve(authority: string, options?: ResolveTestOptions): Promise<Answer> {
    const watch = this.watch(authority, options);
    try {
      return await watch.next();
    } finally {
      await watch.stop();
    }
  }

  watch(authority: string, options: ResolveTestOptions = {}): TestWatch {
    return openWatch({ host: this.#host, authority, options, stopped: this.#stopped.signal });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #deliver<Name extends EventName>(
    name: Name,
    value: EventOf[Name],
    options: DeliverOptions = {},
  ): Promise<Outcome> {
    if (!this.#host.manifest.events.some((event) => event.name === name)) {
      throw new Error(`the plugin has no handler for "${name}" events: add \`on: { ${name}() { ... } }\``);
    }
    this.#delivered += 1;
    const attempt = options.attempt ?? 1;
    const delivery = {
      id: `test-${this.#delivered}`,
      subject: `mesh.event.${name}.standard.default.test`,
      time: Date.now(),
      attempt,
      pending: 0,
    };
    const result = await this.#host.handle({ name, value, delivery, signal: this.#stopped.signal });
    return outcomeOf(result, { attempt, maxDeliver: MAX_DELIVER, random: () => 0 });
  }
}

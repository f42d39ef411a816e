import { ConfigError } from "../config/read-config.ts";
import { placeOfCaller } from "../errors/place.ts";
import { outcomeOf } from "../events/outcome.ts";
import { createLocalHost, type LocalHost } from "../host/local-host.ts";
import type { EventName, EventOf } from "../model/events.ts";
import type { Answer } from "../public/answer.ts";
import type { Decision, Lease } from "../public/decision.ts";
import type { Plugin, RatelimitRequest } from "../public/plugin.ts";
import type {
  DeliverOptions,
  Outcome,
  ResolveTestOptions,
  TestOptions,
  TestPlugin,
  TestRequest,
  TestWatch,
} from "../public/test-kit.ts";
import { fillAuthorize, fillRatelimit } from "./test-decisions.ts";
import { fillEndpointChange, fillPluginChange, fillReport, fillSloChange } from "./test-events.ts";
import { createTestLog } from "./test-log.ts";
import { openWatch } from "./test-watch.ts";

/** As many deliveries as the mesh makes of an event that fails. */
const maxDeliver = 5;

/**
 * Starts a plugin in this process, without a mesh or a network.
 * Rejects with a ConfigError when `config` does not fit the plugin's schema, with a PluginMistake when it is no plugin.
 */
export async function startTest(plugin: Plugin, options: TestOptions = {}): Promise<TestPlugin> {
  const place = placeOfCaller();
  const log = createTestLog();
  const host = createLocalHost(plugin, log);
  await configure(host, options.config, place);
  return new InProcess(host, log.lines);
}

async function configure(host: LocalHost, config: unknown, place: string | undefined): Promise<void> {
  try {
    await host.configure(config);
  } catch (error) {
    throw error instanceof ConfigError && place ? new ConfigError(`${error.message} (${place})`) : error;
  }
}

class InProcess implements TestPlugin {
  readonly logs: TestPlugin["logs"];
  readonly deliver: TestPlugin["deliver"];
  readonly #host: LocalHost;
  readonly #stopped = new AbortController();
  #delivered = 0;

  constructor(host: LocalHost, logs: TestPlugin["logs"]) {
    this.#host = host;
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

  authorize(request?: TestRequest): Promise<Decision> {
    return this.#host.decide("authorize", fillAuthorize(request), this.#stopped.signal);
  }

  ratelimit(request?: Partial<RatelimitRequest>): Promise<Lease> {
    return this.#host.decide("ratelimit", fillRatelimit(request), this.#stopped.signal);
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
    return outcomeOf(result, { attempt, maxDeliver, random: () => 0 });
  }
}

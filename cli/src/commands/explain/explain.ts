import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { DEFAULT_NAMESPACE } from "@patchbay/model";
import {
  Answer,
  AnswerSchema,
  Destination,
  Effect,
  EffectSchema,
  type ExplainResponse,
  type Step,
} from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { Command } from "commander";
import { connectMesh } from "../../connect.ts";
import { CliError, exitCodes } from "../../errors.ts";
import { enumName } from "../../output/enum-name.ts";
import { lineWidth, type OutputOption, outputOption, paint, print, printJson } from "../../output/output.ts";
import { type Column, table, wrap } from "../../output/table.ts";
import { latency, span } from "../../output/units.ts";
import { parseAuthorityText, parseHeader } from "../../parse-options.ts";
import { explainRequest } from "./explain-request.ts";
import { isServed, resolutionJson, resolutionLines } from "./resolution.ts";

interface ExplainOptions extends OutputOption {
  readonly namespace: string;
  readonly request?: string;
  readonly header?: Readonly<Record<string, string>>;
}

export function explainCommand(): Command {
  return new Command("explain")
    .description("how the chain of resolvers came to its answer for an authority")
    .argument("[authority]", "such as users, users:8080 or users.demo.svc.cluster.local", parseAuthorityText)
    .option("-n, --namespace <name>", "namespace of the asking client", DEFAULT_NAMESPACE)
    .option("--request <text>", "what would happen to a request, such as 'GET users/cart from web'; -: a tapped one")
    .option("--header <name: value>", "a header of that request; may be repeated", parseHeader)
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh explain users
  mesh explain hello.my-resolver
  mesh explain --request 'GET users/cart from web'
  mesh tap users -n 1 -o json | mesh explain --request -
  mesh explain users -o json | jq '.steps[] | {resolver, answer, effect}'

Each line is a resolver of the chain in the order in which its answer counts:
what it said, how long that took, since when it says so, and what the chain did
with it. The result below is what proxies hold now. With --request: the route,
each policy and limit with the reason, and the endpoints that could serve it; a
service without namespace is taken in the caller's, as its proxy does. Exit code
1 when nobody serves the authority, or the request would be refused.`,
    )
    .action(explain);
}

async function explain(authority: string | undefined, options: ExplainOptions): Promise<void> {
  if (options.request !== undefined) return explainRequest(options.request, options);
  if (authority === undefined)
    throw new CliError(
      "What is to be explained? `mesh explain users`, or --request 'GET users/cart'.",
      exitCodes.usage,
    );
  using mesh = await connectMesh();
  const destination = await mesh.service("destination", Destination);
  const response = await destination.explain({ authority, context: { namespace: options.namespace } });
  if (options.output === "json") printJson(explanationJson(response));
  else print(...explanationLines(response, lineWidth()));
  if (!response.resolution || !isServed(response.resolution)) process.exitCode = exitCodes.failure;
}

function explanationJson(response: ExplainResponse): object {
  const { resolution, watchers } = response;
  return {
    resolution: resolution ? resolutionJson(resolution) : undefined,
    watchers,
    steps: response.steps.map(stepJson),
  };
}

function stepJson(step: Step): object {
  const { authority, depth, resolver, instance, endpoints, stale, cached, detail, why } = step;
  const answer = enumName(AnswerSchema, step.answer);
  const effect = enumName(EffectSchema, step.effect);
  const times = { ageMs: milliseconds(step.age), tookMs: milliseconds(step.took) };
  return { authority, depth, resolver, instance, answer, endpoints, ...times, stale, cached, detail, effect, why };
}

function milliseconds(duration: Duration | undefined): number | undefined {
  return duration && durationMs(duration);
}

const columns: readonly Column[] = [
  { title: "RESOLVER", flexible: true },
  { title: "ANSWER", flexible: true },
  { title: "TOOK", align: "right" },
  { title: "AGE", align: "right" },
  { title: "THE CHAIN" },
];

/** The steps under the authority that was put to them, each with the reason below, then the result. */
function explanationLines(response: ExplainResponse, width: number): string[] {
  const rows = response.steps.map(stepCells);
  const [title = "", ...lines] = table({ columns, rows, width });
  const steps = response.steps.flatMap((step, index) => {
    const restarted = step.authority !== response.steps[index - 1]?.authority && index > 0;
    const heading = restarted ? ["", paint("bold", `Again, as ${step.authority}:`)] : [];
    return [...heading, paintStep(step, lines[index] ?? ""), ...reasons(step, width)];
  });
  const { resolution, watchers } = response;
  const held = watchers === 1 ? "1 proxy holds this answer" : `${watchers} proxies hold this answer`;
  return [
    paint("bold", title),
    ...steps,
    "",
    ...(resolution ? resolutionLines(resolution, width) : []),
    paint("dim", watchers === 0 ? "No proxy asks for it at this moment." : `${held}.`),
  ];
}

function stepCells(step: Step): string[] {
  return [
    step.resolver,
    answerText(step),
    step.took ? latency(durationMs(step.took)) : "-",
    step.age ? span(durationMs(step.age)) : "-",
    enumName(EffectSchema, step.effect),
  ];
}

function answerText(step: Step): string {
  const count = step.answer === Answer.ENDPOINTS ? `${step.endpoints} ` : "";
  const name = enumName(AnswerSchema, step.answer);
  const plain = step.endpoints === 1 && count ? name.replace(/s$/, "") : name;
  return `${count}${plain}${step.stale ? ", stale" : ""}${step.cached ? ", cached" : ""}`;
}

function paintStep(step: Step, line: string): string {
  if (step.effect === Effect.STOP) return paint("good", line);
  if (step.answer === Answer.FAILED) return paint("bad", line);
  return step.answer === Answer.NOT_ASKED || step.effect === Effect.UNUSED ? paint("dim", line) : line;
}

function reasons(step: Step, width: number): string[] {
  const instance = step.instance ? `instance ${step.instance}` : "";
  const text = [step.why, step.detail, instance].filter(Boolean).join("; ");
  return wrap(text, width - 4).map((line) => paint("dim", `    ${line}`));
}

import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { Destination, type ResolveResponse } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { Command } from "commander";
import { connectMesh } from "../connect.ts";
import { CliError, exitCodes } from "../errors.ts";
import {
  lineWidth,
  type OutputOption,
  outputOption,
  paint,
  print,
  printJson,
  printJsonLine,
} from "../output/output.ts";
import { clock } from "../output/units.ts";
import { parseAuthorityText } from "../parse-options.ts";
import { listenForStop } from "../stop-request.ts";
import { untilAborted } from "../until-aborted.ts";
import { isServed, resolutionJson, resolutionLines } from "./explain/resolution.ts";

interface EndpointsOptions extends OutputOption {
  readonly watch?: true;
  readonly namespace: string;
}

export function endpointsCommand(): Command {
  return new Command("endpoints")
    .description("show the endpoints that serve an authority")
    .argument("<authority>", "such as users, users:8080 or users.demo.svc.cluster.local", parseAuthorityText)
    .option("--watch", "print each change until Ctrl-C")
    .option("-n, --namespace <name>", "namespace of the asking client", DEFAULT_NAMESPACE)
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh endpoints users
  mesh endpoints users --watch
  mesh endpoints users -o json | jq -r '.branches[].endpoints[].address'

Exit code 1 when nobody serves the authority. With --watch, -o json prints one
object a line.`,
    )
    .action(endpoints);
}

async function endpoints(authority: string, options: EndpointsOptions): Promise<void> {
  using mesh = await connectMesh();
  const destination = await mesh.service("destination", Destination);
  const { signal } = listenForStop();
  const request = { authority, context: { namespace: options.namespace } };
  for await (const response of untilAborted(destination.resolve(request, { signal }), signal)) {
    if (options.watch) showChange(response, options);
    else return showOnce(response, options);
  }
  if (!signal.aborted)
    throw new CliError("The destination service ended the answer. Is it stopping? `mesh check` looks.");
}

function showChange(response: ResolveResponse, { output }: EndpointsOptions): void {
  if (output === "json") printJsonLine(resolutionJson(response));
  else print(paint("dim", clock(new Date())), ...resolutionLines(response, lineWidth()));
}

function showOnce(response: ResolveResponse, { output }: EndpointsOptions): void {
  if (output === "json") printJson(resolutionJson(response));
  else print(...resolutionLines(response, lineWidth()));
  if (!isServed(response)) process.exitCode = exitCodes.failure;
}

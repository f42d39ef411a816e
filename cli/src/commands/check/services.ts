import { X509Certificate } from "node:crypto";
import { request } from "node:http";
import { errorMessage } from "@patchbay/model";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Identity } from "@patchbay/proto/mesh/identity/v1/identity_pb";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { coreServices } from "@patchbay/up/core-services";
import type { MeshConnection } from "../../connect.ts";
import { byName, stateName } from "../../states.ts";
import { type Finding, ill, well } from "./finding.ts";

/** The registry answers, and each core service is registered and says itself that it is ready. */
export async function checkServices(mesh: MeshConnection): Promise<Finding[]> {
  try {
    const { registrations } = await mesh.list([Kind.CORE]);
    const groups = byName(registrations);
    return await Promise.all(coreServices.map(({ name }) => checkService(name, groups.get(name)?.[0])));
  } catch (error) {
    const hint = "is it stopping? `mesh logs registry`, or `mesh logs mesh`, says more";
    return [ill("registry", `${mesh.run.address} does not answer: ${errorMessage(error)}`, hint)];
  }
}

async function checkService(name: string, registration: Registration | undefined): Promise<Finding> {
  const hint = `\`mesh logs ${name}\` or \`mesh logs mesh\` says why`;
  const { announce, state = State.UNSPECIFIED, reason = "" } = registration ?? {};
  if (!announce) return ill(name, "has not announced itself", hint);
  if (state !== State.READY) return ill(name, `${stateName(state)}${reason && `: ${reason}`}`, hint);
  const wrong = await readiness(announce.address, name);
  return wrong === "" ? well(name, announce.address) : ill(name, `${announce.address} ${wrong}`, hint);
}

/** Empty when the process at "host:port" says that this service of it is ready. Takes no notice of proxies in the environment. */
function readiness(address: string, name: string): Promise<string> {
  return new Promise((resolve) => {
    const asking = request(`http://${address}/readyz`, { agent: false, timeout: 2_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve(readinessIn(text, name)));
    });
    asking.on("timeout", () => asking.destroy(new Error("no answer within 2 s")));
    asking.on("error", (error) => resolve(`does not answer: ${error.message}`));
    asking.end();
  });
}

/** Reads `{services: [{name, ready, reason}]}`. */
function readinessIn(text: string, name: string): string {
  try {
    const answer: { services?: { name?: string; ready?: boolean; reason?: string }[] } = JSON.parse(text);
    const service = answer.services?.find((each) => each.name === name);
    if (service?.ready) return "";
    return service ? `is not ready: ${service.reason}` : `does not serve ${name}`;
  } catch {
    return "answers /readyz with something else; is that port another program's?";
  }
}

/** Identity hands out roots that are good now. */
export async function checkCertificates(mesh: MeshConnection): Promise<Finding> {
  const component = "certificates";
  try {
    const identity = await mesh.service("identity", Identity);
    const { trustBundle, trustDomain } = await identity.getTrustBundle({});
    const root = new X509Certificate(trustBundle);
    const left = root.validToDate.getTime() - Date.now();
    if (left <= 0)
      return ill(
        component,
        `the root expired on ${root.validTo}`,
        "`mesh down`, `mesh clean`, `mesh up` make a new one",
      );
    return well(component, `${trustDomain}, root good until ${root.validToDate.toISOString().slice(0, 10)}`);
  } catch (error) {
    return ill(component, errorMessage(error), "`mesh logs identity` says why");
  }
}

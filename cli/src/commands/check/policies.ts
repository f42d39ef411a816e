import { errorMessage, originText } from "@patchbay/model";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { MeshConnection } from "../../connect.ts";
import { type Finding, ill, well } from "./finding.ts";

/** Every policy file can be used, and every proxy runs what it should. */
export async function checkPolicies(mesh: MeshConnection): Promise<Finding[]> {
  const component = "policies";
  try {
    const policy = await mesh.service("policy", Policy);
    const { resources, problems, proxies } = await policy.status({});
    const wrong = problems.map(({ origin, kind, message, hint }) =>
      ill(
        kind === "" ? "resources" : component,
        `${originText(origin)}: ${message}`,
        hint || "until it is mended, its last good version counts",
      ),
    );
    const refusing = proxies
      .filter(({ rejectionReason: refused }) => refused !== "")
      .map(({ namespace, workload, rejectionReason: refused }) =>
        ill(
          component,
          `the proxy of ${namespace}/${workload} refuses its policies: ${refused}`,
          "`mesh policy status`",
        ),
      );
    const behind = proxies.filter(({ connected, version, wanted }) => connected && version !== wanted).length;
    const all = `${resources.length} in force, ${proxies.length - behind} of ${proxies.length} proxies up to date`;
    return wrong.length + refusing.length > 0 ? [...wrong, ...refusing] : [well(component, all)];
  } catch (error) {
    return [ill(component, errorMessage(error), "`mesh logs policy` says why")];
  }
}

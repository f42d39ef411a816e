import { join } from "node:path";
import { errorMessage } from "@patchbay/model";
import { Destination } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import type { MeshConnection } from "../../connect.ts";
import { type Finding, ill, well } from "./finding.ts";

/** The resolver of the chain that reads resource files, and says of them what cannot be used. */
const READER = "static-services";

/** Every resource file about static services can be used as it is. */
export async function checkResources(mesh: MeshConnection): Promise<Finding> {
  const component = "static services";
  try {
    const destination = await mesh.service("destination", Destination);
    const { resolvers } = await destination.listResolvers({});
    const wrong = resolvers.find(({ name }) => name === READER)?.reason ?? "";
    if (wrong === "") return well(component, `${join(mesh.stateDir, "resources")}, every StaticService can be used`);
    return ill(component, wrong, "until it is mended, its last good version counts, if there was one");
  } catch (error) {
    return ill(component, errorMessage(error), "`mesh logs destination` says why");
  }
}

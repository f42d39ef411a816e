import { stat } from "node:fs/promises";
import { errorMessage } from "@patchbay/model";
import { readDevelopmentKey } from "@patchbay/process";
import { type Finding, ill, well } from "./finding.ts";

/** The folder is there, private, and holds a usable key. */
export async function checkStateFolder(dir: string): Promise<Finding> {
  const component = "state folder";
  try {
    const { mode } = await stat(dir);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      return ill(component, `others can look into ${dir}`, `chmod 700 ${dir}`);
    }
    await readDevelopmentKey(dir);
    return well(component, dir);
  } catch (error) {
    return ill(component, errorMessage(error), "`mesh up` creates it; MESH_STATE_DIR says where");
  }
}

import { runService } from "@patchbay/runtime";
import { createIdentityApp } from "./app.ts";

await runService("identity", createIdentityApp);

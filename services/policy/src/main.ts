import { runService } from "@patchbay/runtime";
import { createPolicyApp } from "./app.ts";

await runService("policy", createPolicyApp);

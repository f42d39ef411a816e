import { runService } from "@patchbay/runtime";
import { createTapApp } from "./app.ts";

await runService("tap", createTapApp);

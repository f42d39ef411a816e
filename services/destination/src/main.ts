import { runService } from "@patchbay/runtime";
import { createDestinationApp } from "./app.ts";

await runService("destination", createDestinationApp);

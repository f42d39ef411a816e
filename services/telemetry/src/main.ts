import { runService } from "@patchbay/runtime";
import { createTelemetryApp } from "./app.ts";

await runService("telemetry", createTelemetryApp);

import { randomUUID } from "node:crypto";
import { createReportEvents } from "@patchbay/telemetry/report-events";
import { ReportTable } from "@patchbay/telemetry/report-table";
import { connectEvents, noLog } from "@patchbay/wire";
import { childOptions, ready } from "../harness.ts";
import { encodeRest } from "../telemetry/reports.ts";
import { inWindow, type PublishTask, ROWS } from "./tasks.ts";

// What telemetry does with a report that it has decoded.
const { natsUrl, service } = childOptions<{ natsUrl: string; service: string }>();
const bus = await connectEvents({ servers: natsUrl, name: "telemetry", log: noLog });
const events = createReportEvents(bus, "bench", 256 * 1024);
const bootId = randomUUID();
const bytes = encodeRest(bootId, ROWS);
const table = Object.assign(new ReportTable(), { bootId, reporter: `default/${service}`, bytes });
ready(undefined, (task) =>
  inWindow((task as PublishTask).events, () => {
    table.sequence++;
    table.endMs = Date.now();
    return events.publish(table);
  }),
);

export { eventually } from "./eventually.ts";
export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { freePort, natsServerPath, startNats, type TestNats } from "./nats.ts";
export { processRunning } from "./process-running.ts";
export { createRecordingLog, type LogRecord } from "./recording-log.ts";
export { serveH2c, type TestServer } from "./serve-h2c.ts";
export { temporaryDir } from "./temporary-dir.ts";

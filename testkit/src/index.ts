export { AUTHORITY_CASES, type AuthorityCase, type AuthorityMeaning, ODD_AUTHORITY_CASES } from "./authority-cases.ts";
export { eventually } from "./eventually.ts";
export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { FORBIDDEN_ADDRESSES } from "./forbidden-addresses.ts";
export { freePort, natsServerPath, startNats, type TestNats } from "./nats.ts";
export { processRunning } from "./process-running.ts";
export { createRecordingLog, type LogRecord } from "./recording-log.ts";
export { serveH2c, type TestServer } from "./serve-h2c.ts";
export { temporaryDir } from "./temporary-dir.ts";

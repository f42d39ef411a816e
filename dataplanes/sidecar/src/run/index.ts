/** Running a program inside the mesh, without the proxy, which is a separate process. */
export { type LocalPortText, parseLocalPort } from "../core/local-port.ts";
export { isServiceName, programName } from "../core/program-name.ts";
export { type ProbeOptions, probeProgram } from "./probe.ts";
export { RunError } from "./run-error.ts";
export { type RunProgramOptions, runProgram } from "./run-program.ts";

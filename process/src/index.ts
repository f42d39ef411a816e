export { developmentKeyPath, readDevelopmentKey } from "./development-key.ts";
export { exitWithParent, PARENT_PIPE } from "./exit-with-parent.ts";
export { fileLockHolder, processAlive, releaseFileLock, takeFileLock } from "./file-lock.mjs";
export {
  type DefaultAuthorization,
  type Profile,
  type RunFile,
  readRunFile,
  removeRunFile,
  runFilePath,
  writeRunFile,
} from "./run-file.ts";
export { type DieWithParentOptions, spawnDieWithParent } from "./spawn-die-with-parent.ts";
export { type SupervisedOptions, type SupervisedProcess, spawnSupervised } from "./spawn-supervised.ts";
export { ensureStateDir, StateError } from "./state-dir.ts";
export { stateDir } from "./state-path.mjs";
export { listenForStop, type StopRequest } from "./stop-request.ts";
export { createPrivateFile, isErrno, replacePrivateFile } from "./write-private-file.ts";

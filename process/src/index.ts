export { developmentKeyPath, readDevelopmentKey } from "./development-key.ts";
export { exitWithParent, PARENT_PIPE, watchParentPipe } from "./exit-with-parent.ts";
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
export { type GuardedOptions, type GuardedProcess, spawnGuarded } from "./spawn-guarded.ts";
export { spawnTied, type TiedOptions } from "./spawn-tied.ts";
export { ensureStateDir, StateError, stateDir } from "./state-dir.ts";
export { type Told, untilTold } from "./until-told.ts";
export { createPrivateFile, isErrno, replacePrivateFile } from "./write-private-file.ts";

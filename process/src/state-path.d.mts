/**
 * The folder of everything that outlives a process: MESH_STATE_DIR, else `$XDG_STATE_HOME/patchbay`, else
 * `~/.local/state/patchbay`. Only a path: it may not exist yet. A relative XDG_STATE_HOME is ignored (XDG Base Directory
 * Specification).
 */
export function stateDir(env?: NodeJS.ProcessEnv): string;

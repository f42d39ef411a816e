/** Set-up could not go on; the message is complete for people: what happened, why, what to do next. */
export class SetupError extends Error {
  name = "SetupError";
}

/** Runs an entry script's body and takes over the exit code that it returns; a SetupError becomes a message and exit code 1, anything else stays a crash with its stack. */
export async function runEntry(main) {
  try {
    const code = await main();
    if (code !== undefined) process.exitCode = code;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

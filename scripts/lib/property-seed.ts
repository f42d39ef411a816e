import { configureGlobal } from "fast-check";

// The same cases each time, so that a run that fails fails again. MESH_TEST_SEED=NUMBER tries others; a file that is run alone
// (node --test FILE) tries new ones each time.
configureGlobal({ seed: Number(process.env["MESH_TEST_SEED"] ?? 20181) });

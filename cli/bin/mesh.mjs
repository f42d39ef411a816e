#!/usr/bin/env node
// What `npx mesh` runs inside the clone.
import "../../bin/mesh.mjs";

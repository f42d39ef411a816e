export type * from "../public/test-kit.ts";
export { startMesh } from "./start-mesh.ts";
export { startTest } from "./start-test.ts";

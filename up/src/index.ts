export { coreServices } from "./core-services.ts";
export { MeshRunningError } from "./hold-state.ts";
export { pathLine } from "./launchers.ts";
export { type Layout, layout } from "./layout.ts";
export { natsAccounts } from "./nats/accounts.ts";
export { type FindNatsOptions, findNatsServer, type NatsServer, NatsServerMissingError } from "./nats/find.ts";
export type { RunningNats } from "./nats/start-nats.ts";
export type { ServiceInfo } from "./run-services.ts";
export { type Mesh, PortTakenError, type StartMeshOptions, startMesh } from "./start-mesh.ts";

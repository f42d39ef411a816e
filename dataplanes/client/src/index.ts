export { type AnnouncementOptions, announceProxy } from "./announcement.ts";
export {
  type CertificateClient,
  type CertificateSource,
  createCertificateClient,
  type WorkloadCertificate,
} from "./certificates.ts";
export { type ControlPlane, type ControlPlaneOptions, connectControlPlane } from "./control-plane.ts";
export { createPolicyClient, type PolicyClient, type PolicyClientOptions } from "./policies.ts";
export { createPolicyFile, type PolicyFile } from "./policy-file.ts";
export {
  createReporter,
  type Reporter,
  type ReporterOptions,
  type ReporterStats,
  type ReportWindow,
} from "./reports.ts";
export { openResolveStream, type ResolveStream, type ResolveStreamOptions } from "./resolve.ts";

import { startMesh } from "./src/index.ts";
import { createTransport, mintToken, readDevelopmentKey, holdLease } from "@patchbay/wire";
import { createClient } from "@connectrpc/connect";
import { Registry, Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
const mode = process.argv[2] as "single"|"processes";
const t0 = performance.now(); const log = (...m: unknown[]) => console.log(Math.round(performance.now()-t0), ...m);
const mesh = await startMesh({ stateDir: "/tmp/pb/e2e/"+mode, mode });
log("up", mesh.address, mesh.services.map(s=>s.name));
const key = await readDevelopmentKey(mesh.stateDir);
const tok = (kind: "plugin"|"operator"|"proxy", name: string) => () => mintToken(key, { kind, namespace: "default", name, instance: "i1", expiresAt: Date.now()+60000 });
const op = createTransport({ address: mesh.address, token: tok("operator","x") });
const c = createClient(Registry, op);
const pt = createTransport({ address: mesh.address, token: tok("plugin","p") });
const lease = holdLease({ transport: pt, announce: () => ({ kind: Kind.PLUGIN, name: "p", namespace: "default", instance: "i1", version: "1.0.0", contract: {min:1,max:1}, ready: true, manifest: { events: [{class:"report"}, {class: "plugin"}] } }),
  onAccepted: a => log("accepted", a.nats?.unavailable || a.nats?.consumers.map(x=>x.stream)), onNats: n => log("nats", n.unavailable || "ok"), onNotice: n => log("notice", n.state, n.reason), onLost: r => log("lost", r) });
await lease.accepted();
const show = async () => { const l = await c.list({}).catch(e=>String(e)); if (typeof l==="string") return log(l); log("complete", l.complete, l.registrations.map(r=>`${r.id.replace(/default\//,"")}=${r.state}${r.reason?`(${r.reason.slice(0,60)})`:""}`)); };
await show();
if (mode === "processes") {
  for (const s of mesh.services) log(s);
  const reg = (await import("node:child_process")).execSync("pgrep -f services/registry/src/main.ts || true").toString().trim().split("\n");
  log("registry pids", reg);
  const mine = reg.map(Number).filter(p => p>0);
  for (const p of mine) { try { const env=(await import("node:fs")).readFileSync(`/proc/${p}/environ`,"utf8"); if (env.includes("/tmp/pb/e2e/")) { process.kill(p,"SIGKILL"); log("killed",p);} } catch {} }
  await new Promise(r=>setTimeout(r,300)); await show();
  for (let i=0;i<6;i++){ await new Promise(r=>setTimeout(r,1000)); await show(); }
} else {
  const pid = await mesh.nats.pid(); log("nats", pid); if (pid) process.kill(pid,"SIGKILL");
  for (let i=0;i<4;i++){ await new Promise(r=>setTimeout(r,700)); await show(); }
}
lease.close(); pt.close(); op.close();
await mesh.stop(); log("stopped");

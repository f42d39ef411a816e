/**
 * What a client asked for, in its parts, as the mesh itself reads it. `users`, `USERS.`, `users:80` and
 * `users.default.svc.cluster.local:80` are one authority; `users.demo` and `users.demo.svc.cluster.local` are one service.
 */
export interface Authority {
  /** The shortest form without the port, such as `"users"` or `"users.demo"`: what a person would type. Lower case. */
  readonly host: string;
  /** 80 when the client named none. */
  readonly port: number;
  /** The service's own name, such as `"users"`; equal to `host` when it is no name of a service. */
  readonly name: string;
  /**
   * The service's namespace, such as `"default"`. A host of exactly two labels may be a service: `users.demo` has the namespace
   * `"demo"`, and `example.com` has `"com"`; look at `kind` or at names that you know. Empty for what can be none, such as
   * `"db.example.com"`, an address, or a name with `_`.
   */
  readonly namespace: string;
  /**
   * `"mesh"`: ends in `svc.cluster.local`, or is one label; DNS does not know it. `"name"`: every other name, `users.demo` included:
   * when no resolver knows it, DNS is asked. `"ip"`: an IP address.
   */
  readonly kind: "mesh" | "name" | "ip";
  /** The canonical form, such as `"users.default.svc.cluster.local:80"`, `"users.demo:80"` or `"[fd00::1]:80"`. */
  readonly full: string;
}

/** The client that asks. Given to a resolver only when its options say `usesContext: true`. */
export interface ClientContext {
  readonly namespace: string;
  /** Empty when unknown. */
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
}

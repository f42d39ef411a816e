/** What a client asked for, in its parts. `users`, `users:80` and `users.default.svc.cluster.local:80` are one authority. */
export interface Authority {
  /** The shortest form without the port, such as `"users"` or `"users.demo"`: what a person would type. */
  readonly host: string;
  /** 80 when the client named none. */
  readonly port: number;
  /** The service's own name, such as `"users"`; equal to `host` for a name outside the mesh. */
  readonly name: string;
  /** Such as `"default"`; empty for a name outside the mesh, such as `"db.example.com"`. */
  readonly namespace: string;
  /** The canonical form, such as `"users.default.svc.cluster.local:80"`. */
  readonly full: string;
}

/** Who asks. Given to a resolver only when its options say `usesContext: true`. */
export interface ClientContext {
  readonly namespace: string;
  /** Empty when unknown. */
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What every parser of authorities in the mesh has to make of one spelling. */
export interface AuthorityCase {
  readonly text: string;
  /** In which single labels are taken; absent: "default". */
  readonly namespace?: string;
  /** Where the rule is from. */
  readonly rule: string;
  /** Undefined: it is refused everywhere. */
  readonly means: AuthorityMeaning | undefined;
}

export interface AuthorityMeaning {
  /** Host in full and port. */
  readonly key: string;
  /** As people and telemetry call it. */
  readonly short: string;
  /** "namespace/name" of the service that it may mean; empty: none. */
  readonly service: string;
}

const SUFFIX = ".svc.cluster.local";
const KUBERNETES = "Kubernetes DNS specification §2.3";
const SEARCH_PATH = "Kubernetes search path: name.namespace before DNS";
const URI = "RFC 3986 §3.2";
const LABELS = "RFC 1123 §2.1, RFC 1035 §2.3.4";
const WHATWG = "WHATWG URL §3.5";

const service = (text: string, key: string, rule: string): AuthorityCase => {
  const [host = ""] = key.split(":");
  const [name = "", namespace = ""] = host.split(".");
  const short = namespace === "default" ? name : `${name}.${namespace}`;
  return { text, rule, means: { key, short, service: `${namespace}/${name}` } };
};
const users = (text: string, rule: string): AuthorityCase => service(text, `users.default${SUFFIX}:80`, rule);
const outside = (text: string, key: string, rule: string): AuthorityCase => ({
  text,
  rule,
  means: { key, short: key.slice(0, key.lastIndexOf(":")).replace(/^\[|\]$/g, ""), service: "" },
});
const refused = (text: string, rule: string): AuthorityCase => ({ text, rule, means: undefined });

const LABEL_63 = "a".repeat(63);
const NAME_253 = `${`${LABEL_63}.`.repeat(3)}${"b".repeat(61)}`;

/** Every spelling that two readers once understood differently, and those that an attacker would try. */
export const AUTHORITY_CASES: readonly AuthorityCase[] = [
  users("users", KUBERNETES),
  users("users:80", URI),
  users("USERS:80", `${URI}: hosts have no case`),
  users("users.", `${URI}: a dot of the root names the same`),
  users("users.default.svc", KUBERNETES),
  users("Users.Default.Svc.Cluster.Local.:80", KUBERNETES),
  users("users:", `${URI}.3: an empty port is the default one`),
  users("users:0080", `${URI}.3: port = *DIGIT, decimal`),
  service("users:8080", `users.default${SUFFIX}:8080`, URI),
  service("users:65535", `users.default${SUFFIX}:65535`, URI),
  { ...service("users", `users.demo${SUFFIX}:80`, KUBERNETES), namespace: "demo" },
  service("users.demo.svc", `users.demo${SUFFIX}:80`, KUBERNETES),
  service("users.demo", "users.demo:80", SEARCH_PATH),
  service("users.demo:8080", "users.demo:8080", SEARCH_PATH),
  service("example.com", "example.com:80", SEARCH_PATH),
  service("Example.COM.:443", "example.com:443", SEARCH_PATH),
  outside("api.example.com", "api.example.com:80", "three labels are no service"),
  outside("xn--bcher-kva.shop.example", "xn--bcher-kva.shop.example:80", "RFC 5890: IDN in its xn-- form"),
  outside("my_svc.demo", "my_svc.demo:80", `${LABELS}: "_" is in no service's name`),
  outside("_http._tcp.shop.example", "_http._tcp.shop.example:80", "RFC 2782"),
  outside("10.1.2.3", "10.1.2.3:80", URI),
  outside("127.0.0.1.", "127.0.0.1:80", `${WHATWG}: an empty last label is left out`),
  outside("[::1]", "[::1]:80", URI),
  outside("[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443", "RFC 5952"),
  outside("[::ffff:10.0.0.1]:80", "10.0.0.1:80", "RFC 4291 §2.5.5.2: the same to a socket"),
  outside("[::ffff:a9fe:a9fe]", "169.254.169.254:80", "RFC 4291 §2.5.5.2"),
  outside(NAME_253, `${NAME_253}:80`, LABELS),

  refused("", URI),
  refused(".", LABELS),
  refused(":80", URI),
  refused("a..b", LABELS),
  refused("users..", LABELS),
  refused(".users", LABELS),
  refused("-a.demo", LABELS),
  refused("a-.demo", LABELS),
  refused(`${LABEL_63}a.example`, LABELS),
  refused(`${NAME_253}b`, LABELS),
  refused(`${NAME_253.slice(0, 245)}.svc`, `${LABELS}: too long in full`),
  refused("2130706433", `${WHATWG}: 127.0.0.1 to some`),
  refused("0x7f000001", WHATWG),
  refused("0x7f.1", WHATWG),
  refused("127.1", WHATWG),
  refused("0177.0.0.1", `${WHATWG}: octal to some, decimal to others`),
  refused("127.0.0.01", WHATWG),
  refused("256.1.1.1", WHATWG),
  refused("127.0.0.1..", LABELS),
  refused("users.123", `${WHATWG}: ends in a number`),
  refused("::1", `${URI}.2: IPv6 only in brackets`),
  refused("::1:80", `${URI}.2: a port to some`),
  refused("2001:db8::1", `${URI}.2`),
  refused("[::1", URI),
  refused("[::1].", URI),
  refused("[127.0.0.1]:80", URI),
  refused("[users]:80", URI),
  refused("[fe80::1%eth0]", "RFC 9844: a zone means something at one host only"),
  refused("[fe80::1%25eth0]:80", "RFC 9844"),
  refused("fe80::1%eth0", "RFC 9844"),
  refused("users:0", URI),
  refused("users:65536", URI),
  refused("users:000080", "at most five digits"),
  refused("users:+80", URI),
  refused("users:0x50", URI),
  refused("users:80:80", URI),
  refused("bücher.example", "RFC 5890: in its xn-- form, or two readers map it differently"),
  refused("\u212Aafka", "the Kelvin sign is k in lower case"),
  refused("users\u3002demo", "WHATWG URL maps the ideographic full stop to a dot"),
  refused("ｕｓｅｒｓ", "WHATWG URL maps full-width letters"),
  refused("us%65rs", `${URI}.2: nothing is decoded`),
];

/** Refused too, and such that no HTTP message or command line can carry them as an authority. */
export const ODD_AUTHORITY_CASES: readonly AuthorityCase[] = [
  refused(" users ", URI),
  refused("us ers", URI),
  refused("users\r\nhost: evil", URI),
  refused("users\0", URI),
  refused("user@users", `${URI}.1: users are none of the mesh's`),
  refused("users/path", URI),
  refused("users?x", URI),
  refused("users#x", URI),
  refused("http://users", URI),
];

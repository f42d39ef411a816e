import fc from "fast-check";

type Parts = {
  text: string;
  whole: string;
  decimal: string;
  truth: string;
  time: string;
  list: string;
};

const either = (...texts: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);

/** Expressions that mostly fit the table, and everything that operators may make of it. */
export const expressions: fc.Arbitrary<string> = fc.letrec<Parts>((tie) => {
  const [text, whole, decimal] = [tie("text"), tie("whole"), tie("decimal")];
  const [truth, time, list] = [tie("truth"), tie("time"), tie("list")];
  const any = fc.oneof(text, whole, decimal, truth, time, list);
  const pair = (left: fc.Arbitrary<string>, operators: readonly string[], right: fc.Arbitrary<string>) =>
    fc.tuple(left, either(...operators), right).map(([a, operator, b]) => `(${a} ${operator} ${b})`);
  const within = (part: fc.Arbitrary<string>, before: string, after: string) =>
    part.map((inner) => `${before}${inner}${after}`);
  const one = (...all: readonly fc.Arbitrary<string>[]) => fc.oneof({ depthSize: "small" }, ...all);
  return {
    text: one(
      either('"a"', '"42"', "request.method", "request.path", 'request.headers["accept"]', "request.headers.host"),
      pair(text, ["+"], text),
      within(text, "", ".lowerAscii()"),
      within(any, "string(", ")"),
      within(text, "request.headers[", "]"),
      fc.tuple(truth, text, text).map(([when, a, b]) => `(${when} ? ${a} : ${b})`),
    ),
    whole: one(
      either("1", "-3", "0", "response.code", "response.grpc_status", "request.size", "9223372036854775807"),
      pair(whole, ["+", "-", "*", "/", "%"], whole),
      within(any, "int(", ")"),
      within(any, "size(", ")"),
      within(whole, "-", ""),
      within(whole, "[1, 2][", "]"),
    ),
    decimal: one(
      either("1.5", "0.0", "response.latency_ms"),
      pair(decimal, ["+", "-", "*", "/"], decimal),
      within(any, "double(", ")"),
    ),
    time: one(either('duration("1s")', "response.latency"), pair(time, ["+", "-"], time)),
    list: one(
      either('["a", "b"]', "[1, 2]", "[]", '["a", 1]', "request.headers", "response.headers"),
      pair(list, ["+"], list),
      within(truth, '["a", "b"].filter(x, ', ")"),
      within(any, "[1, 2].map(x, ", ")"),
      within(truth, "request.headers.map(h, ", ", h)"),
    ),
    truth: one(
      either("true", "false", "connection.tls"),
      pair(any, ["==", "!=", "<", ">=", "in"], any),
      pair(truth, ["&&", "||"], truth),
      within(truth, "!", ""),
      fc.tuple(any, either("startsWith", "contains"), any).map(([a, method, b]) => `${a}.${method}(${b})`),
      within(any, "", '.matches("^a+")'),
      within(truth, '["a"].all(x, x == "a" || ', ")"),
      within(truth, "request.headers.exists_one(x, ", ")"),
    ),
  };
}).truth;

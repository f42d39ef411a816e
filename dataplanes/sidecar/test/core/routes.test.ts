import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routeOf } from "@patchbay/model";
import fc from "fast-check";

const get = (path: string) => routeOf({ method: "GET", path, grpc: false });

describe("routes", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["/", "GET /"],
    ["", "GET /"],
    ["*", "GET *"],
    ["/cart", "GET /cart"],
    ["/users/123", "GET /users/{id}"],
    ["/users/123?verbose=1", "GET /users/{id}"],
    ["/users/123/orders/9f3a1c20", "GET /users/{id}/orders/{id}"],
    ["/items/550e8400-e29b-41d4-a716-446655440000", "GET /items/{id}"],
    ["/reports/2024-01-05", "GET /reports/{id}"],
    ["/api/v1/users", "GET /api/v1/users"],
    ["/oauth2/token", "GET /oauth2/token"],
    ["/orders/order-1234", "GET /orders/{id}"],
    ["/mail/ada@example.com", "GET /mail/{id}"],
    ["/files/%E2%82%AC", "GET /files/{id}"],
    [`/tokens/${"x".repeat(40)}`, "GET /tokens/{id}"],
    ["/feedface", "GET /feedface"],
    ["/a/b/c/d/e/f/g/h", "GET /a/b/c/d/e/f/*"],
    ["/a/b/c/d/e/f", "GET /a/b/c/d/e/f"],
    ["http://users:8080/a/1", "GET /a/{id}"],
    ["/a/", "GET /a/"],
  ];
  for (const [path, route] of cases) test(`${path || "(empty)"} is ${route}`, () => assert.equal(get(path), route));

  test("a gRPC path stays as it is", () => {
    assert.equal(routeOf({ method: "POST", path: "/demo.Users2024/Get", grpc: true }), "/demo.Users2024/Get");
  });

  test("invented methods are one", () => {
    assert.equal(routeOf({ method: "BREW", path: "/pot", grpc: false }), "OTHER /pot");
  });

  test("no path makes a route of more than 200 characters or six segments", () => {
    fc.assert(
      fc.property(fc.webPath(), (path) => {
        const route = get(path);
        assert.ok(route.length <= 200);
        assert.ok(route.split("/").length <= 8);
      }),
    );
  });

  test("numbers in the same place are the same route", () => {
    fc.assert(fc.property(fc.nat(), fc.nat(), (a, b) => assert.equal(get(`/users/${a}/x`), get(`/users/${b}/x`))));
  });
});

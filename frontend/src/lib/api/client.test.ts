import * as v from "valibot";
import { beforeEach, expect, test, vi } from "vitest";

import { Api } from "@/lib/api/client";
import { ApiError, inWords } from "@/lib/api/errors";
import { IdempotencyKeys } from "@/lib/api/idempotency";

const network = vi.fn<typeof fetch>();
const token = vi.fn((refresh: boolean) => Promise.resolve(refresh ? "fresh" : "kept"));
const api = new Api(token);
const call = { method: "GET", path: "/api/months", answer: v.object({ months: v.array(v.string()) }) } as const;

function answer(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status });
}

function sentHeaders(index: number): Headers {
  return new Headers(network.mock.calls[index]?.[1]?.headers);
}

beforeEach(() => {
  network.mockReset();
  vi.stubGlobal("fetch", network);
});

test("an answer of the expected shape is handed on", async () => {
  network.mockResolvedValueOnce(answer(200, { months: ["2026-11"], more: true }));
  await expect(api.send(call)).resolves.toEqual({ months: ["2026-11"] });
  expect(sentHeaders(0).get("Authorization")).toBe("Bearer kept");
});

test("a refused token is fetched anew, once", async () => {
  network.mockResolvedValueOnce(answer(401, {})).mockResolvedValueOnce(answer(200, { months: [] }));
  await api.send(call);
  expect(sentHeaders(1).get("Authorization")).toBe("Bearer fresh");
  network.mockResolvedValue(answer(401, { code: "token-expired", title: "Expired" }));
  await expect(api.send(call)).rejects.toMatchObject({ status: 401, code: "token-expired" });
  expect(network).toHaveBeenCalledTimes(4);
});

test("a problem keeps its code and its words", async () => {
  network.mockResolvedValueOnce(
    answer(422, { code: "invalid-fields", title: "Invalid", detail: "amount: must be a decimal" }),
  );
  const error: unknown = await api.send(call).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ status: 422, code: "invalid-fields", passing: false });
  expect(inWords(error)).toBe("amount: must be a decimal");
});

test("a limit says how many seconds to wait; what is not seconds is passed over", async () => {
  const limited = (header: string) =>
    new Response(JSON.stringify({ code: "plaid-paced" }), { status: 503, headers: { "Retry-After": header } });
  const words = async (header: string) => {
    network.mockResolvedValueOnce(limited(header));
    return inWords(await api.send(call).catch((reason: unknown) => reason));
  };
  expect(await words("30")).toContain("Try again in 30 s.");
  expect(await words("Sat, 21 Nov 2026 12:00:00 GMT")).toContain("Try again in a minute.");
});

test("no answer, a broken answer and an unexpected one are told apart", async () => {
  network.mockRejectedValueOnce(new TypeError("Failed to fetch"));
  await expect(api.send(call)).rejects.toMatchObject({ status: 0, code: "unreachable", passing: true });
  network.mockResolvedValueOnce(new Response("<html>", { status: 503 }));
  await expect(api.send(call)).rejects.toMatchObject({ status: 503, code: "unknown", passing: true });
  network.mockResolvedValueOnce(answer(200, { months: "none" }));
  await expect(api.send(call)).rejects.toMatchObject({ code: "unreadable-answer" });
});

test("a body goes as JSON, with the key that makes repeating it safe", async () => {
  network.mockResolvedValueOnce(answer(201, { months: [] }));
  await api.send({ ...call, method: "POST", body: { name: "Café" }, idempotencyKey: "k1" });
  expect(network.mock.calls[0]?.[1]?.body).toBe('{"name":"Café"}');
  expect([sentHeaders(0).get("Idempotency-Key"), sentHeaders(0).get("Content-Type")]).toEqual([
    "k1",
    "application/json",
  ]);
});

test("trouble that has no words of its own says what to do", () => {
  expect(inWords(new Error("x"))).toMatch(/Reload/);
  expect(inWords(new ApiError(0, "unreachable", "", ""))).toMatch(/connection/);
});

test("the same wish keeps its key, a changed or a fulfilled one gets another", () => {
  const keys = new IdempotencyKeys();
  const first = keys.for({ name: "a" });
  expect(keys.for({ name: "a" })).toBe(first);
  expect(keys.for({ name: "b" })).not.toBe(first);
  const second = keys.for({ name: "b" });
  keys.fulfilled();
  expect(keys.for({ name: "b" })).not.toBe(second);
});

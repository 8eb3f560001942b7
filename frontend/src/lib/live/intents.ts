/**
 * Edits that could not reach the API: kept in this browser, left in Firestore, answered by receipts (docs/intents.md).
 *
 * An edit stays kept until its receipt is here, so a reload, a crash or a closed tab loses nothing; sending it again is
 * safe, because its id makes it one edit however often it arrives. All tabs share what is kept and each follows the
 * receipts; one of them, who holds a lock, sends. Sequence numbers are given out under another lock.
 */
import * as v from "valibot";

import { forget, keep, kept } from "@/lib/kept";
import { waitingFor } from "@/lib/waiting";
import type { Change, GuessEvent } from "@/lib/live/guesses";
import { markedSchema, type Version, versionSchema } from "@/lib/live/versions";

export interface Wish {
  /** The id of the request that found nobody, where the API remembers it; else a new one. */
  readonly id?: string;
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The document that it changes; null makes something new. */
  readonly path: string | null;
  readonly change: Change;
  /** "Your change was not saved" */
  readonly trouble: string;
}

const entrySchema = v.object({
  id: v.string(),
  kind: v.string(),
  body: v.record(v.string(), v.unknown()),
  path: v.nullable(v.string()),
  change: v.record(v.string(), v.unknown()),
  trouble: v.string(),
  base: versionSchema,
  madeAt: v.number(),
  sequence: v.number(),
});
type Entry = v.InferOutput<typeof entrySchema>;

const keptSchema = v.object({
  device: v.string(),
  sequence: v.number(),
  entries: v.array(entrySchema),
});
type Kept = v.InferOutput<typeof keptSchema>;

export const receiptSchema = v.object({
  outcome: v.string(),
  reason: v.optional(v.nullable(v.string()), null),
  detail: v.optional(v.nullable(v.string()), null),
  marked: v.optional(markedSchema, []),
});
export type Receipt = v.InferOutput<typeof receiptSchema>;

/** What the queue needs of Firestore. `create` rejects with "denied" when the rules say no. */
export interface Post {
  create(id: string, fields: Readonly<Record<string, unknown>>): Promise<void>;
  arrived(id: string): Promise<boolean>;
  watch(id: string, onReceipt: (receipt: unknown) => void): () => void;
}

const WATCHED = 20;
const DENIED_TRIES = 3;
const TRY_AGAIN_MS = 2_000;

export class IntentQueue {
  readonly #watching = new Map<string, () => void>();
  readonly #known = new Set<string>();
  readonly #sending = new Set<string>();
  readonly #sent = new Set<string>();
  readonly #over = new AbortController();
  #leads = false;
  #keeps = true;

  constructor(
    private readonly post: Post,
    private readonly report: (event: GuessEvent) => void,
    private readonly tell: (trouble: string, receipt: Receipt) => void,
    private readonly versionAt: (path: string | null) => Version,
    /** Whose edits these are. */
    private readonly owner: string,
  ) {
    window.addEventListener("storage", () => this.#follow(), { signal: this.#over.signal });
    this.#follow();
    void this.#lead();
  }

  /** Whether an edit of this document waits: a later one has to wait behind it. */
  holds(path: string | null): boolean {
    return path !== null && this.#read().entries.some((entry) => entry.path === path);
  }

  /** Whether this edit's guess is shown for an entry of this queue. */
  keeps(id: string): boolean {
    return this.#known.has(id);
  }

  /** How many edits are kept here alone: signing out would lose them. One that another tab has sent counts too. */
  unsent(): number {
    return this.#read().entries.filter(({ id }) => !this.#sent.has(id)).length;
  }

  /**
   * Keeps an edit and sends it as soon as there is a connection. Its guess shows at once. One that ends after its
   * person was signed out is kept for them, unless they asked to leave.
   */
  async leave(wish: Wish): Promise<void> {
    const { id = crypto.randomUUID(), kind, body, path, change, trouble } = wish;
    const entry = {
      id,
      kind,
      body,
      path,
      change: { ...change },
      trouble,
      base: this.versionAt(path),
      madeAt: Date.now(),
    };
    if (!this.#over.signal.aborted) this.#show(entry);
    await underLock("numbers", () => {
      if (!this.#keeps) return;
      const before = this.#read();
      if (before.entries.some((one) => one.id === id)) return;
      const sequence = before.sequence + 1;
      this.#write({ ...before, sequence, entries: [...before.entries, { ...entry, sequence }] });
    });
    this.#follow();
  }

  /** Ends sending and showing. `keeps`: what waits is for its person's next sign-in. */
  close(keeps = true): void {
    this.#keeps = keeps;
    this.#over.abort();
    for (const stop of this.#watching.values()) stop();
    this.#watching.clear();
  }

  /** Shows what is kept, follows the receipts of the first few, and sends if this tab is the one that does. */
  #follow(): void {
    if (this.#over.signal.aborted) return;
    const { device, entries } = this.#read();
    for (const entry of entries) this.#show(entry);
    for (const { id, trouble } of entries.slice(0, WATCHED)) {
      if (this.#watching.has(id)) continue;
      this.#watching.set(
        id,
        this.post.watch(id, (receipt) => this.#answered(id, trouble, receipt)),
      );
    }
    if (this.#leads) for (const entry of entries.slice(0, WATCHED)) void this.#send(device, entry);
  }

  #show({ id, path, change }: Pick<Entry, "id" | "path" | "change">): void {
    if (this.#known.has(id)) return;
    this.#known.add(id);
    this.report({ type: "guessed", id, path, change });
  }

  async #lead(): Promise<void> {
    await underLock("sender", async () => {
      this.#leads = true;
      this.#follow();
      await new Promise<void>((resolve) => this.#over.signal.addEventListener("abort", () => resolve()));
    }).catch(() => undefined);
  }

  async #send(device: string, entry: Entry): Promise<void> {
    if (this.#sending.has(entry.id)) return;
    this.#sending.add(entry.id);
    const { kind, sequence, base, body } = entry;
    const fields = { v: 1, kind, device, sequence, base, madeAt: new Date(entry.madeAt), body };
    for (let attempt = 1; !this.#over.signal.aborted; attempt += 1) {
      try {
        await this.post.create(entry.id, fields);
        this.#sent.add(entry.id);
        return;
      } catch {
        // Denied: it is there already, or it is not admitted. An answer of before is told by its receipt.
        if (await this.post.arrived(entry.id).catch(() => false)) {
          this.#sent.add(entry.id);
          return;
        }
        if (attempt === DENIED_TRIES) break;
        await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
      }
    }
    if (this.#watching.has(entry.id)) {
      this.#answered(entry.id, entry.trouble, { outcome: "rejected", reason: "not-admitted" });
    }
  }

  #answered(id: string, trouble: string, told: unknown): void {
    const parsed = v.safeParse(receiptSchema, told);
    if (!parsed.success || !this.#watching.has(id)) return;
    const receipt = parsed.output;
    this.#watching.get(id)?.();
    this.#watching.delete(id);
    if (receipt.outcome === "applied") this.report({ type: "answered", id, marked: receipt.marked });
    else {
      this.report({ type: "refused", id });
      if (this.#leads) this.tell(trouble, receipt);
    }
    void underLock("numbers", () => {
      if (this.#over.signal.aborted) return;
      const before = this.#read();
      this.#write({ ...before, entries: before.entries.filter((entry) => entry.id !== id) });
    }).then(() => this.#follow());
  }

  #read(): Kept {
    try {
      const parsed = v.safeParse(keptSchema, JSON.parse(kept(waitingFor(this.owner)) ?? "null"));
      if (parsed.success) return parsed.output;
    } catch {
      forget(waitingFor(this.owner));
    }
    return { device: crypto.randomUUID(), sequence: 0, entries: [] };
  }

  #write(all: Kept): void {
    keep(waitingFor(this.owner), JSON.stringify(all));
    if (this.#over.signal.aborted) window.dispatchEvent(new Event("storage"));
  }
}

/** What became of an edit that was not applied, for a person. */
export function receiptInWords({ outcome, reason, detail }: Receipt): string {
  if (outcome === "superseded") return "It was changed elsewhere in the meantime. The newer value stays.";
  if (reason === "not-admitted") return "It was not accepted. Check this device's date and time, and make it again.";
  return detail ?? "It was not accepted. Reload the page and make it again.";
}

/** Runs alone among all tabs; where the browser has no locks, there is only this tab to care for. */
async function underLock(name: string, work: () => void | Promise<void>): Promise<void> {
  const locks = navigator.locks as LockManager | undefined;
  if (locks === undefined) await work();
  else await locks.request(`livespend:intents:${name}`, work);
}

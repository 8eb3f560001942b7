/**
 * When versions of documents were received and drawn, for whoever wants to tell the server (docs/tracing.md). A change
 * counts, not what is there when a listener opens; nothing counts that nobody can see because the page is hidden.
 */
import { type Version, versionText } from "@/lib/live/versions";

export interface ShownVersion extends Version {
  /** Whose document it is: a household's, or null for the person's own. */
  readonly household: string | null;
  /** Moments of `performance.now()`, which no setting of a clock moves. */
  readonly receivedAt: number;
  readonly renderedAt: number;
}

type Received = Omit<ShownVersion, "renderedAt">;

const MOST = 200;

export class ShownVersions {
  readonly #received = new Map<string, Received>();
  #waiting: ShownVersion[] = [];
  #listener: (() => void) | null = null;

  /** Versions that a listener has just brought; they are drawn after the store has changed. */
  received(versions: readonly Version[], household: string | null = null): void {
    const receivedAt = performance.now();
    for (const version of versions) {
      const key = `${household ?? ""} ${versionText(version)}`;
      if (this.#received.size < MOST && !this.#received.has(key))
        this.#received.set(key, { ...version, household, receivedAt });
    }
  }

  /** What was received is handed to the components: the next frame shows it. */
  applied(household: string | null = null): void {
    const mine = [...this.#received].filter(([, version]) => version.household === household);
    for (const [key] of mine) this.#received.delete(key);
    const versions = mine.map(([, version]) => version);
    if (versions.length === 0 || document.hidden) return;
    // In a frame everything is drawn by its end: a task that follows it runs when that is done.
    requestAnimationFrame(() => setTimeout(() => this.#rendered(versions), 0));
  }

  /** What has been shown since the last call; at most two hundred wait. */
  take(): readonly ShownVersion[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  /** Has a function called whenever something was shown; the returned function ends it. */
  listen(listener: () => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = null;
    };
  }

  #rendered(versions: readonly Received[]): void {
    const renderedAt = performance.now();
    this.#waiting = [...this.#waiting, ...versions.map((version) => ({ ...version, renderedAt }))].slice(-MOST);
    this.#listener?.();
  }
}

/**
 * One signed-in person's connection to Firestore, from sign-in to sign-out.
 *
 * Opened with the small collections of the shape that the head names (shapes.ts); months come and go as they are looked at. The SDK reconnects by itself; a
 * listener that Firestore refuses is opened again with growing pauses. Closing ends every listener, then
 * terminates and clears the SDK's store, so that nothing of one person is left for the next.
 */
import type { FirebaseApp } from "firebase/app";
import {
  clearIndexedDbPersistence,
  collection,
  type CollectionReference,
  connectFirestoreEmulator,
  doc,
  type DocumentSnapshot,
  type Firestore,
  getDocFromServer,
  initializeFirestore,
  limit,
  memoryLocalCache,
  onSnapshot,
  orderBy,
  query,
  type Query,
  type QuerySnapshot,
  serverTimestamp,
  setDoc,
  type SnapshotMetadata,
  terminate,
  where,
} from "firebase/firestore";

import type { GuessEvent } from "@/lib/live/guesses";
import { IntentQueue, type Post, receiptInWords } from "@/lib/live/intents";
import { shapeNamedBy, ShapeFollower } from "@/lib/live/shapes";
import { NOTHING_SHARED, type Shared, type SharedKind } from "@/lib/live/shared";
import { ShownVersions } from "@/lib/live/shown";
import {
  applyEvent,
  batcher,
  createLiveStore,
  type LiveEvent,
  type LiveStore,
  seenAt,
  type Snapshot,
  versionOf,
} from "@/lib/live/store";
import { kindOf, type TopicKey, transactionsOf, WHOLE_COLLECTIONS } from "@/lib/live/topics";
import type { Version } from "@/lib/live/versions";
import type { Month } from "@/lib/months";
import { toastMessage } from "@/lib/toasts";

/** A month stays connected this long after the last look, so that going back to it shows it at once. */
const LINGER_MS = 5_000;
const SHARED_AT_MOST = 500;
const RETRY_MS = { first: 1_000, longest: 60_000 };

interface Listening {
  watchers: number;
  size: number;
}

export class LiveSession {
  readonly store: LiveStore = createLiveStore();
  readonly shown = new ShownVersions();
  readonly #db: Firestore;
  readonly #emit: (event: LiveEvent) => void;
  readonly #shapes: ShapeFollower;
  readonly #months = new Map<Month, Listening>();
  readonly #closers: (() => void)[] = [];
  /** Edits that found nobody at the API. */
  readonly intents: IntentQueue;

  constructor(
    app: FirebaseApp,
    firestoreHost: string | null,
    readonly uid: string,
  ) {
    this.#db = initializeFirestore(app, { localCache: memoryLocalCache() });
    if (firestoreHost !== null) connectFirestoreEmulator(this.#db, ...hostAndPort(firestoreHost));
    this.#emit = batcher(this.store, uid, () => this.shown.applied());
    this.#shapes = new ShapeFollower(this.#emit);
    this.#closers.push(this.#listenToHead());
    for (const name of WHOLE_COLLECTIONS) {
      this.#shapes.open(name, (shape, report) => this.#listen(name, this.#collection(shape[name]), report));
    }
    this.intents = new IntentQueue(
      this.#post(),
      this.report,
      (trouble, receipt) => toastMessage(trouble, receiptInWords(receipt)),
      (path) => seenAt(this.store.getState(), path),
      uid,
    );
  }

  /** Reports an edit's guess, answer or refusal: shown at once, not gathered with what the listeners bring. */
  readonly report = (event: GuessEvent): void => {
    this.store.setState((state) => applyEvent(state, event, this.uid));
  };

  documentPath(name: string, id: string): string {
    return `users/${this.uid}/${name}/${id}`;
  }

  /** Listens to the newest transactions of a month until the returned function is called. */
  watchMonth(month: Month, size: number): () => void {
    const listening = this.#months.get(month) ?? this.#openMonth(month, size);
    listening.watchers += 1;
    if (size > listening.size) this.#widenMonth(month, listening, size);
    return () => {
      listening.watchers -= 1;
      setTimeout(() => this.#closeUnwatched(month, listening), LINGER_MS);
    };
  }

  /** Listens to what a household shows until the returned function is called. */
  watchShared(household: string, kind: SharedKind, month: Month, report: (shared: Shared) => void): () => void {
    const all = collection(this.#db, "households", household, kind);
    const newest = [where("month", "==", month), orderBy("date", "desc"), limit(SHARED_AT_MOST)];
    const source = kind === "transactions" ? query(all, ...newest) : all;
    const close = this.#keepOpen(
      () => report({ ...NOTHING_SHARED, settled: true, refused: true }),
      (listener) =>
        onSnapshot(source, {
          next: (snapshot) => {
            const { docs, metadata } = snapshot;
            const documents = docs.map((one) => ({ path: one.ref.path, id: one.id, data: one.data() }));
            if (listener.settled) this.shown.received(versionsOf(snapshot), household);
            listener.settled ||= !metadata.fromCache;
            const limit = kind === "transactions" ? SHARED_AT_MOST : null;
            report({ documents, settled: !metadata.fromCache, refused: false, limit });
            this.shown.applied(household);
          },
          error: (error) => listener.denied(error.code),
        }),
    );
    return this.#ending(close);
  }

  /** Listens to a household's own document until the returned function is called; who may not read it hears nothing. */
  watchHousehold(household: string, report: (data: unknown) => void): () => void {
    const close = this.#keepOpen(
      () => undefined,
      (listener) =>
        onSnapshot(doc(this.#db, "households", household), {
          next: (snapshot) => snapshot.exists() && report(snapshot.data()),
          error: (error) => listener.denied(error.code),
        }),
    );
    return this.#ending(close);
  }

  /** The session ends what is still open when it closes. */
  #ending(close: () => void): () => void {
    const ended = () => {
      close();
      this.#closers.splice(this.#closers.indexOf(ended), 1);
    };
    this.#closers.push(ended);
    return ended;
  }

  /** `keeps`: edits that wait on this device stay for the same person's next sign-in. */
  async close(keeps: boolean): Promise<void> {
    this.intents.close(keeps);
    for (const close of [...this.#closers]) close();
    this.#shapes.stop();
    this.#months.clear();
    await terminate(this.#db);
    await clearIndexedDbPersistence(this.#db);
  }

  #post(): Post {
    const ignored = () => undefined;
    const at = (name: string, id: string) => doc(this.#db, "users", this.uid, name, id);
    return {
      create: (id, fields) => setDoc(at("intents", id), { ...fields, createdAt: serverTimestamp() }),
      arrived: async (id) => (await getDocFromServer(at("intents", id))).exists(),
      watch: (id, onReceipt) =>
        this.#keepOpen(ignored, (listener) =>
          onSnapshot(at("receipts", id), {
            next: (snapshot) => snapshot.exists() && onReceipt(snapshot.data()),
            error: (error) => listener.denied(error.code),
          }),
        ),
    };
  }

  #openMonth(month: Month, size: number): Listening {
    const listening = { watchers: 0, size };
    this.#months.set(month, listening);
    this.#listenToMonth(month, size);
    return listening;
  }

  /** The narrow listener goes only when the wide one has answered: the rows on screen never blink. */
  #widenMonth(month: Month, listening: Listening, size: number): void {
    listening.size = size;
    this.#listenToMonth(month, size);
  }

  #closeUnwatched(month: Month, listening: Listening): void {
    if (listening.watchers > 0 || this.#months.get(month) !== listening) return;
    this.#shapes.close(transactionsOf(month));
    this.#months.delete(month);
    this.#emit({ type: "closed", topic: transactionsOf(month) });
  }

  #listenToMonth(month: Month, size: number): void {
    const topic = transactionsOf(month);
    this.#shapes.open(topic, (shape, report) => {
      const transactions = this.#collection(shape.transactions);
      const page = query(transactions, where("month", "==", month), orderBy("date", "desc"), limit(size));
      return this.#listen(topic, page, report, size);
    });
  }

  #collection(name: string): CollectionReference {
    return collection(this.#db, "users", this.uid, name);
  }

  #listen(topic: TopicKey, source: Query, report: (event: LiveEvent) => void, size?: number): () => void {
    const pathOf = (id: string) => this.documentPath(kindOf(topic), id);
    const denied = (reason: string) => report({ type: "denied", topic, reason });
    return this.#keepOpen(denied, (listener) =>
      onSnapshot(
        source,
        { includeMetadataChanges: true },
        {
          next: (snapshot) => {
            const first = !listener.settled;
            if (!vouchedFor(topic, listener, snapshot, report)) return;
            if (!first) this.shown.received(versionsOf(snapshot));
            report({ type: "snapshot", topic, snapshot: fromQuery(snapshot, pathOf, size) });
          },
          error: (error) => listener.denied(error.code),
        },
      ),
    );
  }

  #listenToHead(): () => void {
    const denied = (reason: string) => this.#emit({ type: "denied", topic: "head", reason });
    return this.#keepOpen(denied, (listener) =>
      onSnapshot(
        doc(this.#db, "users", this.uid),
        { includeMetadataChanges: true },
        {
          next: (snapshot) => {
            if (!vouchedFor("head", listener, snapshot, this.#emit)) return;
            this.#emit({ type: "snapshot", topic: "head", snapshot: fromDocument(snapshot) });
            this.#shapes.follow(shapeNamedBy(snapshot.data()));
          },
          error: (error) => listener.denied(error.code),
        },
      ),
    );
  }

  /** Opens a listener, and opens it again after each refusal; the returned function ends it for good. */
  #keepOpen(onDenied: (reason: string) => void, open: (listener: Listener) => () => void): () => void {
    let pause = RETRY_MS.first;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let close: () => void;
    const denied = (reason: string) => {
      onDenied(reason);
      timer = setTimeout(start, pause);
      pause = Math.min(pause * 2, RETRY_MS.longest);
    };
    const start = () => {
      close = open({ settled: false, denied });
    };
    start();
    return () => {
      clearTimeout(timer);
      close();
    };
  }
}

/** One opening of a listener. */
interface Listener {
  settled: boolean;
  denied: (reason: string) => void;
}

/** Until the server has answered a listener once, what the cache holds is not taken for the truth. */
function vouchedFor(
  topic: TopicKey,
  listener: Listener,
  { metadata }: { metadata: SnapshotMetadata },
  report: (event: LiveEvent) => void,
): boolean {
  listener.settled ||= !metadata.fromCache;
  if (!listener.settled) report({ type: "unreached", topic });
  return listener.settled;
}

/** Documents by their plain paths, as the API names them, whatever collection they are in. */
function fromQuery(snapshot: QuerySnapshot, pathOf: (id: string) => string, limit?: number): Snapshot {
  return {
    ...(limit === undefined ? {} : { limit }),
    documents: snapshot.docs.map((one) => ({ path: pathOf(one.id), id: one.id, data: one.data() })),
    changed: new Set(snapshot.docChanges().map((change) => pathOf(change.doc.id))),
    stale: snapshot.metadata.fromCache,
  };
}

function versionsOf(snapshot: QuerySnapshot): Version[] {
  const changes = snapshot.docChanges().filter(({ type }) => type !== "removed");
  return changes.flatMap(({ doc }) => versionOf(doc.data()) ?? []);
}

function fromDocument(snapshot: DocumentSnapshot): Snapshot {
  const { path } = snapshot.ref;
  const data = snapshot.data();
  return {
    documents: data === undefined ? [] : [{ path, id: snapshot.id, data }],
    changed: new Set([path]),
    stale: snapshot.metadata.fromCache,
  };
}

function hostAndPort(address: string): [string, number] {
  const { hostname, port } = new URL(`http://${address}`);
  return [hostname, Number(port)];
}

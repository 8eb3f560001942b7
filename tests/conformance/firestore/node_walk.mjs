// The vendor's server client for Node walks through a Firestore; prints what it saw as one JSON object.
// Arguments: the frontend's folder (whose packages are used), host:port, project.
import { createRequire } from "node:module";

const [frontend, address, project] = process.argv.slice(2);
process.env.FIRESTORE_EMULATOR_HOST = address;
const load = createRequire(`${frontend}/package.json`);
const { Firestore, FieldValue, Timestamp, GeoPoint, Filter, AggregateField, FieldPath } = load("@google-cloud/firestore");
const db = new Firestore({ projectId: project });
const seen = {};
const code = async (attempt) => {
  try {
    await attempt();
    return "no error";
  } catch (error) {
    return error.code;
  }
};
const ids = (snapshot) => snapshot.docs.map((document) => document.id);

// Documents
const when = new Timestamp(1700000000, 123456000);
const values = { text: "é", whole: 7, real: 1.5, none: null, yes: true, when, where: new GeoPoint(1, -2), list: [1, { a: [] }], map: { "a.b": 1 } };
await db.doc("c/a").set(values);
const back = (await db.doc("c/a").get()).data();
seen.values = [back.text, back.whole, back.when.isEqual(when), back.where.isEqual(values.where), back.map["a.b"], back.list];
await db.doc("c/a").update({ "map.more": FieldValue.increment(2), tags: FieldValue.arrayUnion("x", "y"), text: FieldValue.delete() });
await db.doc("c/a").update(new FieldPath("map", "a.b"), 5);
const updated = (await db.doc("c/a").get()).data();
seen.updated = [updated.map, updated.tags, "text" in updated];
seen.create = await code(() => db.doc("c/a").create({}));
seen.missing = await code(() => db.doc("c/none").update({ a: 1 }));
seen.precondition = await code(() => db.doc("c/a").delete({ lastUpdateTime: Timestamp.fromMillis(1) }));

// Batches, bulk writes
const batch = db.batch();
for (let n = 0; n < 10; n++) batch.set(db.doc(`numbers/n${n}`), { n, odd: n % 2 === 1, tag: [`t${n % 3}`] });
seen.batch = (await batch.commit()).length;
const writer = db.bulkWriter();
for (let n = 0; n < 30; n++) writer.set(db.doc(`groups/g${n % 3}/members/m${n}`), { n });
await writer.close();

// Queries
const numbers = db.collection("numbers");
seen.where = ids(await numbers.where("n", ">", 6).orderBy("n", "desc").get());
seen.or = ids(await numbers.where(Filter.or(Filter.where("n", "==", 1), Filter.and(Filter.where("odd", "==", false), Filter.where("n", ">=", 8)))).get());
seen.in = ids(await numbers.where("n", "in", [2, 4, 99]).get());
seen.notIn = ids(await numbers.where("n", "not-in", [0, 1, 2, 3, 4, 5, 6, 7]).get());
seen.contains = ids(await numbers.where("tag", "array-contains-any", ["t0"]).get());
seen.last = ids(await numbers.orderBy("n").limitToLast(2).get());
seen.page = ids(await numbers.orderBy("n").startAfter(await db.doc("numbers/n3").get()).limit(2).get());
seen.select = (await numbers.where("n", "==", 3).select("odd").get()).docs[0].data();
seen.group = (await db.collectionGroup("members").where("n", "<", 5).get()).size;
seen.count = (await numbers.where("odd", "==", true).count().get()).data().count;
const sums = (await numbers.aggregate({ total: AggregateField.sum("n"), mean: AggregateField.average("n") }).get()).data();
seen.sums = [sums.total, sums.mean];
try {
  let parts = 0;
  let found = 0;
  for await (const part of db.collectionGroup("members").getPartitions(4)) {
    parts += 1;
    found += (await part.toQuery().get()).size;
  }
  seen.partitions = [parts, found];
} catch (error) {
  if (error.code !== 12) throw error;
  seen.partitions = "not served";
}
seen.collections = (await db.listCollections()).map((each) => each.id).sort();
seen.documents = (await db.collection("groups").listDocuments()).map((each) => each.id).sort();

// Transactions: five workers, four increments each
await db.doc("c/counter").set({ n: 0 });
const increment = () =>
  db.runTransaction(async (transaction) => {
    const { n } = (await transaction.get(db.doc("c/counter"))).data();
    transaction.update(db.doc("c/counter"), { n: n + 1 });
  }, { maxAttempts: 50 });
await Promise.all(Array.from({ length: 5 }, async () => { for (let n = 0; n < 4; n++) await increment(); }));
seen.counter = (await db.doc("c/counter").get()).data().n;
seen.readOnly = await db.runTransaction(async (transaction) => (await transaction.get(db.doc("c/counter"))).data().n, { readOnly: true });

// Listeners
const heard = [];
let wake = () => {};
const until = async (wanted) => {
  while (JSON.stringify(heard.at(-1)) !== JSON.stringify(wanted)) await new Promise((done) => { wake = done; });
};
const stop = db.collection("live").orderBy("n").limit(2).onSnapshot((snapshot) => { heard.push(ids(snapshot)); wake(); });
await until([]);
await db.doc("live/b").set({ n: 2 });
await until(["b"]);
await db.doc("live/c").set({ n: 3 });
await db.doc("live/a").set({ n: 1 });
await until(["a", "b"]);
await db.doc("live/a").delete();
await until(["b", "c"]);
stop();
seen.live = heard.at(-1);

await db.recursiveDelete(db.collection("groups"));
seen.afterRecursiveDelete = (await db.collectionGroup("members").get()).size;
await db.terminate();
process.stdout.write(JSON.stringify(seen), () => process.exit(0)); // a pipe takes 64 KiB at once

// The table of who may do what, tried through @firebase/rules-unit-testing and the web SDK. Reads the table as JSON on
// stdin, prints {caller: {path: {operation: verdict}}} on stdout.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const load = createRequire(`${process.argv[2]}/package.json`);
const { initializeTestEnvironment } = load("@firebase/rules-unit-testing");
const fs = load("firebase/firestore");
fs.setLogLevel("silent");

const { rules, host, port, project, callers, documents, listings } = JSON.parse(readFileSync(0, "utf8"));
const environment = await initializeTestEnvironment({ projectId: project, firestore: { rules, host, port } });

const verdict = async (attempt) => {
  try {
    await attempt();
    return "ALLOW";
  } catch (error) {
    if (error.code === "permission-denied") return "DENY";
    throw error;
  }
};
const asAdmin = (work) => environment.withSecurityRulesDisabled((context) => work(context.firestore()));
const sibling = (path) => `${path.slice(0, path.lastIndexOf("/"))}/nothing-here`;

function asked(db, path, listing) {
  const parent = path.slice(0, path.lastIndexOf("/"));
  const source = listing.group
    ? fs.collectionGroup(db, parent.slice(parent.lastIndexOf("/") + 1))
    : fs.collection(db, parent);
  return fs.query(
    source,
    ...listing.where.map((clause) => fs.where(...clause)),
    ...listing.order.map(([field, way]) => fs.orderBy(field, way.toLowerCase())),
    ...(listing.limit === null ? [] : [fs.limit(listing.limit)]),
  );
}

async function row(db, path) {
  const seen = {};
  const reference = fs.doc(db, path);
  seen.get = await verdict(() => fs.getDoc(reference));
  seen["get missing"] = await verdict(() => fs.getDoc(fs.doc(db, sibling(path))));
  for (const [name, listing] of Object.entries(listings)) {
    const query = asked(db, path, listing);
    seen[name] = await verdict(() => (name === "count" ? fs.getCountFromServer(query) : fs.getDocs(query)));
  }
  seen.create = await verdict(() => fs.setDoc(fs.doc(db, sibling(path)), { x: 1 }));
  seen.set = await verdict(() => fs.setDoc(reference, { x: 1 }));
  seen.update = await verdict(() => fs.updateDoc(reference, { x: 1 }));
  seen.delete = await verdict(() => fs.deleteDoc(reference));
  return seen;
}

await environment.clearFirestore();
await asAdmin(async (db) => {
  for (const [path, fields] of Object.entries(documents)) await fs.setDoc(fs.doc(db, path), fields);
});
const answers = {};
for (const [name, caller] of Object.entries(callers)) {
  const context =
    caller === null
      ? environment.unauthenticatedContext()
      : environment.authenticatedContext(caller.uid, caller.claims);
  const db = context.firestore();
  answers[name] = {};
  for (const path of Object.keys(documents)) answers[name][path] = await row(db, path);
}
await environment.cleanup();
process.stdout.write(JSON.stringify(answers), () => process.exit(0)); // a pipe takes 64 KiB at once

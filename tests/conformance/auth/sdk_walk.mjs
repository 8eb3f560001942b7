// The real browser SDK against the auth server named on the command line; prints what it saw as one JSON object.
import { createRequire } from "node:module";

const [address, frontend] = process.argv.slice(2);
const load = createRequire(`${frontend}/package.json`);
const { initializeApp } = load("firebase/app");
const A = load("firebase/auth");

const app = initializeApp({ apiKey: "demo-key", projectId: "demo-livespend", authDomain: "localhost" });
const auth = A.getAuth(app);
A.connectAuthEmulator(auth, `http://${address}`, { disableWarnings: true });

const seen = {};
const code = async (attempt) => {
  try {
    await attempt();
    return "no error";
  } catch (error) {
    return error.code;
  }
};

const { user } = await A.createUserWithEmailAndPassword(auth, "walk@example.com", "correct horse");
await A.updateProfile(user, { displayName: "Walker" });
seen.name = (await user.getIdTokenResult(true)).claims.name;
await A.updatePassword(user, "battery staple");
await A.signOut(auth);
seen.wrongPassword = await code(() => A.signInWithEmailAndPassword(auth, "walk@example.com", "correct horse"));
seen.unknown = await code(() => A.signInWithEmailAndPassword(auth, "nobody@example.com", "correct horse"));
seen.taken = await code(() => A.createUserWithEmailAndPassword(auth, "walk@example.com", "correct horse"));
seen.weak = await code(() => A.createUserWithEmailAndPassword(auth, "weak@example.com", "short"));
seen.again = (await A.signInWithEmailAndPassword(auth, "walk@example.com", "battery staple")).user.displayName;
await A.signOut(auth);

const guest = (await A.signInAnonymously(auth)).user;
seen.guest = guest.isAnonymous;
const linked = await A.linkWithCredential(guest, A.EmailAuthProvider.credential("guest@example.com", "correct horse"));
seen.linked = [linked.user.isAnonymous, linked.user.email, linked.user.uid === guest.uid];
await A.signOut(auth);

const token = '{"sub":"g-1","email":"g@example.com","email_verified":true,"name":"Goo"}';
const google = await A.signInWithCredential(auth, A.GoogleAuthProvider.credential(token));
seen.google = [google.user.email, google.user.emailVerified, A.getAdditionalUserInfo(google).isNewUser];
await A.deleteUser(google.user);
seen.signedOut = auth.currentUser === null;

const custom = await A.signInWithCustomToken(auth, JSON.stringify({ uid: "c-1", claims: { plan: "gold" } }));
seen.custom = [custom.user.uid, (await custom.user.getIdTokenResult()).claims.plan];
console.log(JSON.stringify(seen));
process.exit(0);

// Everything that goes by mailed codes, with the real browser SDK; prints what it saw as one JSON object.
import { createRequire } from "node:module";

const [address, project, frontend] = process.argv.slice(2);
const load = createRequire(`${frontend}/package.json`);
const { initializeApp } = load("firebase/app");
const A = load("firebase/auth");

const app = initializeApp({ apiKey: "demo-key", projectId: project, authDomain: "localhost" });
const auth = A.getAuth(app);
A.connectAuthEmulator(auth, `http://${address}`, { disableWarnings: true });

const emulator = `http://${address}/emulator/v1/projects/${project}`;
const latest = async (email, requestType) => {
  const { oobCodes } = await (await fetch(`${emulator}/oobCodes`)).json();
  return oobCodes.filter((one) => one.email === email && one.requestType === requestType).at(-1);
};
const code = async (attempt) => {
  try {
    await attempt();
    return "no error";
  } catch (error) {
    return error.code;
  }
};
const onward = { url: "http://localhost/after", handleCodeInApp: true };
const seen = {};

const { user } = await A.createUserWithEmailAndPassword(auth, "a@example.com", "correct horse");
await A.sendEmailVerification(user);
const verify = await latest("a@example.com", "VERIFY_EMAIL");
seen.checked = (await A.checkActionCode(auth, verify.oobCode)).operation;
await A.applyActionCode(auth, verify.oobCode);
await user.reload();
seen.verified = user.emailVerified;
seen.codeIsGoodOnce = await code(() => A.applyActionCode(auth, verify.oobCode));

await A.verifyBeforeUpdateEmail(user, "b@example.com", onward);
const change = await latest("a@example.com", "VERIFY_AND_CHANGE_EMAIL");
seen.newEmail = change.newEmail;
await A.applyActionCode(auth, change.oobCode);
const again = (await A.signInWithEmailAndPassword(auth, "b@example.com", "correct horse")).user;
seen.changed = again.email;

await A.updateEmail(again, "thief@example.com");
const recover = await latest("b@example.com", "RECOVER_EMAIL");
await A.applyActionCode(auth, recover.oobCode);
seen.recovered = await A.fetchSignInMethodsForEmail(auth, "b@example.com");
await A.signOut(auth);

await A.sendPasswordResetEmail(auth, "b@example.com", onward);
const reset = await latest("b@example.com", "PASSWORD_RESET");
seen.resetFor = await A.verifyPasswordResetCode(auth, reset.oobCode);
seen.weak = await code(() => A.confirmPasswordReset(auth, reset.oobCode, "short"));
await A.confirmPasswordReset(auth, reset.oobCode, "battery staple");
seen.oldPassword = await code(() => A.signInWithEmailAndPassword(auth, "b@example.com", "correct horse"));
const back = (await A.signInWithEmailAndPassword(auth, "b@example.com", "battery staple")).user;
seen.resetUnknown = await code(() => A.sendPasswordResetEmail(auth, "nobody@example.com"));
seen.badCode = await code(() => A.verifyPasswordResetCode(auth, "nonsense"));

await A.reauthenticateWithCredential(back, A.EmailAuthProvider.credential("b@example.com", "battery staple"));
const google = A.GoogleAuthProvider.credential('{"sub":"g-9","email":"b@example.com","email_verified":true}');
await A.linkWithCredential(back, google);
seen.providers = back.providerData.map((one) => one.providerId).sort();
await A.unlink(back, "password");
seen.unlinked = back.providerData.map((one) => one.providerId);
await A.signOut(auth);

await A.sendSignInLinkToEmail(auth, "link@example.com", onward);
const link = (await latest("link@example.com", "EMAIL_SIGNIN")).oobLink;
const arrived = (await fetch(link, { redirect: "manual" })).headers.get("location");
seen.isLink = A.isSignInWithEmailLink(auth, arrived);
const byLink = await A.signInWithEmailLink(auth, "link@example.com", arrived);
seen.byLink = [byLink.user.email, byLink.user.emailVerified, A.getAdditionalUserInfo(byLink).isNewUser];
seen.linkTwice = await code(() => A.signInWithEmailLink(auth, "link@example.com", arrived));
seen.methods = await A.fetchSignInMethodsForEmail(auth, "link@example.com");
seen.policy = (await A.validatePassword(auth, "short")).isValid;

await fetch(`${emulator}/config`, {
  method: "PATCH",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ emailPrivacyConfig: { enableImprovedEmailPrivacy: true } }),
});
seen.private = await code(() => A.signInWithEmailAndPassword(auth, "nobody@example.com", "correct horse"));
seen.privateReset = await code(() => A.sendPasswordResetEmail(auth, "nobody@example.com"));
console.log(JSON.stringify(seen));
process.exit(0);

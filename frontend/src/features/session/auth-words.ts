/** What Firebase Auth refuses, for a person. Which of address and password was wrong is nobody's business. */
const WORDS: Readonly<Record<string, string>> = {
  "auth/invalid-credential": "The email address or the password is wrong.",
  "auth/invalid-login-credentials": "The email address or the password is wrong.",
  "auth/wrong-password": "The email address or the password is wrong.",
  "auth/user-not-found": "The email address or the password is wrong.",
  "auth/email-already-in-use": "There is an account with this email address already. Sign in instead.",
  "auth/invalid-email": "This does not look like an email address.",
  "auth/weak-password": "Choose a longer password: at least 6 characters.",
  "auth/missing-password": "Enter your password.",
  "auth/too-many-requests": "Too many tries. Wait a few minutes and try again.",
  "auth/user-disabled": "This account has been switched off.",
  "auth/network-request-failed": "The sign-in service cannot be reached. Check your connection and try again.",
  "auth/popup-blocked": "The browser blocked the sign-in window. Allow it and try again.",
};

/** Null when the person simply closed the window. */
export function authTrouble(error: unknown): string | null {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  if (code === "auth/popup-closed-by-user" || code === "auth/cancelled-popup-request") return null;
  return WORDS[code] ?? "Signing in did not work. Try again.";
}

import type { Item } from "@/lib/documents";

export interface StatusWords {
  readonly label: string;
  readonly color: string;
  /** What is wrong and what to do; null when all is well. */
  readonly says: string | null;
  /** Signing in again at the bank would help. */
  readonly repairable: boolean;
}

const WORDS: Readonly<Record<string, StatusWords>> = {
  ok: { label: "Connected", color: "teal", says: null, repairable: false },
  login_required: {
    label: "Needs sign-in",
    color: "red",
    says: "Your bank asks you to sign in again. Until then nothing new arrives from it.",
    repairable: true,
  },
  pending_disconnect: {
    label: "Ends soon",
    color: "yellow",
    says: "The connection to your bank will end soon. Sign in again to keep it.",
    repairable: true,
  },
  error: {
    label: "Trouble",
    color: "yellow",
    says: "Your bank cannot be reached through Plaid right now. We look into it.",
    repairable: false,
  },
  revoked: {
    label: "Access withdrawn",
    color: "red",
    says: "Access was withdrawn at the bank. What you see is what was last known; link the bank again for more.",
    repairable: false,
  },
};

/** Where the code says more than the status; the server's table (`sync/pull/conditions.py`) has the same words. */
const CODE_WORDS: Readonly<Record<string, string>> = {
  PASSWORD_RESET_REQUIRED: "Your bank asks for a new password. Set it at the bank, then sign in again here.",
  USER_SETUP_REQUIRED: "Your bank wants you to finish something there first. Then sign in again here.",
  ITEM_LOCKED: "Your bank has locked this sign-in. Unlock it at the bank, then sign in again here.",
  ACCESS_NOT_GRANTED: "Your bank was not allowed to share transactions. Sign in again and allow it.",
  ADDITIONAL_CONSENT_REQUIRED: "Your bank was not allowed to share transactions. Sign in again and allow it.",
  NO_ACCOUNTS: "Your bank shares no account any more. Sign in again and choose accounts.",
};

/** No sign-in mends this one: its key to the bank is gone on our side. */
const LOST = "The connection to this bank was lost. Link the bank again: what you have here is kept.";

/** What a bank's status means to a person; one that this page does not know is trouble of an unnamed kind. */
export function statusWords(item: Item): StatusWords {
  const known = WORDS[item.status];
  if (known === undefined) {
    const says = item.message ?? "Your bank has trouble right now. Livespend keeps trying.";
    return { label: "Trouble", color: "yellow", says, repairable: false };
  }
  if (item.errorCode === "TOKEN_LOST") {
    return { label: "Link again", color: "red", says: item.message ?? LOST, repairable: false };
  }
  const words = item.status === "login_required" ? (CODE_WORDS[item.errorCode ?? ""] ?? known.says) : known.says;
  const says = words !== null && item.message !== null ? `${words} Your bank says: ${item.message}` : words;
  return { ...known, says };
}

const NEEDS_SOMEBODY: readonly string[] = ["login_required", "revoked"];

/** Whether asking this bank for news can bring any: not before a connection that is broken is mended. */
export function isCheckable({ status, errorCode, freshness }: Item): boolean {
  return freshness !== "broken" && !NEEDS_SOMEBODY.includes(status) && errorCode !== "TOKEN_LOST";
}

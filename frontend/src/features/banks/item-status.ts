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
  revoked: {
    label: "Access withdrawn",
    color: "red",
    says: "Access was withdrawn at the bank. What you see is what was last known; link the bank again for more.",
    repairable: false,
  },
};

/** What a bank's status means to a person; one that this page does not know is trouble of an unnamed kind. */
export function statusWords(item: Item): StatusWords {
  const known = WORDS[item.status];
  if (known !== undefined) return known;
  const says = item.message ?? "Your bank has trouble right now. Livespend keeps trying.";
  return { label: "Trouble", color: "yellow", says, repairable: false };
}

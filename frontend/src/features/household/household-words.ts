import { ApiError, inWords } from "@/lib/api/errors";

/** What the API's codes mean to a person who is at a household, and what to do about it. */
const WORDS: Readonly<Partial<Record<string, string>>> = {
  "household-not-found": "You are not in this household any more.",
  "member-not-found": "They have left already.",
  "invitation-invalid":
    "This code is unknown, used or expired. Ask for a new one: each lets one person in, for seven days.",
  "not-the-households-owner": "Only an owner of the household may do this. Ask one of them.",
  "household-full": "There is no room: a household has at most ten members, and you can be in five.",
  "account-not-shareable": "One of these accounts is not linked any more. Choose again and save.",
};

export function householdTrouble(error: unknown): string {
  return (error instanceof ApiError ? WORDS[error.code] : undefined) ?? inWords(error);
}

export function nameOf(member: { displayName: string | null }): string {
  return member.displayName ?? "A member without a name";
}

export function membersInWords(count: number): string {
  return count === 1 ? "1 member" : `${count} members`;
}

/**
 * What this browser keeps for the person who is signed in, beyond a reload. Gone when they sign out; edits that wait
 * stay when nobody asked for that sign-out (waiting.ts).
 * Storage may be full or forbidden: then nothing is kept, which costs a repetition and breaks nothing.
 */
const PREFIX = "livespend:person:";

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // not kept
  }
}

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function forget(name: string): void {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // nothing was kept
  }
}

/** The names of what is kept. */
export function keptNames(): string[] {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    return keys.map((key) => key.slice(PREFIX.length));
  } catch {
    return [];
  }
}

export function forgetAll(but: (name: string) => boolean = () => false): void {
  for (const name of keptNames()) if (!but(name)) forget(name);
}

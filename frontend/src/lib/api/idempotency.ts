/**
 * Keys for requests that create. The same wish keeps its key however often it is sent, so a lost answer never
 * makes two of something; a changed wish gets a new key, because the API refuses an old key with a new body.
 */
export class IdempotencyKeys {
  #wish: string | null = null;
  #key = "";

  for(body: unknown): string {
    const wish = JSON.stringify(body);
    if (wish !== this.#wish) {
      this.#wish = wish;
      this.#key = crypto.randomUUID();
    }
    return this.#key;
  }

  /** The wish came true: the next one is a new one, even if it reads the same. */
  fulfilled(): void {
    this.#wish = null;
  }
}

/**
 * An idempotency key for one wish: the same text gets the same key until it was granted, so that
 * trying again after a lost answer makes nothing twice.
 */
export class OnceKey {
  #text: string | null = null
  #key = ''

  for(text: string): string {
    if (text !== this.#text) {
      this.#text = text
      this.#key = randomKey()
    }
    return this.#key
  }

  done(): void {
    this.#text = null
  }
}

// crypto.randomUUID is missing on pages that came over plain HTTP from another machine.
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

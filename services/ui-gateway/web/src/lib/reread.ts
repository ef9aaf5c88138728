import { retryDelayMs } from './retry'

const PAUSE_MAX_MS = 15_000

/**
 * Reads again what events left behind, one read at a time, until nothing is missing. A read that
 * failed or whose answer was too old is repeated after a pause, which grows.
 */
export class Reread {
  #read: () => Promise<unknown>
  #isNeeded: () => boolean
  #isRunning = false
  #stopped = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(read: () => Promise<unknown>, isNeeded: () => boolean) {
    this.#read = read
    this.#isNeeded = isNeeded
  }

  /** May be called at any time: it begins only what is needed and not already under way. */
  want(): void {
    if (this.#isRunning || this.#stopped || !this.#isNeeded()) return
    this.#isRunning = true
    void this.#run()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    for (let attempt = 1; !this.#stopped && this.#isNeeded(); attempt += 1) {
      // Why it failed does not matter: until there is an answer, the page says what is not up to date.
      await this.#read().catch(() => {})
      if (!this.#stopped && this.#isNeeded()) await this.#pause(retryDelayMs(attempt, Math.random, PAUSE_MAX_MS))
    }
    this.#isRunning = false
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => (this.#timer = setTimeout(resolve, delayMs)))
  }
}

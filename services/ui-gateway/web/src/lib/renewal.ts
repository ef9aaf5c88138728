import { ApiError } from './api'
import { retryDelayMs } from './retry'

// Access tokens live for minutes, a sign-in for weeks. New tokens are asked for before those of now
// end, and once more when the server refuses them; by one window at a time, as a token that renews
// others counts once. Only the server's word ends a sign-in, never its silence.

/** When tokens were got and until when they are good, in ms since 1970. There is nothing secret in it. */
export interface Lease {
  at: number
  until: number
}

/** What the server says of new tokens; the tokens themselves are cookies. */
export interface Renewed {
  expires_in: number
}

export interface RenewalOptions<R extends Renewed> {
  /** Asks the server for new tokens. */
  refresh(): Promise<R>
  /** Runs one action at a time over all windows, where the browser can. */
  alone<T>(action: () => Promise<T>): Promise<T>
  /** What all windows know of the tokens. */
  lease: { read(): Lease | null; write(lease: Lease | null): void }
  after(delayMs: number, action: () => void): () => void
  now(): number
  random(): number
  onRenewed(answer: R): void
  /** The server will not renew any more: whoever was signed in is not. `known`: somebody was, as far as is known. */
  onOver(code: string, known: boolean): void
}

/** Renewed when a fifth of their life is left. */
const RENEW_AT = 0.8
const LIFE_MIN_MS = 1_000
/** Tokens with less than this left may end on the way to the server. */
const ON_THE_WAY_MS = 500
/** A lease from further ahead was written by a clock that was wrong. */
const CLOCK_SLACK_MS = 5_000
const RETRY_MAX_MS = 30_000
/** The longest that the server may ask to be left alone for. */
const REFUSAL_MAX_MS = 300_000
/** What a timer of a browser can take. */
const TIMER_MAX_MS = 2_000_000_000

export class Renewal<R extends Renewed> {
  #options: RenewalOptions<R>
  #running = false
  #flight: Promise<void> | null = null
  /** The latest moment for which somebody needs newer tokens. */
  #wanted = -Infinity
  #failures = 0
  #retryAt = 0
  /** The server asked to be left alone for a while. */
  #refusal: { error: ApiError; until: number } | null = null
  #cancelTimer = () => {}

  constructor(options: RenewalOptions<R>) {
    this.#options = options
  }

  /** Somebody is signed in: their tokens are kept good from now on. */
  start(): void {
    this.#running = true
    this.#schedule()
  }

  /** Nobody is signed in here any more. */
  stop(): void {
    this.#running = false
    this.#failures = this.#retryAt = 0
    this.#refusal = null
    this.#cancelTimer()
  }

  /** Tokens that came another way than by renewal, as with a sign-in that was asked for at that moment. */
  took(answer: Renewed, askedAt: number): void {
    const at = Math.max(this.#options.now(), this.#wanted + 1)
    this.#options.lease.write({ at, until: askedAt + Math.max(answer.expires_in * 1_000, LIFE_MIN_MS) })
    this.#schedule()
  }

  /** Another window has renewed, or the browser comes back from sleep or from being offline. */
  check(): void {
    this.#retryAt = 0
    this.#schedule()
  }

  /** Nothing, or a promise of new tokens where those of now are known to be over. */
  ready(): Promise<void> | null {
    const lease = this.#lease()
    if (lease === null || this.#options.now() < lease.until - ON_THE_WAY_MS) return null
    return this.renew(lease.at).catch((error: unknown) => {
      // This browser's clock may be wrong: as long as the server is silent, the old tokens may do.
      if (isOver(error)) throw error
    })
  }

  /** Waits for tokens newer than that moment; fails with what the server says, or with its silence. */
  async renew(since: number): Promise<void> {
    while (!this.#renewedAfter(since)) {
      this.#wanted = Math.max(this.#wanted, since)
      this.#flight ??= this.#fly().finally(() => {
        this.#flight = null
        this.#wanted = -Infinity
        this.#schedule()
      })
      await this.#flight
    }
  }

  /** The server knows the sign-in no longer. */
  giveUp(code: string): void {
    const known = this.#options.lease.read() !== null
    this.stop()
    this.#options.lease.write(null)
    this.#options.onOver(code, known)
  }

  async #fly(): Promise<void> {
    if (this.#refusal && this.#options.now() < this.#refusal.until) throw this.#refusal.error
    const known = this.#options.lease.read() !== null
    await this.#options.alone(async () => {
      // Another window was told that it is over, and tells this one.
      if (known && this.#options.lease.read() === null) throw endedElsewhere()
      await this.#refresh()
    })
  }

  async #refresh(): Promise<void> {
    // Whoever waited for another window finds its tokens here.
    if (this.#renewedAfter(this.#wanted)) return
    const askedAt = this.#options.now()
    try {
      const answer = await this.#options.refresh()
      this.#failures = this.#retryAt = 0
      this.#refusal = null
      this.took(answer, askedAt)
      this.#options.onRenewed(answer)
    } catch (error) {
      // Where windows cannot wait for each other, somebody may have signed in meanwhile.
      if (this.#renewedAfter(Math.max(askedAt, this.#wanted))) return
      if (isOver(error)) this.giveUp(error.code)
      else this.#putOff(error)
      throw error
    }
  }

  #putOff(error: unknown): void {
    const now = this.#options.now()
    const askedMs = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0
    const waitMs = Math.min(askedMs, REFUSAL_MAX_MS)
    this.#failures += 1
    this.#retryAt = now + Math.max(waitMs, retryDelayMs(this.#failures, this.#options.random, RETRY_MAX_MS))
    if (error instanceof ApiError && waitMs > 0) this.#refusal = { error, until: now + waitMs }
  }

  #schedule(): void {
    this.#cancelTimer()
    if (!this.#running || this.#flight) return
    const now = this.#options.now()
    const at = Math.max(dueAt(this.#lease(), now), this.#retryAt, this.#refusal?.until ?? 0)
    const delayMs = Math.min(Math.max(at - now, 0), TIMER_MAX_MS)
    this.#cancelTimer = this.#options.after(delayMs, () => this.#tick())
  }

  #tick(): void {
    const lease = this.#lease()
    const now = this.#options.now()
    if (now < dueAt(lease, now)) return this.#schedule()
    // A failure is told to those who need the tokens now; this only tries again later.
    this.renew(lease?.at ?? now).catch(() => {})
  }

  #renewedAfter(since: number): boolean {
    const lease = this.#lease()
    return lease !== null && lease.at > since
  }

  #lease(): Lease | null {
    const lease = this.#options.lease.read()
    return lease && lease.at <= this.#options.now() + CLOCK_SLACK_MS ? lease : null
  }
}

const endedElsewhere = () =>
  new ApiError({ title: 'Your session has ended in another window', status: 401, code: 'session_ended' })

const OVER = ['unauthenticated', 'session_ended', 'token_reused']

/** Whether the server itself says that there is nothing to renew; a proxy in between may refuse for reasons of its own. */
export function isOver(error: unknown): error is ApiError {
  return error instanceof ApiError && OVER.includes(error.code)
}

/** Tokens of which nothing is known are renewed at once. */
function dueAt(lease: Lease | null, now: number): number {
  if (lease === null) return now
  const lifeMs = lease.until - lease.at
  return lease.at + Math.max(lifeMs * RENEW_AT, Math.min(lifeMs, LIFE_MIN_MS / 2))
}

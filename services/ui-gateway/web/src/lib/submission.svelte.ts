import { tick } from 'svelte'
import { ApiError, errorText } from './api'
import { Countdown } from './countdown.svelte'
import { Cancelled } from './reauthentication.svelte'

// A form on its way to the server and back: busy, refused with words and fields, or asked to wait.

const WAITS: Record<string, string> = {
  account_locked: 'Too many wrong passwords: this is locked for a while, to keep others out.',
  rate_limited: 'That was a lot of tries in a short time.',
}

export class Submission {
  #busy = $state(false)
  #problem = $state('')
  #refusal = $state.raw<ApiError | null>(null)
  #countdown = new Countdown()

  get busy(): boolean {
    return this.#busy
  }
  get problem(): string {
    return this.#problem
  }
  get refusal(): ApiError | null {
    return this.#refusal
  }
  /** Why there is a wait, or nothing. */
  get wait(): string | undefined {
    return this.#refusal?.retryAfterSeconds ? WAITS[this.#refusal.code] : undefined
  }
  get secondsLeft(): number {
    return this.wait ? this.#countdown.secondsLeft : 0
  }
  /** Sending now would be in vain. */
  get blocked(): boolean {
    return this.#busy || this.secondsLeft > 0
  }

  /** What is wrong with a field; a code may stand for one, as `email_taken` does. */
  field(name: string, code?: string): string | undefined {
    if (code !== undefined && this.#refusal?.code === code) return this.#refusal.message
    return this.#refusal?.field(name)
  }

  submit(event: SubmitEvent & { currentTarget: HTMLFormElement }, action: () => Promise<void>): void {
    event.preventDefault()
    void this.run(action, event.currentTarget)
  }

  /** Whether it was done. */
  async run(action: () => Promise<void>, form?: HTMLElement): Promise<boolean> {
    if (this.blocked) return false
    this.#busy = true
    this.clear()
    try {
      await action()
      return true
    } catch (error) {
      if (!(error instanceof Cancelled)) this.#take(error)
      return false
    } finally {
      this.#busy = false
      void tick().then(() => form?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
    }
  }

  clear(): void {
    this.#problem = ''
    this.#refusal = null
    this.#countdown.stop()
  }

  #take(error: unknown): void {
    this.#problem = errorText(error)
    this.#refusal = error instanceof ApiError ? error : null
    if (this.wait && this.#refusal?.retryAfterSeconds) this.#countdown.start(this.#refusal.retryAfterSeconds)
  }
}

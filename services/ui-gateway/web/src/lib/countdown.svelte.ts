import { createSubscriber } from 'svelte/reactivity'

const LOOK_EVERY_MS = 250

/** A wait that the server asked for, for whoever shows it. */
export class Countdown {
  #until = $state(0)
  #watchClock = createSubscriber((update) => {
    const timer = setInterval(update, LOOK_EVERY_MS)
    return () => clearInterval(timer)
  })

  get secondsLeft(): number {
    const left = Math.max(0, Math.ceil((this.#until - Date.now()) / 1_000))
    if (left > 0) this.#watchClock()
    return left
  }

  start(seconds: number): void {
    this.#until = Date.now() + seconds * 1_000
  }

  stop(): void {
    this.#until = 0
  }
}

/** As it is said: `42 s`, `14 min 05 s`, `12 days`. */
export function waitText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
  return `${Math.ceil(seconds / 86_400)} days`
}
